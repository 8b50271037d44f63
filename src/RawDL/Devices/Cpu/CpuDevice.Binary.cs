using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void BinaryForward<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor y)
    {
        var job = new BinaryJob(geometry, Pointer(a), Pointer(b), null, Pointer(y));
        _team.Run(Chunks(geometry.Count), &BinaryForwardChunk<TOp>, &job);
    }

    /// <inheritdoc/>
    protected internal override void BinaryBackwardLeft<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor da)
    {
        var job = new BinaryJob(geometry, Pointer(a), Pointer(b), Pointer(dy), Pointer(da));
        _team.Run(Chunks(geometry.Count), &BinaryBackwardLeftChunk<TOp>, &job);
    }

    /// <inheritdoc/>
    protected internal override void BinaryBackwardRight<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor db)
    {
        var job = new BinaryJob(geometry, Pointer(a), Pointer(b), Pointer(dy), Pointer(db));
        if (geometry is { Outer: 1, Inner: 1 })
        {
            _team.Run(Chunks(geometry.Count), &BinaryBackwardRightChunk<TOp>, &job);
            return;
        }
        var terms = new TermJob(Pointer(a), Pointer(b), Pointer(dy));
        if (geometry.Inner == 1) ColumnSums<RightTerm<TOp>>(terms, new ReduceGeometry(1, geometry.Outer, geometry.Channels), Pointer(db), 1f, Store.Add);
        else RowSums<RightTerm<TOp>>(terms, geometry, Pointer(db), 1f, Store.Add);
    }

    private readonly struct BinaryJob(BroadcastGeometry geometry, float* a, float* b, float* dy, float* target)
    {
        public readonly BroadcastGeometry Geometry = geometry;
        public readonly float* A = a, B = b, Dy = dy, Target = target;

        // The longest run from element i on for which b either moves along with a (Inner = 1) or stands still.
        public int RunLength(int i, int end, out int channel)
        {
            if (Geometry.Inner == 1)
            {
                channel = i % Geometry.Channels;
                return Math.Min(end - i, Geometry.Channels - channel);
            }
            channel = i / Geometry.Inner % Geometry.Channels;
            return Math.Min(end - i, Geometry.Inner - i % Geometry.Inner);
        }
    }

    private static void BinaryForwardChunk<TOp>(void* arguments, int chunk) where TOp : unmanaged, IBinaryOp
    {
        ref readonly var job = ref *(BinaryJob*)arguments;
        var end = Math.Min(job.Geometry.Count, (chunk + 1) * ChunkLength);
        var width = Vector<float>.Count;
        int run;
        for (var i = chunk * ChunkLength; i < end; i += run)
        {
            run = job.RunLength(i, end, out var channel);
            float* a = job.A + i, b = job.B + channel, y = job.Target + i;
            var moves = job.Geometry.Inner == 1;
            var k = 0;
            if (!Vector.IsHardwareAccelerated)
            {
                for (; k < run; k++) y[k] = TOp.Forward(a[k], moves ? b[k] : *b);
                continue;
            }
            if (moves)
            {
                for (; k <= run - width; k += width) TOp.Forward(Vector.Load(a + k), Vector.Load(b + k)).Store(y + k);
                if (k < run) StorePartial(TOp.Forward(LoadPartial(a + k, run - k), LoadPartial(b + k, run - k)), y + k, run - k);
            }
            else
            {
                var still = new Vector<float>(*b);
                for (; k <= run - width; k += width) TOp.Forward(Vector.Load(a + k), still).Store(y + k);
                if (k < run) StorePartial(TOp.Forward(LoadPartial(a + k, run - k), still), y + k, run - k);
            }
        }
    }

    private static void BinaryBackwardLeftChunk<TOp>(void* arguments, int chunk) where TOp : unmanaged, IBinaryOp
    {
        ref readonly var job = ref *(BinaryJob*)arguments;
        var end = Math.Min(job.Geometry.Count, (chunk + 1) * ChunkLength);
        var width = Vector<float>.Count;
        int run;
        for (var i = chunk * ChunkLength; i < end; i += run)
        {
            run = job.RunLength(i, end, out var channel);
            float* a = job.A + i, b = job.B + channel, dy = job.Dy + i, da = job.Target + i;
            var moves = job.Geometry.Inner == 1;
            var k = 0;
            if (!Vector.IsHardwareAccelerated)
            {
                for (; k < run; k++) da[k] += dy[k] * TOp.DerivativeLeft(a[k], moves ? b[k] : *b);
                continue;
            }
            var still = new Vector<float>(*b);
            for (; k <= run - width; k += width)
            {
                var slope = TOp.DerivativeLeft(Vector.Load(a + k), moves ? Vector.Load(b + k) : still);
                (Vector.Load(da + k) + Vector.Load(dy + k) * slope).Store(da + k);
            }
            if (k < run)
            {
                var left = run - k;
                var slope = TOp.DerivativeLeft(LoadPartial(a + k, left), moves ? LoadPartial(b + k, left) : still);
                StorePartial(LoadPartial(da + k, left) + LoadPartial(dy + k, left) * slope, da + k, left);
            }
        }
    }

    // Operands of one shape: nothing to sum.
    private static void BinaryBackwardRightChunk<TOp>(void* arguments, int chunk) where TOp : unmanaged, IBinaryOp
    {
        ref readonly var job = ref *(BinaryJob*)arguments;
        float* a = job.A, b = job.B, dy = job.Dy, db = job.Target;
        var i = chunk * ChunkLength;
        var end = Math.Min(job.Geometry.Count, i + ChunkLength);
        if (!Vector.IsHardwareAccelerated)
        {
            for (; i < end; i++) db[i] += dy[i] * TOp.DerivativeRight(a[i], b[i]);
            return;
        }
        var width = Vector<float>.Count;
        for (; i <= end - width; i += width)
            (Vector.Load(db + i) + Vector.Load(dy + i) * TOp.DerivativeRight(Vector.Load(a + i), Vector.Load(b + i))).Store(db + i);
        if (i < end)
        {
            var left = end - i;
            var slope = TOp.DerivativeRight(LoadPartial(a + i, left), LoadPartial(b + i, left));
            StorePartial(LoadPartial(db + i, left) + LoadPartial(dy + i, left) * slope, db + i, left);
        }
    }

    // A term of db: dy · ∂f/∂b.
    private readonly struct RightTerm<TOp> : ITerm where TOp : unmanaged, IBinaryOp
    {
        public static bool UsesB => true;
        public static float At(in TermJob job, int i, float b) => job.Dy[i] * TOp.DerivativeRight(job.A[i], b);
        public static Vector<float> At(in TermJob job, int i, Vector<float> b) =>
            Vector.Load(job.Dy + i) * TOp.DerivativeRight(Vector.Load(job.A + i), b);
        public static Vector<float> At(in TermJob job, int i, Vector<float> b, int count) =>
            LoadPartial(job.Dy + i, count) * TOp.DerivativeRight(LoadPartial(job.A + i, count), b);
    }
}
