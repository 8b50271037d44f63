using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    // What one launch takes by value, UpdateSegments, and what one block does: kernels/update.cu.
    private const int SegmentsPerLaunch = 32, UpdateBlockElements = 1024;

    [InlineArray(SegmentsPerLaunch)]
    private struct Segments
    {
        private UpdateSegment _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct UpdateSegments
    {
        public int First, Total;
        public Segments Segments;
    }

    /// <inheritdoc/>
    protected override void Update<TRule>(TRule rule, ReadOnlySpan<UpdateSegment> segments, Tensor values, Tensor gradients, Tensor? state0, Tensor? state1, Tensor? state2)
    {
        var (rules, table, state) = (RuleTable, SegmentTable, State);
        var (weights, slopes, first, second, third) = (Address(values), Address(gradients), AddressOrZero(state0), AddressOrZero(state1), AddressOrZero(state2));
        for (var start = 0; start < segments.Length; start += SegmentsPerLaunch)
        {
            var some = segments.Slice(start, Math.Min(SegmentsPerLaunch, segments.Length - start));
            var part = new UpdateSegments { First = start, Total = segments.Length };
            var blocks = 0;
            for (var i = 0; i < some.Length; i++)
            {
                part.Segments[i] = some[i];
                blocks += Ceiling(some[i].Count, UpdateBlockElements);
            }
            if (blocks == 0) continue;
            Launch(Get("update", TRule.Kernel), new Grid(blocks), 0, (nint)(&rule), (nint)(&rules), (nint)(&part), (nint)(&table), (nint)(&state),
                (nint)(&weights), (nint)(&slopes), (nint)(&first), (nint)(&second), (nint)(&third));
        }
    }
}
