using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// Products of one row, c = a·B: a network asked about one sample. Nothing is packed, as B is read once. Lanes are columns of B. Where B lies along k (a·Wᵀ), blocks of 8 by 8 are turned in
// registers, so that sums run over k in order and have the bits of the tiles: a sample's result does not depend on how many are asked about at once.
public sealed unsafe partial class CpuDevice
{
    // Columns of a chunk: sums enough to hide the latency of a multiply-add.
    private const int RowColumns = 64, RowColumnsTurned = 24;

    private bool MultiplyRow(in MatMulJob problem)
    {
        if (problem.Rows != 1 || problem.Turned || problem.Store != Store.Overwrite || problem.AStep != 1 || MatMulBits < 256 || !Fma.IsSupported) return false;
        var turned = problem.BStep == 1 && problem.BColumn != 1;
        if (!turned && (problem.BColumn != 1 || problem.Columns < RowColumns)) return false;
        var job = problem;
        Run(job, Blocks(job.Columns, turned ? RowColumnsTurned : RowColumns), turned ? &RowTurnedChunk : &RowChunk, &job);
        return true;
    }

    private static void RowChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(MatMulJob*)arguments;
        // The last chunk computes some columns of the one before again, and leaves them to it.
        var first = chunk * RowColumns;
        var column = Math.Min(first, job.Columns - RowColumns);
        float* sums = stackalloc float[RowColumns], part = stackalloc float[RowColumns];
        var rows = stackalloc int[TileDepth];
        for (var k = 0; k < Math.Min(TileDepth, job.Inner); k++) rows[k] = (int)(k * job.BStep);
        for (var k = 0; k == 0 || k < job.Inner; k += TileDepth)
        {
            new Span<float>(part, RowColumns).Clear();
            AddRuns64(job.B + k * job.BStep + column, rows, job.A + k, Math.Min(TileDepth, job.Inner - k), part);
            PutRow(part, sums, RowColumns, k == 0 ? Store.Overwrite : Store.Add);
        }
        EndRow(job, column, sums, RowColumns);
        PutRow(sums + (first - column), job.C + first, column + RowColumns - first, Store.Overwrite);
    }

    private static void RowTurnedChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(MatMulJob*)arguments;
        var column = chunk * RowColumnsTurned;
        var columns = Math.Min(RowColumnsTurned, job.Columns - column);
        var rows = stackalloc float*[RowColumnsTurned];
        var sums = stackalloc float[RowColumnsTurned];
        // Columns beyond the last are computed from it, and not stored.
        for (var j = 0; j < RowColumnsTurned; j++) rows[j] = job.B + (column + Math.Min(j, columns - 1)) * job.BColumn;
        for (var k = 0; k == 0 || k < job.Inner; k += TileDepth)
        {
            AddTurnedTimes(job.A + k, rows, k, Math.Min(TileDepth, job.Inner - k), sums);
            PutRow(sums, job.C + column, columns, k == 0 ? Store.Overwrite : Store.Add);
        }
        EndRow(job, column, job.C + column, columns);
    }

    // sums[j] = Σ_k a[k] · rows[j][first + k], of 24 rows.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddTurnedTimes(float* a, float** rows, nint first, int depth, float* sums)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default;
        nint k = 0;
        for (; k <= depth - 8; k += 8)
        {
            s0 = AddBlock(a + k, rows, first + k, s0);
            s1 = AddBlock(a + k, rows + 8, first + k, s1);
            s2 = AddBlock(a + k, rows + 16, first + k, s2);
        }
        s0.Store(sums);
        s1.Store(sums + 8);
        s2.Store(sums + 16);
        for (; k < depth; k++)
            for (var j = 0; j < RowColumnsTurned; j++) sums[j] = MathF.FusedMultiplyAdd(a[k], rows[j][first + k], sums[j]);
    }

    // Eight k of eight rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> AddBlock(float* a, float** rows, nint k, Vector256<float> sums)
    {
        Vector256<float> r0 = Vector256.Load(rows[0] + k), r1 = Vector256.Load(rows[1] + k), r2 = Vector256.Load(rows[2] + k), r3 = Vector256.Load(rows[3] + k);
        Vector256<float> r4 = Vector256.Load(rows[4] + k), r5 = Vector256.Load(rows[5] + k), r6 = Vector256.Load(rows[6] + k), r7 = Vector256.Load(rows[7] + k);
        Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1), t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3);
        Vector256<float> t4 = Avx.UnpackLow(r4, r5), t5 = Avx.UnpackHigh(r4, r5), t6 = Avx.UnpackLow(r6, r7), t7 = Avx.UnpackHigh(r6, r7);
        // k 0 and 4, 1 and 5, 2 and 6, 3 and 7, of rows 0 to 3 and of rows 4 to 7.
        Vector256<float> l0 = Avx.Shuffle(t0, t2, 0x44), l1 = Avx.Shuffle(t0, t2, 0xEE), l2 = Avx.Shuffle(t1, t3, 0x44), l3 = Avx.Shuffle(t1, t3, 0xEE);
        Vector256<float> h0 = Avx.Shuffle(t4, t6, 0x44), h1 = Avx.Shuffle(t4, t6, 0xEE), h2 = Avx.Shuffle(t5, t7, 0x44), h3 = Avx.Shuffle(t5, t7, 0xEE);
        sums = Fma.MultiplyAdd(Vector256.Create(a[0]), Avx.Permute2x128(l0, h0, 0x20), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[1]), Avx.Permute2x128(l1, h1, 0x20), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[2]), Avx.Permute2x128(l2, h2, 0x20), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[3]), Avx.Permute2x128(l3, h3, 0x20), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[4]), Avx.Permute2x128(l0, h0, 0x31), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[5]), Avx.Permute2x128(l1, h1, 0x31), sums);
        sums = Fma.MultiplyAdd(Vector256.Create(a[6]), Avx.Permute2x128(l2, h2, 0x31), sums);
        return Fma.MultiplyAdd(Vector256.Create(a[7]), Avx.Permute2x128(l3, h3, 0x31), sums);
    }
}
