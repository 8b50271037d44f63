using System.Numerics;

namespace RawDL;

// Sums are cut at constants of the problem (ChunkLength, RowBlock), partial sums are kept in scratch memory and added in order, in double.
public sealed unsafe partial class CpuDevice
{
    private const int PartialSumsSlot = 6;
    private const int RowBlock = 256;
    private const int ColumnBlock = 64;

    /// <inheritdoc/>
    protected internal override void Sum(in ReduceGeometry geometry, Tensor x, Tensor y, float scale, Store store)
    {
        var terms = new TermJob(Pointer(x), null, null);
        if (geometry.Inner != 1) ColumnSums<PlainTerm>(terms, geometry, Pointer(y), scale, store);
        else RowSums<PlainTerm>(terms, new BroadcastGeometry(1, geometry.Outer, geometry.Reduced), Pointer(y), scale, store);
    }

    /// <inheritdoc/>
    protected internal override void SumBackward(in ReduceGeometry geometry, Tensor dy, Tensor dx, float scale)
    {
        var job = new SumBackwardJob(geometry, Pointer(dy), Pointer(dx), scale);
        _team.Run(Chunks(geometry.Outer * geometry.Reduced * geometry.Inner), &SumBackwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override double SumOfSquares(Tensor x)
    {
        var chunks = Chunks(x.Count);
        var partial = (double*)Scratch(PartialSumsSlot, 2 * chunks);
        var job = new SquaresJob(Pointer(x), partial, x.Count);
        _team.Run(chunks, &SquaresChunk, &job);
        double sum = 0;
        for (var i = 0; i < chunks; i++) sum += partial[i];
        return sum;
    }

    private readonly struct TermJob(float* a, float* b, float* dy)
    {
        public readonly float* A = a, B = b, Dy = dy;
    }

    /// <summary>One term of a sum, at element i of [Outer, Channels, Inner], where b belongs to its channel.</summary>
    private interface ITerm
    {
        static abstract bool UsesB { get; }
        static abstract float At(in TermJob job, int i, float b);
        static abstract Vector<float> At(in TermJob job, int i, Vector<float> b);
        // The first count lanes count; the others are arbitrary.
        static abstract Vector<float> At(in TermJob job, int i, Vector<float> b, int count);
    }

    private readonly struct PlainTerm : ITerm
    {
        public static bool UsesB => false;
        public static float At(in TermJob job, int i, float b) => job.A[i];
        public static Vector<float> At(in TermJob job, int i, Vector<float> b) => Vector.Load(job.A + i);
        public static Vector<float> At(in TermJob job, int i, Vector<float> b, int count) => LoadPartial(job.A + i, count);
    }

    private readonly struct SumJob(TermJob terms, int outer, int channels, int inner, int pieces, float* partial)
    {
        public readonly TermJob Terms = terms;
        public readonly int Outer = outer, Channels = channels, Inner = inner, Pieces = pieces;
        public readonly float* Partial = partial;
    }

    // y[c] = scale · Σ_o Σ_i term[o, c, i]: each row of Inner elements is cut into pieces of at most ChunkLength.
    private void RowSums<TTerm>(in TermJob terms, in BroadcastGeometry geometry, float* y, float scale, Store store) where TTerm : struct, ITerm
    {
        var pieces = Math.Max(1, Chunks(geometry.Inner));
        var rows = geometry.Outer * geometry.Channels;
        var partial = Scratch(PartialSumsSlot, rows * pieces);
        var job = new SumJob(terms, geometry.Outer, geometry.Channels, geometry.Inner, pieces, partial);
        var piecesPerChunk = PiecesPerChunk(geometry.Inner);
        _team.Run((rows * pieces + piecesPerChunk - 1) / piecesPerChunk, &RowSumsChunk<TTerm>, &job);
        for (var c = 0; c < geometry.Channels; c++)
        {
            double sum = 0;
            for (var o = 0; o < geometry.Outer; o++)
                for (var p = 0; p < pieces; p++) sum += partial[(o * geometry.Channels + c) * pieces + p];
            y[c] = (float)(scale * sum) + (store == Store.Add ? y[c] : 0f);
        }
    }

    private static int PiecesPerChunk(int inner) => Math.Max(1, ChunkLength / Math.Max(1, inner));

    private static void RowSumsChunk<TTerm>(void* arguments, int chunk) where TTerm : struct, ITerm
    {
        ref readonly var job = ref *(SumJob*)arguments;
        var piecesPerChunk = PiecesPerChunk(job.Inner);
        var end = Math.Min(job.Outer * job.Channels * job.Pieces, (chunk + 1) * piecesPerChunk);
        for (var piece = chunk * piecesPerChunk; piece < end; piece++)
        {
            var row = piece / job.Pieces;
            var first = piece % job.Pieces * ChunkLength;
            var count = Math.Min(ChunkLength, job.Inner - first);
            var b = TTerm.UsesB ? job.Terms.B[row % job.Channels] : 0f;
            job.Partial[piece] = RowSum<TTerm>(job.Terms, row * job.Inner + first, count, b);
        }
    }

    // Lanes: four accumulators of every fourth vector, added in order, then across.
    private static float RowSum<TTerm>(in TermJob job, int start, int count, float b) where TTerm : struct, ITerm
    {
        var i = start;
        var end = start + count;
        if (!Vector.IsHardwareAccelerated)
        {
            double sum = 0;
            for (; i < end; i++) sum += TTerm.At(job, i, b);
            return (float)sum;
        }
        var width = Vector<float>.Count;
        var lanes = new Vector<float>(b);
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (; i <= end - 4 * width; i += 4 * width)
        {
            s0 += TTerm.At(job, i, lanes);
            s1 += TTerm.At(job, i + width, lanes);
            s2 += TTerm.At(job, i + 2 * width, lanes);
            s3 += TTerm.At(job, i + 3 * width, lanes);
        }
        for (; i <= end - width; i += width) s0 += TTerm.At(job, i, lanes);
        if (i < end)
        {
            Vector<float> left = default;
            StorePartial(TTerm.At(job, i, lanes, end - i), (float*)&left, end - i);
            s1 += left;
        }
        return Vector.Sum(s0 + s1 + (s2 + s3));
    }

    // y[o, i] = scale · Σ_r term[o, r, i]: a chunk is one block of rows of one block of columns, so the accumulators stay in registers.
    private void ColumnSums<TTerm>(in TermJob terms, in ReduceGeometry geometry, float* y, float scale, Store store) where TTerm : struct, ITerm
    {
        var pieces = Math.Max(1, (geometry.Reduced + RowBlock - 1) / RowBlock);
        var columnBlocks = (geometry.Inner + ColumnBlock - 1) / ColumnBlock;
        var partial = Scratch(PartialSumsSlot, geometry.Outer * pieces * geometry.Inner);
        var job = new SumJob(terms, geometry.Outer, geometry.Reduced, geometry.Inner, pieces, partial);
        _team.Run(geometry.Outer * pieces * columnBlocks, &ColumnSumsChunk<TTerm>, &job);
        for (var o = 0; o < geometry.Outer; o++)
            for (var i = 0; i < geometry.Inner; i++)
            {
                double sum = 0;
                for (var p = 0; p < pieces; p++) sum += partial[(o * pieces + p) * geometry.Inner + i];
                ref var target = ref y[o * geometry.Inner + i];
                target = (float)(scale * sum) + (store == Store.Add ? target : 0f);
            }
    }

    private static void ColumnSumsChunk<TTerm>(void* arguments, int chunk) where TTerm : struct, ITerm
    {
        ref readonly var job = ref *(SumJob*)arguments;
        var columnBlocks = (job.Inner + ColumnBlock - 1) / ColumnBlock;
        var block = chunk / columnBlocks;
        var i = chunk % columnBlocks * ColumnBlock;
        var end = Math.Min(job.Inner, i + ColumnBlock);
        var outer = block / job.Pieces;
        var firstRow = block % job.Pieces * RowBlock;
        var rows = Math.Min(RowBlock, job.Channels - firstRow);
        var start = (outer * job.Channels + firstRow) * job.Inner;
        var partial = job.Partial + block * job.Inner;
        var b = job.Terms.B;
        var width = Vector.IsHardwareAccelerated ? Vector<float>.Count : int.MaxValue;
        for (; i <= end - width; i += width)
        {
            var lanes = TTerm.UsesB ? Vector.Load(b + i) : default;
            Vector<float> even = default, odd = default;
            var row = 0;
            for (; row < rows - 1; row += 2)
            {
                even += TTerm.At(job.Terms, start + row * job.Inner + i, lanes);
                odd += TTerm.At(job.Terms, start + (row + 1) * job.Inner + i, lanes);
            }
            if (row < rows) even += TTerm.At(job.Terms, start + row * job.Inner + i, lanes);
            (even + odd).Store(partial + i);
        }
        for (; i < end; i++)
        {
            double sum = 0;
            for (var row = 0; row < rows; row++) sum += TTerm.At(job.Terms, start + row * job.Inner + i, TTerm.UsesB ? b[i] : 0f);
            partial[i] = (float)sum;
        }
    }

    private readonly struct SumBackwardJob(ReduceGeometry geometry, float* dy, float* dx, float scale)
    {
        public readonly ReduceGeometry Geometry = geometry;
        public readonly float* Dy = dy, Dx = dx;
        public readonly float Scale = scale;
    }

    private static void SumBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(SumBackwardJob*)arguments;
        var (outer, reduced, inner) = (job.Geometry.Outer, job.Geometry.Reduced, job.Geometry.Inner);
        var end = Math.Min(outer * reduced * inner, (chunk + 1) * ChunkLength);
        int run;
        for (var i = chunk * ChunkLength; i < end; i += run)
        {
            // Inner = 1: one value of dy for a whole row; else a row of dy for each row of dx.
            var length = inner == 1 ? reduced : inner;
            var place = i % length;
            run = Math.Min(end - i, length - place);
            var dy = job.Dy + (inner == 1 ? i / reduced : i / (reduced * inner) * inner + place);
            if (inner == 1) AddScaled(null, *dy * job.Scale, job.Dx + i, run);
            else AddScaled(dy, job.Scale, job.Dx + i, run);
        }
    }

    // target += scale · source, or target += scale where there is no source.
    private static void AddScaled(float* source, float scale, float* target, int count)
    {
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            var lanes = new Vector<float>(scale);
            for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
                (Vector.Load(target + i) + (source == null ? lanes : Vector.Load(source + i) * lanes)).Store(target + i);
        }
        for (; i < count; i++) target[i] += source == null ? scale : source[i] * scale;
    }

    private readonly struct SquaresJob(float* x, double* partial, int count)
    {
        public readonly float* X = x;
        public readonly double* Partial = partial;
        public readonly int Count = count;
    }

    private static void SquaresChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(SquaresJob*)arguments;
        var i = chunk * ChunkLength;
        var end = Math.Min(job.Count, i + ChunkLength);
        double sum = 0;
        if (Vector.IsHardwareAccelerated)
        {
            Vector<double> s0 = default, s1 = default;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector.Widen(Vector.Load(job.X + i), out var low, out var high);
                s0 += low * low;
                s1 += high * high;
            }
            sum = Vector.Sum(s0 + s1);
        }
        for (; i < end; i++) sum += (double)job.X[i] * job.X[i];
        job.Partial[chunk] = sum;
    }
}
