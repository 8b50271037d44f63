using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void UnaryForward<TOp>(TOp op, Tensor x, Tensor y)
    {
        var job = new UnaryJob<TOp>(op, Pointer(x), Pointer(y), null, null, x.Count);
        _team.Run(Chunks(x.Count), &UnaryForwardChunk<TOp>, &job);
    }

    /// <inheritdoc/>
    protected internal override void UnaryBackward<TOp>(TOp op, Tensor x, Tensor y, Tensor dy, Tensor dx)
    {
        var job = new UnaryJob<TOp>(op, Pointer(x), Pointer(y), Pointer(dy), Pointer(dx), x.Count);
        _team.Run(Chunks(x.Count), &UnaryBackwardChunk<TOp>, &job);
    }

    private readonly struct UnaryJob<TOp>(TOp op, float* x, float* y, float* dy, float* dx, int count) where TOp : unmanaged, IUnaryOp
    {
        public readonly TOp Op = op;
        public readonly float* X = x, Y = y, Dy = dy, Dx = dx;
        public readonly int Count = count;
    }

    private static void UnaryForwardChunk<TOp>(void* arguments, int chunk) where TOp : unmanaged, IUnaryOp
    {
        ref readonly var job = ref *(UnaryJob<TOp>*)arguments;
        var op = job.Op;
        var i = chunk * ChunkLength;
        var end = Math.Min(job.Count, i + ChunkLength);
        if (Vector.IsHardwareAccelerated)
        {
            var width = Vector<float>.Count;
            for (; i <= end - width; i += width) op.Forward(Vector.Load(job.X + i)).Store(job.Y + i);
            // The remainder goes through the same lanes, so a value does not depend on where it lies.
            if (i < end) StorePartial(op.Forward(LoadPartial(job.X + i, end - i)), job.Y + i, end - i);
            return;
        }
        for (; i < end; i++) job.Y[i] = op.Forward(job.X[i]);
    }

    private static void UnaryBackwardChunk<TOp>(void* arguments, int chunk) where TOp : unmanaged, IUnaryOp
    {
        ref readonly var job = ref *(UnaryJob<TOp>*)arguments;
        var op = job.Op;
        var i = chunk * ChunkLength;
        var end = Math.Min(job.Count, i + ChunkLength);
        if (Vector.IsHardwareAccelerated)
        {
            var width = Vector<float>.Count;
            for (; i <= end - width; i += width)
                (Vector.Load(job.Dx + i) + Vector.Load(job.Dy + i) * op.Derivative(Vector.Load(job.X + i), Vector.Load(job.Y + i))).Store(job.Dx + i);
            if (i < end)
            {
                var left = end - i;
                var slope = op.Derivative(LoadPartial(job.X + i, left), LoadPartial(job.Y + i, left));
                StorePartial(LoadPartial(job.Dx + i, left) + LoadPartial(job.Dy + i, left) * slope, job.Dx + i, left);
            }
            return;
        }
        for (; i < end; i++) job.Dx[i] += job.Dy[i] * op.Derivative(job.X[i], job.Y[i]);
    }

    /// <summary>The first <paramref name="count"/> lanes from memory, ones elsewhere (a value that no function of ours traps on).</summary>
    private static Vector<float> LoadPartial(float* source, int count)
    {
        var lanes = Vector<float>.One;
        Buffer.MemoryCopy(source, &lanes, sizeof(float) * count, sizeof(float) * count);
        return lanes;
    }

    private static void StorePartial(Vector<float> lanes, float* target, int count) =>
        Buffer.MemoryCopy(&lanes, target, sizeof(float) * count, sizeof(float) * count);
}
