using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// The last columns of a product where they would leave most lanes of a tile empty: lanes are 16 rows of A, whose floats along k are turned in registers on the way, which
// fills what the multiply-adds leave free of the processor. Sums run over k in order, as everywhere.
public sealed unsafe partial class CpuDevice
{
    // Columns of such a tile, its rows, and the depth from which on turning its sums is a small part.
    private const int RowLaneColumns = 10, RowLanes = 16, RowLanesDepth = 64;

    /// <summary>C[rows, columns] of fewer columns than a strip has: by sixteens where that fills lanes, and the rest ten by ten. False where other tiles do better.</summary>
    private static bool MultiplyRowLanes(Product product, int rows)
    {
        if (!Avx512F.IsSupported || product.LeftPanel != 0 || product.AStep != 1 || product.Depth < RowLanesDepth || rows < RowLanes
            || product.Columns is > RowLaneColumns and <= 16 or > 16 + RowLaneColumns) return false;
        if (product.Columns > 2 * RowLaneColumns)
        {
            var left = product;
            left.Columns = 16;
            MultiplyDown<Lanes512, Vector512<float>>(left, rows);
            product.B += 16;
            product.C += 16;
            product.Columns -= 16;
        }
        var sums = stackalloc float[RowLaneColumns * RowLanes];
        for (var column = 0; column < product.Columns; column += RowLaneColumns)
            for (var row = 0; row < rows; row += RowLanes)
            {
                // The last rows may begin among those before, which are left as they are.
                var first = Math.Min(row, rows - RowLanes);
                AddRowLanes(product.A + first * product.ARow, product.ARow, product.Depth, product.B + column, product.BStep, sums);
                PutRowLanes(sums, row - first, product.C + first * product.CStride + column, product.CStride, Math.Min(RowLaneColumns, product.Columns - column), product.Store);
            }
        return true;
    }

    // sums[j, r] = Σ_k a[r · row + k] · b[k · step + j] of 16 rows and 10 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRowLanes(float* a, nint row, int depth, float* b, nint step, float* sums)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default;
        Vector512<float> s5 = default, s6 = default, s7 = default, s8 = default, s9 = default;
        float* a0 = a, a4 = a + 4 * row, a8 = a + 8 * row, a12 = a + 12 * row, end = a + (depth & ~3);
        nint row2 = 2 * row, row3 = 3 * row;
        for (; a0 != end; b += step)
        {
            var (k0, k1, k2, k3) = Turn4(FourRows(a0, a4, a8, a12), FourRows(a0 + row, a4 + row, a8 + row, a12 + row),
                FourRows(a0 + row2, a4 + row2, a8 + row2, a12 + row2), FourRows(a0 + row3, a4 + row3, a8 + row3, a12 + row3));
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(b[0]), k0, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(b[1]), k0, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(b[2]), k0, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(b[3]), k0, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(b[4]), k0, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(b[5]), k0, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(b[6]), k0, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(b[7]), k0, s7);
            s8 = Vector512.FusedMultiplyAdd(Vector512.Create(b[8]), k0, s8);
            s9 = Vector512.FusedMultiplyAdd(Vector512.Create(b[9]), k0, s9);
            b += step;
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(b[0]), k1, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(b[1]), k1, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(b[2]), k1, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(b[3]), k1, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(b[4]), k1, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(b[5]), k1, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(b[6]), k1, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(b[7]), k1, s7);
            s8 = Vector512.FusedMultiplyAdd(Vector512.Create(b[8]), k1, s8);
            s9 = Vector512.FusedMultiplyAdd(Vector512.Create(b[9]), k1, s9);
            b += step;
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(b[0]), k2, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(b[1]), k2, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(b[2]), k2, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(b[3]), k2, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(b[4]), k2, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(b[5]), k2, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(b[6]), k2, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(b[7]), k2, s7);
            s8 = Vector512.FusedMultiplyAdd(Vector512.Create(b[8]), k2, s8);
            s9 = Vector512.FusedMultiplyAdd(Vector512.Create(b[9]), k2, s9);
            b += step;
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(b[0]), k3, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(b[1]), k3, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(b[2]), k3, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(b[3]), k3, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(b[4]), k3, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(b[5]), k3, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(b[6]), k3, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(b[7]), k3, s7);
            s8 = Vector512.FusedMultiplyAdd(Vector512.Create(b[8]), k3, s8);
            s9 = Vector512.FusedMultiplyAdd(Vector512.Create(b[9]), k3, s9);
            a0 += 4;
            a4 += 4;
            a8 += 4;
            a12 += 4;
        }
        s0.Store(sums);
        s1.Store(sums + 16);
        s2.Store(sums + 32);
        s3.Store(sums + 48);
        s4.Store(sums + 64);
        s5.Store(sums + 80);
        s6.Store(sums + 96);
        s7.Store(sums + 112);
        s8.Store(sums + 128);
        s9.Store(sums + 144);
        for (var k = depth & ~3; k < depth; k++, b += step)
            for (var j = 0; j < RowLaneColumns; j++)
                for (var r = 0; r < RowLanes; r++) sums[j * 16 + r] = MathF.FusedMultiplyAdd(a[r * row + k], b[j], sums[j * 16 + r]);
    }

    // Four floats of each of four rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FourRows(float* r0, float* r4, float* r8, float* r12) =>
        Vector512.Create(Vector256.Create(Vector128.Load(r0), Vector128.Load(r4)), Vector256.Create(Vector128.Load(r8), Vector128.Load(r12)));

    // Four by four in each quarter: what is one k of all rows comes from four k of every fourth.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float>, Vector512<float>, Vector512<float>, Vector512<float>) Turn4(Vector512<float> r0, Vector512<float> r1, Vector512<float> r2, Vector512<float> r3)
    {
        Vector512<float> t0 = Avx512F.UnpackLow(r0, r1), t1 = Avx512F.UnpackHigh(r0, r1), t2 = Avx512F.UnpackLow(r2, r3), t3 = Avx512F.UnpackHigh(r2, r3);
        return (Avx512F.Shuffle(t0, t2, 0x44), Avx512F.Shuffle(t0, t2, 0xEE), Avx512F.Shuffle(t1, t3, 0x44), Avx512F.Shuffle(t1, t3, 0xEE));
    }

    // c[r, j] = or += sums[j, r], of rows from first on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PutRowLanes(float* sums, int first, float* c, nint stride, int columns, Store store)
    {
        var (l0, l1, l2, l3) = Turn4(Vector512.Load(sums), Vector512.Load(sums + 16), Vector512.Load(sums + 32), Vector512.Load(sums + 48));
        var (m0, m1, m2, m3) = Turn4(Vector512.Load(sums + 64), Vector512.Load(sums + 80), Vector512.Load(sums + 96), Vector512.Load(sums + 112));
        var (r0, r1, r2, r3) = Turn4(Vector512.Load(sums + 128), Vector512.Load(sums + 144), default, default);
        PutQuarters(l0, m0, r0, 0, first, c, stride, columns, store);
        PutQuarters(l1, m1, r1, 1, first, c, stride, columns, store);
        PutQuarters(l2, m2, r2, 2, first, c, stride, columns, store);
        PutQuarters(l3, m3, r3, 3, first, c, stride, columns, store);
    }

    // Quarter q of each is a piece of row 4q + row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutQuarters(Vector512<float> left, Vector512<float> middle, Vector512<float> right, int row, int first, float* c, nint stride, int columns, Store store)
    {
        Vector512<float> low = Avx512F.Shuffle4x128(left, middle, 0x44), high = Avx512F.Shuffle4x128(left, middle, 0xEE);
        Vector512<float> lowest = Avx512F.Shuffle4x128(right, right, 0x44), highest = Avx512F.Shuffle4x128(right, right, 0xEE);
        c += row * stride;
        if (row >= first) Put<Lanes512, Vector512<float>>(Avx512F.Shuffle4x128(low, lowest, 0x88), c, columns, store);
        if (row + 4 >= first) Put<Lanes512, Vector512<float>>(Avx512F.Shuffle4x128(low, lowest, 0xDD), c + 4 * stride, columns, store);
        if (row + 8 >= first) Put<Lanes512, Vector512<float>>(Avx512F.Shuffle4x128(high, highest, 0x88), c + 8 * stride, columns, store);
        if (row + 12 >= first) Put<Lanes512, Vector512<float>>(Avx512F.Shuffle4x128(high, highest, 0xDD), c + 12 * stride, columns, store);
    }
}
