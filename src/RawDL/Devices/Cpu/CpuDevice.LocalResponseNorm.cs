using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    private const int LocalResponseSlot = 8;

    // One chunk is a block of positions of one sample through all channels; lanes run along the positions. Long blocks, whole planes if they can be, read memory as it lies; short
    // ones where threads would be left without a chunk.
    private struct LocalResponseJob
    {
        public LocalResponseGeometry Geometry;
        public int Block;
        public float* X, Denominator, Y, Dy, Dx;
        // Backward, of each thread: dy·y/d of the positions of a chunk, channel after channel.
        public float* Ratios;

        public readonly int PlaneBlocks => Blocks(Geometry.Inner, Block);
    }

    /// <inheritdoc/>
    protected internal override void LocalResponseNormForward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y)
    {
        var job = new LocalResponseJob
        {
            Geometry = geometry,
            Block = LocalResponseBlock(geometry),
            X = Pointer(x),
            Denominator = Pointer(denominator),
            Y = Pointer(y),
        };
        _team.Run(geometry.Outer * job.PlaneBlocks, &LocalResponseForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void LocalResponseNormBackward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y, Tensor dy, Tensor dx)
    {
        var job = new LocalResponseJob
        {
            Geometry = geometry,
            Block = LocalResponseBlock(geometry),
            X = Pointer(x),
            Denominator = Pointer(denominator),
            Y = Pointer(y),
            Dy = Pointer(dy),
            Dx = Pointer(dx),
        };
        job.Ratios = Scratch(LocalResponseSlot, Threads * geometry.Channels * job.Block);
        _team.Run(geometry.Outer * job.PlaneBlocks, &LocalResponseBackwardChunk, &job);
    }

    private int LocalResponseBlock(in LocalResponseGeometry geometry) => geometry.Outer >= 2 * Threads ? 1024 : 256;

    private static void LocalResponseForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(LocalResponseJob*)arguments;
        var geometry = job.Geometry;
        var (image, block) = Math.DivRem(chunk, job.PlaneBlocks);
        var sample = (nint)image * geometry.Channels * geometry.Inner;
        var first = block * job.Block;
        var end = Math.Min(geometry.Inner, first + job.Block);
        var factor = geometry.Alpha / geometry.Size;
        for (var channel = 0; channel < geometry.Channels; channel++)
        {
            // Even sizes reach one channel further down than up.
            var low = Math.Max(0, channel - geometry.Size / 2);
            var high = Math.Min(geometry.Channels - 1, channel + (geometry.Size - 1) / 2);
            var x = job.X + sample + (nint)low * geometry.Inner;
            var at = sample + (nint)channel * geometry.Inner;
            var i = first;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var squares = Vector<float>.Zero;
                var source = x + i;
                for (var other = low; other <= high; other++, source += geometry.Inner)
                {
                    var value = Vector.Load(source);
                    squares += value * value;
                }
                var denominator = new Vector<float>(geometry.Bias) + factor * squares;
                denominator.Store(job.Denominator + at + i);
                (Vector.Load(job.X + at + i) * NegativePower(denominator, geometry.Beta)).Store(job.Y + at + i);
            }
            for (; i < end; i++)
            {
                var squares = 0f;
                var source = x + i;
                for (var other = low; other <= high; other++, source += geometry.Inner) squares += *source * *source;
                var denominator = geometry.Bias + factor * squares;
                job.Denominator[at + i] = denominator;
                job.Y[at + i] = job.X[at + i] * NegativePower(new Vector<float>(denominator), geometry.Beta)[0];
            }
        }
    }

    // dxⱼ += dyⱼ·dⱼ^−beta − 2·alpha·beta/size · xⱼ · Σ dyᵢ·yᵢ/dᵢ over the i whose window holds j.
    private static void LocalResponseBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(LocalResponseJob*)arguments;
        var geometry = job.Geometry;
        var (image, block) = Math.DivRem(chunk, job.PlaneBlocks);
        var sample = (nint)image * geometry.Channels * geometry.Inner;
        var first = block * job.Block;
        var end = Math.Min(geometry.Inner, first + job.Block);
        var factor = 2 * geometry.Alpha * geometry.Beta / geometry.Size;
        var ratios = job.Ratios + (nint)WorkerTeam.ThreadIndex * geometry.Channels * job.Block;
        for (var channel = 0; channel < geometry.Channels; channel++)
            Ratios(job, sample + (nint)channel * geometry.Inner + first, end - first, ratios + channel * job.Block);
        for (var channel = 0; channel < geometry.Channels; channel++)
        {
            var low = Math.Max(0, channel - (geometry.Size - 1) / 2);
            var high = Math.Min(geometry.Channels - 1, channel + geometry.Size / 2);
            var at = sample + (nint)channel * geometry.Inner;
            var lowest = ratios + low * job.Block;
            var i = first;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var sum = Vector<float>.Zero;
                var ratio = lowest + (i - first);
                for (var other = low; other <= high; other++, ratio += job.Block) sum += Vector.Load(ratio);
                var direct = Vector.Load(job.Dy + at + i) * NegativePower(Vector.Load(job.Denominator + at + i), geometry.Beta);
                (Vector.Load(job.Dx + at + i) + direct - factor * Vector.Load(job.X + at + i) * sum).Store(job.Dx + at + i);
            }
            for (; i < end; i++)
            {
                var sum = 0f;
                var ratio = lowest + (i - first);
                for (var other = low; other <= high; other++, ratio += job.Block) sum += *ratio;
                var direct = job.Dy[at + i] * NegativePower(new Vector<float>(job.Denominator[at + i]), geometry.Beta)[0];
                job.Dx[at + i] = job.Dx[at + i] + direct - factor * job.X[at + i] * sum;
            }
        }
    }

    private static void Ratios(in LocalResponseJob job, nint at, int count, float* ratios)
    {
        var i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            (Vector.Load(job.Dy + at + i) * Vector.Load(job.Y + at + i) / Vector.Load(job.Denominator + at + i)).Store(ratios + i);
        for (; i < count; i++) ratios[i] = job.Dy[at + i] * job.Y[at + i] / job.Denominator[at + i];
    }

    // The power of AlexNet's layer by roots; any other by the logarithm.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> NegativePower(Vector<float> value, float beta)
    {
        if (beta != 0.75f) return Elementary.Exp(-beta * Vector.Log(value));
        var root = Vector.SquareRoot(value);
        return Vector<float>.One / (root * Vector.SquareRoot(root));
    }
}
