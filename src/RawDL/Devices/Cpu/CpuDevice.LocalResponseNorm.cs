using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    private const int LocalResponseBlock = 256;

    // One chunk is LocalResponseBlock positions of one sample through all channels; lanes run along the positions.
    private struct LocalResponseJob
    {
        public LocalResponseGeometry Geometry;
        public int Blocks;
        public float* X, Denominator, Y, Dy, Dx;
    }

    /// <inheritdoc/>
    protected internal override void LocalResponseNormForward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y)
    {
        var job = new LocalResponseJob
        {
            Geometry = geometry,
            Blocks = (geometry.Inner + LocalResponseBlock - 1) / LocalResponseBlock,
            X = Pointer(x),
            Denominator = Pointer(denominator),
            Y = Pointer(y),
        };
        _team.Run(geometry.Outer * job.Blocks, &LocalResponseForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void LocalResponseNormBackward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y, Tensor dy, Tensor dx)
    {
        var job = new LocalResponseJob
        {
            Geometry = geometry,
            Blocks = (geometry.Inner + LocalResponseBlock - 1) / LocalResponseBlock,
            X = Pointer(x),
            Denominator = Pointer(denominator),
            Y = Pointer(y),
            Dy = Pointer(dy),
            Dx = Pointer(dx),
        };
        _team.Run(geometry.Outer * job.Blocks, &LocalResponseBackwardChunk, &job);
    }

    private static void LocalResponseForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(LocalResponseJob*)arguments;
        var geometry = job.Geometry;
        var sample = (nint)(chunk / job.Blocks) * geometry.Channels * geometry.Inner;
        var first = chunk % job.Blocks * LocalResponseBlock;
        var end = Math.Min(geometry.Inner, first + LocalResponseBlock);
        var factor = geometry.Alpha / geometry.Size;
        for (var channel = 0; channel < geometry.Channels; channel++)
        {
            // Even sizes reach one channel further down than up.
            var low = Math.Max(0, channel - geometry.Size / 2);
            var high = Math.Min(geometry.Channels - 1, channel + (geometry.Size - 1) / 2);
            for (var i = first; i < end; i += Vector<float>.Count)
            {
                var lanes = Math.Min(Vector<float>.Count, end - i);
                var squares = Vector<float>.Zero;
                for (var other = low; other <= high; other++)
                {
                    var value = LoadLanes(job.X + sample + (nint)other * geometry.Inner + i, lanes);
                    squares += value * value;
                }
                var at = sample + (nint)channel * geometry.Inner + i;
                var denominator = new Vector<float>(geometry.Bias) + factor * squares;
                StoreLanes(denominator, job.Denominator + at, lanes);
                StoreLanes(LoadLanes(job.X + at, lanes) * NegativePower(denominator, geometry.Beta), job.Y + at, lanes);
            }
        }
    }

    // dxⱼ += dyⱼ·dⱼ^−beta − 2·alpha·beta/size · xⱼ · Σ dyᵢ·yᵢ/dᵢ over the i whose window holds j.
    private static void LocalResponseBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(LocalResponseJob*)arguments;
        var geometry = job.Geometry;
        var sample = (nint)(chunk / job.Blocks) * geometry.Channels * geometry.Inner;
        var first = chunk % job.Blocks * LocalResponseBlock;
        var end = Math.Min(geometry.Inner, first + LocalResponseBlock);
        var factor = 2 * geometry.Alpha * geometry.Beta / geometry.Size;
        for (var channel = 0; channel < geometry.Channels; channel++)
        {
            var low = Math.Max(0, channel - (geometry.Size - 1) / 2);
            var high = Math.Min(geometry.Channels - 1, channel + geometry.Size / 2);
            for (var i = first; i < end; i += Vector<float>.Count)
            {
                var lanes = Math.Min(Vector<float>.Count, end - i);
                var sum = Vector<float>.Zero;
                for (var other = low; other <= high; other++)
                {
                    var from = sample + (nint)other * geometry.Inner + i;
                    sum += LoadLanes(job.Dy + from, lanes) * LoadLanes(job.Y + from, lanes) / LoadLanes(job.Denominator + from, lanes);
                }
                var at = sample + (nint)channel * geometry.Inner + i;
                var direct = LoadLanes(job.Dy + at, lanes) * NegativePower(LoadLanes(job.Denominator + at, lanes), geometry.Beta);
                StoreLanes(LoadLanes(job.Dx + at, lanes) + direct - factor * LoadLanes(job.X + at, lanes) * sum, job.Dx + at, lanes);
            }
        }
    }

    private static Vector<float> NegativePower(Vector<float> value, float beta) => Vector.Exp(-beta * Vector.Log(value));

    private static Vector<float> LoadLanes(float* source, int lanes) => lanes == Vector<float>.Count ? Vector.Load(source) : LoadPartial(source, lanes);

    private static void StoreLanes(Vector<float> value, float* target, int lanes)
    {
        if (lanes == Vector<float>.Count) value.Store(target);
        else StorePartial(value, target, lanes);
    }
}
