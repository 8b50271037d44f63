using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>Where a run of steps stands that the device repeats without the host: kernels/geometry.cuh.</summary>
/// <param name="Step">Added to the step of a dropout.</param>
/// <param name="Index">Entry of the tables and histories that have one entry per step.</param>
/// <param name="Position">Samples of the epoch's order that are behind.</param>
/// <param name="Epoch">Added to the epoch of an augmentation.</param>
/// <param name="Failed">1 once a loss or a gradient was not finite: from then on no step changes anything.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct StepState(ulong Step, uint Index, uint Position, uint Epoch, uint Failed = 0);

public sealed unsafe partial class CudaDevice
{
    private DeviceBuffer? _state;

    /// <summary>The address of the <see cref="StepState"/>: all 0 until someone writes it.</summary>
    private ulong State
    {
        get
        {
            if (_state is null)
            {
                _state = Allocate(sizeof(StepState) / 4);
                _driver.Set(Address(_state, 0), 0, (nuint)_state.Length);
            }
            return Address(_state, 0);
        }
    }

    /// <summary>The address of a table of rules, one per step, which <see cref="Update"/> reads at <see cref="StepState.Index"/>; 0: it takes the caller's.</summary>
    internal ulong RuleTable { get; set; }

    /// <summary>The address of a table of segments [steps, segments] which <see cref="Update"/> reads at <see cref="StepState.Index"/>; 0: it takes the caller's.</summary>
    internal ulong SegmentTable { get; set; }

    /// <summary>Ends a step: Step + 1, Index + 1, Position + <paramref name="samples"/>.</summary>
    internal void AdvanceStep(int samples)
    {
        var state = State;
        Launch(Get("step", "advance_step"), new Grid(1), 0, (nint)(&state), (nint)(&samples));
    }

    /// <summary>history[Index] = value, a tensor of one element; the step fails where it is not finite.</summary>
    internal void StoreScalar(Tensor value, Tensor history)
    {
        var (from, to, state) = (Address(value), Address(history), State);
        Launch(Get("step", "store_scalar"), new Grid(1), 0, (nint)(&from), (nint)(&to), (nint)(&state));
    }

    /// <summary>The step fails where Σ x² is not finite.</summary>
    internal void CheckSquares(Tensor x)
    {
        var state = State;
        var partial = PartialSquares(x, out var pieces);
        Launch(Get("step", "check_squares"), new Grid(1), 0, (nint)(&partial), (nint)(&pieces), (nint)(&state));
    }

    /// <summary>Sets where the device stands.</summary>
    internal void WriteState(StepState state) => _driver.Upload(State, &state, (nuint)sizeof(StepState));

    /// <summary>Where the device stands. Waits.</summary>
    internal StepState ReadState()
    {
        StepState state;
        _driver.Download(&state, State, (nuint)sizeof(StepState));
        return state;
    }

    internal void UploadBytes(ReadOnlySpan<byte> source, DeviceBuffer target)
    {
        fixed (byte* bytes = source) _driver.Upload(Address(target, 0), bytes, (nuint)source.Length);
    }

    /// <summary><see cref="Update"/> by tables of the addresses of rules and segments.</summary>
    internal void UpdateByTables<TRule>(DeviceBuffer rules, DeviceBuffer segments, ReadOnlySpan<UpdateSegment> extents, Tensor values, Tensor gradients, ReadOnlySpan<Tensor> states)
        where TRule : unmanaged, IUpdateRule
    {
        (RuleTable, SegmentTable) = (Address(rules, 0), Address(segments, 0));
        values.Update<TRule>(gradients, extents, default, states);
        (RuleTable, SegmentTable) = (0, 0);
    }

    /// <summary>What <paramref name="work"/> launches, as a graph; nothing of it runs.</summary>
    internal nint Capture(Action work)
    {
        _driver.BeginCapture();
        try
        {
            work();
        }
        catch
        {
            // The recording has to end before the device can be used again.
            try
            {
                _driver.DestroyGraph(_driver.EndCapture());
            }
            catch (CudaException)
            {
            }
            throw;
        }
        return _driver.EndCapture();
    }

    /// <inheritdoc/>
    public override int GradientPart => int.MaxValue;

    /// <summary>Null when there are no data or they do not fit into the device's memory: then the host sends each batch.</summary>
    public override ResidentStep? CreateResidentStep(Func<ResidentData?> data)
    {
        ArgumentNullException.ThrowIfNull(data);
        try
        {
            return data() is { } resident ? new CudaResidentStep(this, resident) : null;
        }
        catch (CudaException e) when (e.IsOutOfMemory)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public override Staging CreateStaging(Tensor tensor, bool readsDevice)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return readsDevice ? new DirectStaging(this, (float*)Address(tensor)) : new CudaStaging(_driver, Address(tensor), tensor.Count);
    }
}
