using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// Products of one row, c = a·B: a network asked about one sample. Nothing is packed, as B is read once. Lanes are columns of B. Where B lies along k (a·Wᵀ), blocks of 8 by 4 are turned in
// registers, so that sums run over k in order and have the bits of the tiles: a sample's result does not depend on how many are asked about at once.
public sealed unsafe partial class CpuDevice
{
    // Columns of a chunk: sums enough to hide the latency of a multiply-add, and long pieces of memory.
    private const int RowStrips = 4, RowColumnsTurned = 24;

    private bool MultiplyRow(in MatMulJob problem)
    {
        if (problem.Rows != 1 || problem.Turned || problem.Store != Store.Overwrite || problem.AStep != 1 || MatMulBits < 256 || !Fma.IsSupported) return false;
        var turned = problem.BStep == 1 && problem.BColumn != 1;
        var isWide = MatMulBits == 512 && problem.Columns >= RowStrips * 2 * Lanes512.Count;
        var width = turned ? RowColumnsTurned : RowStrips * 2 * (isWide ? Lanes512.Count : Lanes256.Count);
        if (turned ? problem.Columns < 8 : problem.BColumn != 1 || problem.Columns < width) return false;
        var job = new StripsJob { Problem = problem };
        Run(problem, Blocks(problem.Columns, width), turned ? &RowTurnedChunk : isWide ? &RowChunk<Lanes512, Vector512<float>> : &RowChunk<Lanes256, Vector256<float>>, &job);
        return true;
    }

    private static void RowChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        var width = RowStrips * 2 * TLanes.Count;
        MultiplyRowStrips<TLanes, TVector>(job, chunk * width, job.Problem.Columns - width);
    }

    // Strips side by side of one row, from a column on. Those that would begin behind the last begin there, compute some columns of the chunk before again, and leave them to it.
    private static void MultiplyRowStrips<TLanes, TVector>(in StripsJob job, int first, int last) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var problem = ref job.Problem;
        var (strip, width, column) = (2 * TLanes.Count, RowStrips * 2 * TLanes.Count, Math.Min(first, last));
        var sums = stackalloc float[width];
        for (var k = 0; k == 0 || k < problem.Inner; k += TileDepth)
        {
            var depth = Math.Min(TileDepth, problem.Inner - k);
            var store = k == 0 ? Store.Overwrite : Store.Add;
            if (job.Right != null) SumRow<TLanes, TVector>(problem.A + k, job.Panel(k, column, strip), strip, strip * depth, depth, sums, store);
            else SumRow<TLanes, TVector>(problem.A + k, problem.B + k * problem.BStep + column, problem.BStep, strip, depth, sums, store);
        }
        EndRow(problem, column, sums, width);
        PutRow(sums + (first - column), problem.C + first, column + width - first, Store.Overwrite);
    }

    // sums[j] = or += Σ_k a[k] · b[k · step + j] of four pairs of vectors, in b one pair every next floats.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumRow<TLanes, TVector>(float* a, float* b, nint step, nint next, int depth, float* sums, Store store)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        TVector s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        float* b1 = b + next, b2 = b1 + next, b3 = b2 + next;
        for (var end = a + depth; a < end; a++, b += step, b1 += step, b2 += step, b3 += step)
        {
            var v = TLanes.Broadcast(*a);
            s0 = TLanes.MultiplyAdd(v, TLanes.Load(b), s0);
            s1 = TLanes.MultiplyAdd(v, TLanes.Load(b + TLanes.Count), s1);
            s2 = TLanes.MultiplyAdd(v, TLanes.Load(b1), s2);
            s3 = TLanes.MultiplyAdd(v, TLanes.Load(b1 + TLanes.Count), s3);
            s4 = TLanes.MultiplyAdd(v, TLanes.Load(b2), s4);
            s5 = TLanes.MultiplyAdd(v, TLanes.Load(b2 + TLanes.Count), s5);
            s6 = TLanes.MultiplyAdd(v, TLanes.Load(b3), s6);
            s7 = TLanes.MultiplyAdd(v, TLanes.Load(b3 + TLanes.Count), s7);
        }
        Put<TLanes, TVector>(s0, sums, TLanes.Count, store);
        Put<TLanes, TVector>(s1, sums + TLanes.Count, TLanes.Count, store);
        Put<TLanes, TVector>(s2, sums + 2 * TLanes.Count, TLanes.Count, store);
        Put<TLanes, TVector>(s3, sums + 3 * TLanes.Count, TLanes.Count, store);
        Put<TLanes, TVector>(s4, sums + 4 * TLanes.Count, TLanes.Count, store);
        Put<TLanes, TVector>(s5, sums + 5 * TLanes.Count, TLanes.Count, store);
        Put<TLanes, TVector>(s6, sums + 6 * TLanes.Count, TLanes.Count, store);
        Put<TLanes, TVector>(s7, sums + 7 * TLanes.Count, TLanes.Count, store);
    }

    private static void RowTurnedChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref ((StripsJob*)arguments)->Problem;
        var column = chunk * RowColumnsTurned;
        var columns = Math.Min(RowColumnsTurned, job.Columns - column);
        // The last eight columns may begin among those of the chunk before.
        float* sums = stackalloc float[RowColumnsTurned], parts = stackalloc float[8 + RowColumnsTurned];
        var part = parts + 8;
        for (var k = 0; k == 0 || k < job.Inner; k += TileDepth)
        {
            var depth = Math.Min(TileDepth, job.Inner - k);
            if (columns == RowColumnsTurned) AddTurnedTimes24(job.A + k, job.B + column * job.BColumn + k, job.BColumn, depth, part);
            else
                for (var j = 0; j < columns; j += 8)
                {
                    var first = Math.Min(column + j, job.Columns - 8);
                    AddTurnedTimes8(job.A + k, job.B + first * job.BColumn + k, job.BColumn, depth, part + (first - column));
                }
            PutRow(part, sums, columns, k == 0 ? Store.Overwrite : Store.Add);
        }
        EndRow(job, column, sums, columns);
        PutRow(sums, job.C + column, columns, Store.Overwrite);
    }

    // sums[j] = Σ_k a[k] · b[j · row + k], of 24 rows: three chains hide most of the latency of a multiply-add.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddTurnedTimes24(float* a, float* b, nint row, int depth, float* sums)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default;
        float* b0 = b, b1 = b + 4 * row, b2 = b + 8 * row, b3 = b + 12 * row, b4 = b + 16 * row, b5 = b + 20 * row;
        nint row2 = 2 * row, row3 = 3 * row, k = 0;
        for (; k <= depth - 4; k += 4)
        {
            s0 = AddFour(a + k, b0 + k, b1 + k, row, row2, row3, s0);
            s1 = AddFour(a + k, b2 + k, b3 + k, row, row2, row3, s1);
            s2 = AddFour(a + k, b4 + k, b5 + k, row, row2, row3, s2);
        }
        s0.Store(sums);
        s1.Store(sums + 8);
        s2.Store(sums + 16);
        for (; k < depth; k++)
            for (var j = 0; j < RowColumnsTurned; j++) sums[j] = MathF.FusedMultiplyAdd(a[k], b[j * row + k], sums[j]);
    }

    // The same of 8 rows.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddTurnedTimes8(float* a, float* b, nint row, int depth, float* sums)
    {
        Vector256<float> s0 = default;
        nint row2 = 2 * row, row3 = 3 * row, k = 0;
        for (; k <= depth - 4; k += 4) s0 = AddFour(a + k, b + k, b + 4 * row + k, row, row2, row3, s0);
        s0.Store(sums);
        for (; k < depth; k++)
            for (var j = 0; j < 8; j++) sums[j] = MathF.FusedMultiplyAdd(a[k], b[j * row + k], sums[j]);
    }

    // Four k of eight rows, four by four turned in each half of the vectors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> AddFour(float* a, float* low, float* high, nint row, nint row2, nint row3, Vector256<float> sums)
    {
        Vector256<float> r0 = Vector256.Create(Vector128.Load(low), Vector128.Load(high)), r1 = Vector256.Create(Vector128.Load(low + row), Vector128.Load(high + row));
        Vector256<float> r2 = Vector256.Create(Vector128.Load(low + row2), Vector128.Load(high + row2)), r3 = Vector256.Create(Vector128.Load(low + row3), Vector128.Load(high + row3));
        Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1), t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3);
        sums = Fma.MultiplyAdd(Vector256.Create(a[0]), Avx.Shuffle(t0, t2, 0x44), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[1]), Avx.Shuffle(t0, t2, 0xEE), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[2]), Avx.Shuffle(t1, t3, 0x44), sums);
        return Fma.MultiplyAdd(Vector256.Create(a[3]), Avx.Shuffle(t1, t3, 0xEE), sums);
    }
}
