using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// The heart of convolutions: one tile C[TileRows, TileColumns] = Σ_k a[r, k] · b[k, ·], its sums held in registers.
// Lanes are columns; b comes packed, TileColumns values for each k in order; a is read one element per row and k, and broadcast.
// Each k is one multiply-add per element, in order of k, so a tile does not depend on who computes it.
public sealed unsafe partial class CpuDevice
{
    // Products per packed panel: a panel of b (16 or 32 KB) stays in L1 while the rows of a pass by.
    private const int TileDepth = 256;

    private static int TileRows => Avx512F.IsSupported ? 8 : Fma.IsSupported ? 6 : 4;

    private static int TileColumns => Avx512F.IsSupported ? 32 : Fma.IsSupported ? 16 : 8;

    /// <summary>Rows of the next tile where so many are left and a tile has at most <paramref name="largest"/>: as few as can be are computed in vain.</summary>
    private static int NextRows(int largest, int left) => largest == 8 ? (left > 4 ? 8 : 4) : largest == 6 && left is 5 or 6 or > 8 ? 6 : 4;

    /// <summary>a[r, k] = A[Rows[r] + RunStarts[run] + i · Step] for k = run · RunLength + i.</summary>
    private struct Tile
    {
        public float* A, B;
        public int* Rows, RunStarts;
        public int Step, RunLength, Runs;
    }

    private static void Multiply(in Tile tile, float* c, int stride, Store store)
    {
        if (Avx512F.IsSupported) MultiplyAvx512(tile, c, stride, store);
        else if (Fma.IsSupported) MultiplyAvx2(tile, c, stride, store);
        else if (Vector128.IsHardwareAccelerated) MultiplyVector128(tile, c, stride, store);
        else MultiplyScalar(tile, c, stride, store);
    }

    /// <summary>As <see cref="Multiply"/>, of which only the first rows and columns are wanted.</summary>
    [SkipLocalsInit]
    private static void MultiplyPart(in Tile tile, float* c, int stride, int rows, int columns, Store store)
    {
        if (rows == TileRows && columns == TileColumns)
        {
            Multiply(tile, c, stride, store);
            return;
        }
        var whole = stackalloc float[TileRows * TileColumns];
        Multiply(tile, whole, TileColumns, Store.Overwrite);
        for (var r = 0; r < rows; r++) PutRow(whole + r * TileColumns, c + (nint)r * stride, columns, store);
    }

    /// <summary>The first elements of a row into, or onto, others.</summary>
    private static void PutRow(float* source, float* target, int count, Store store)
    {
        var i = 0;
        for (; i <= count - 8; i += 8) Put(Vector256.Load(source + i), target + i, store);
        for (; i <= count - 4; i += 4) Put(Vector128.Load(source + i), target + i, store);
        for (; i < count; i++) Put(source[i], target + i, store);
    }

    // 8 rows of two 16-lane vectors: 16 sums, 2 vectors of b and one broadcast of 32 registers.
    private static void MultiplyAvx512(in Tile tile, float* c, nint stride, Store store)
    {
        float* a0 = tile.A + tile.Rows[0], a1 = tile.A + tile.Rows[1], a2 = tile.A + tile.Rows[2], a3 = tile.A + tile.Rows[3];
        float* a4 = tile.A + tile.Rows[4], a5 = tile.A + tile.Rows[5], a6 = tile.A + tile.Rows[6], a7 = tile.A + tile.Rows[7];
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        Vector512<float> c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
        var b = tile.B;
        nint step = tile.Step, length = step * tile.RunLength;
        for (var run = 0; run < tile.Runs; run++)
            for (nint p = tile.RunStarts[run], end = p + length; p != end; p += step, b += 32)
            {
                Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
                var v = Vector512.Create(a0[p]);
                c00 = Avx512F.FusedMultiplyAdd(v, b0, c00);
                c01 = Avx512F.FusedMultiplyAdd(v, b1, c01);
                v = Vector512.Create(a1[p]);
                c10 = Avx512F.FusedMultiplyAdd(v, b0, c10);
                c11 = Avx512F.FusedMultiplyAdd(v, b1, c11);
                v = Vector512.Create(a2[p]);
                c20 = Avx512F.FusedMultiplyAdd(v, b0, c20);
                c21 = Avx512F.FusedMultiplyAdd(v, b1, c21);
                v = Vector512.Create(a3[p]);
                c30 = Avx512F.FusedMultiplyAdd(v, b0, c30);
                c31 = Avx512F.FusedMultiplyAdd(v, b1, c31);
                v = Vector512.Create(a4[p]);
                c40 = Avx512F.FusedMultiplyAdd(v, b0, c40);
                c41 = Avx512F.FusedMultiplyAdd(v, b1, c41);
                v = Vector512.Create(a5[p]);
                c50 = Avx512F.FusedMultiplyAdd(v, b0, c50);
                c51 = Avx512F.FusedMultiplyAdd(v, b1, c51);
                v = Vector512.Create(a6[p]);
                c60 = Avx512F.FusedMultiplyAdd(v, b0, c60);
                c61 = Avx512F.FusedMultiplyAdd(v, b1, c61);
                v = Vector512.Create(a7[p]);
                c70 = Avx512F.FusedMultiplyAdd(v, b0, c70);
                c71 = Avx512F.FusedMultiplyAdd(v, b1, c71);
            }
        Put(c00, c01, c, store);
        Put(c10, c11, c + stride, store);
        Put(c20, c21, c + 2 * stride, store);
        Put(c30, c31, c + 3 * stride, store);
        Put(c40, c41, c + 4 * stride, store);
        Put(c50, c51, c + 5 * stride, store);
        Put(c60, c61, c + 6 * stride, store);
        Put(c70, c71, c + 7 * stride, store);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector512<float> left, Vector512<float> right, float* c, Store store)
    {
        if (store == Store.Add)
        {
            left += Vector512.Load(c);
            right += Vector512.Load(c + 16);
        }
        left.Store(c);
        right.Store(c + 16);
    }

    // 6 rows of two 8-lane vectors: 12 sums, 2 vectors of b and one broadcast of 16 registers.
    private static void MultiplyAvx2(in Tile tile, float* c, nint stride, Store store)
    {
        float* a0 = tile.A + tile.Rows[0], a1 = tile.A + tile.Rows[1], a2 = tile.A + tile.Rows[2];
        float* a3 = tile.A + tile.Rows[3], a4 = tile.A + tile.Rows[4], a5 = tile.A + tile.Rows[5];
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        var b = tile.B;
        nint step = tile.Step, length = step * tile.RunLength;
        for (var run = 0; run < tile.Runs; run++)
            for (nint p = tile.RunStarts[run], end = p + length; p != end; p += step, b += 16)
            {
                Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + 8);
                var v = Vector256.Create(a0[p]);
                c00 = Fma.MultiplyAdd(v, b0, c00);
                c01 = Fma.MultiplyAdd(v, b1, c01);
                v = Vector256.Create(a1[p]);
                c10 = Fma.MultiplyAdd(v, b0, c10);
                c11 = Fma.MultiplyAdd(v, b1, c11);
                v = Vector256.Create(a2[p]);
                c20 = Fma.MultiplyAdd(v, b0, c20);
                c21 = Fma.MultiplyAdd(v, b1, c21);
                v = Vector256.Create(a3[p]);
                c30 = Fma.MultiplyAdd(v, b0, c30);
                c31 = Fma.MultiplyAdd(v, b1, c31);
                v = Vector256.Create(a4[p]);
                c40 = Fma.MultiplyAdd(v, b0, c40);
                c41 = Fma.MultiplyAdd(v, b1, c41);
                v = Vector256.Create(a5[p]);
                c50 = Fma.MultiplyAdd(v, b0, c50);
                c51 = Fma.MultiplyAdd(v, b1, c51);
            }
        Put(c00, c01, c, store);
        Put(c10, c11, c + stride, store);
        Put(c20, c21, c + 2 * stride, store);
        Put(c30, c31, c + 3 * stride, store);
        Put(c40, c41, c + 4 * stride, store);
        Put(c50, c51, c + 5 * stride, store);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector256<float> left, Vector256<float> right, float* c, Store store)
    {
        if (store == Store.Add)
        {
            left += Vector256.Load(c);
            right += Vector256.Load(c + 8);
        }
        left.Store(c);
        right.Store(c + 8);
    }

    // 4 rows of two 4-lane vectors: 8 sums of the 16 registers that every 64-bit processor has.
    private static void MultiplyVector128(in Tile tile, float* c, nint stride, Store store)
    {
        float* a0 = tile.A + tile.Rows[0], a1 = tile.A + tile.Rows[1], a2 = tile.A + tile.Rows[2], a3 = tile.A + tile.Rows[3];
        Vector128<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        var b = tile.B;
        nint step = tile.Step, length = step * tile.RunLength;
        for (var run = 0; run < tile.Runs; run++)
            for (nint p = tile.RunStarts[run], end = p + length; p != end; p += step, b += 8)
            {
                Vector128<float> b0 = Vector128.Load(b), b1 = Vector128.Load(b + 4);
                var v = Vector128.Create(a0[p]);
                c00 += v * b0;
                c01 += v * b1;
                v = Vector128.Create(a1[p]);
                c10 += v * b0;
                c11 += v * b1;
                v = Vector128.Create(a2[p]);
                c20 += v * b0;
                c21 += v * b1;
                v = Vector128.Create(a3[p]);
                c30 += v * b0;
                c31 += v * b1;
            }
        Put(c00, c01, c, store);
        Put(c10, c11, c + stride, store);
        Put(c20, c21, c + 2 * stride, store);
        Put(c30, c31, c + 3 * stride, store);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector128<float> left, Vector128<float> right, float* c, Store store)
    {
        if (store == Store.Add)
        {
            left += Vector128.Load(c);
            right += Vector128.Load(c + 4);
        }
        left.Store(c);
        right.Store(c + 4);
    }

    /// <summary>Rows and columns of the narrow tile, for the last columns where a whole tile would be half empty; there is one where tiles are wider.</summary>
    private const int NarrowRows = 8, NarrowColumns = 8;

    // 8 rows of one 8-lane vector: 8 sums, as many as two units with a latency of four need.
    private static void MultiplyNarrow(in Tile tile, float* c, nint stride, Store store)
    {
        float* a0 = tile.A + tile.Rows[0], a1 = tile.A + tile.Rows[1], a2 = tile.A + tile.Rows[2], a3 = tile.A + tile.Rows[3];
        float* a4 = tile.A + tile.Rows[4], a5 = tile.A + tile.Rows[5], a6 = tile.A + tile.Rows[6], a7 = tile.A + tile.Rows[7];
        Vector256<float> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        var b = tile.B;
        nint step = tile.Step, length = step * tile.RunLength;
        for (var run = 0; run < tile.Runs; run++)
            for (nint p = tile.RunStarts[run], end = p + length; p != end; p += step, b += 8)
            {
                var b0 = Vector256.Load(b);
                c0 = Fma.MultiplyAdd(Vector256.Create(a0[p]), b0, c0);
                c1 = Fma.MultiplyAdd(Vector256.Create(a1[p]), b0, c1);
                c2 = Fma.MultiplyAdd(Vector256.Create(a2[p]), b0, c2);
                c3 = Fma.MultiplyAdd(Vector256.Create(a3[p]), b0, c3);
                c4 = Fma.MultiplyAdd(Vector256.Create(a4[p]), b0, c4);
                c5 = Fma.MultiplyAdd(Vector256.Create(a5[p]), b0, c5);
                c6 = Fma.MultiplyAdd(Vector256.Create(a6[p]), b0, c6);
                c7 = Fma.MultiplyAdd(Vector256.Create(a7[p]), b0, c7);
            }
        Put(c0, c, store);
        Put(c1, c + stride, store);
        Put(c2, c + 2 * stride, store);
        Put(c3, c + 3 * stride, store);
        Put(c4, c + 4 * stride, store);
        Put(c5, c + 5 * stride, store);
        Put(c6, c + 6 * stride, store);
        Put(c7, c + 7 * stride, store);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector256<float> lanes, float* c, Store store) =>
        (store == Store.Add ? lanes + Vector256.Load(c) : lanes).Store(c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float sum, float* c, Store store) => *c = store == Store.Add ? sum + *c : sum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector128<float> lanes, float* c, Store store) => (store == Store.Add ? lanes + Vector128.Load(c) : lanes).Store(c);

    // The meaning of the tiles above.
    private static void MultiplyScalar(in Tile tile, float* c, nint stride, Store store)
    {
        for (var r = 0; r < TileRows; r++)
            for (var column = 0; column < TileColumns; column++)
            {
                var sum = 0f;
                var b = tile.B + column;
                for (var run = 0; run < tile.Runs; run++)
                {
                    var a = tile.A + tile.Rows[r] + tile.RunStarts[run];
                    for (var i = 0; i < tile.RunLength; i++, a += tile.Step, b += TileColumns) sum += *a * *b;
                }
                ref var target = ref c[r * stride + column];
                target = sum + (store == Store.Add ? target : 0f);
            }
    }

    /// <summary>panel[k · width + l] = source[l · laneStep + k · step] for the first lanes, 0 for the others.</summary>
    private static void Pack(float* source, int lanes, nint laneStep, int count, nint step, int width, float* panel)
    {
        if (laneStep == 1 && lanes == width) PackRows(source, 1, count, step, width, panel);
        else if (step == 1 && Avx.IsSupported)
            for (var first = 0; first < width; first += 8)
                PackTransposed(source + first * laneStep, lanes - first, laneStep, count, width, first, panel);
        else if (laneStep == 1)
            for (var k = 0; k < count; k++, source += step, panel += width)
            {
                Copy(source, panel, lanes);
                for (var l = lanes; l < width; l++) panel[l] = 0f;
            }
        else
            for (var k = 0; k < count; k++)
                for (var l = 0; l < width; l++) panel[k * width + l] = l < lanes ? source[l * laneStep + k * step] : 0f;
    }

    // Whole panels side by side, row by row of the source, so that it is read in one stream.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackRows(float* source, int panels, int count, nint step, int width, float* target)
    {
        for (var k = 0; k < count; k++, source += step, target += width)
        {
            float* from = source, to = target;
            for (var panel = panels; panel > 0; panel--, from += width, to += width * count)
            {
                var l = 0;
                for (; l <= width - 8; l += 8) Vector256.Load(from + l).Store(to + l);
                for (; l < width; l++) to[l] = from[l];
            }
        }
    }

    // Blocks of 8 lanes by 8 k are turned in registers. A panel narrower than 8 lanes is stored row over row: the surplus of a row is overwritten by
    // the next one, and the last row is written alone.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackTransposed(float* source, int lanes, nint laneStep, int count, int width, int first, float* panel)
    {
        var target = panel + first;
        var kept = Math.Min(8, width - first);
        var k = 0;
        for (; k <= count - (kept < 8 ? 9 : 8); k += 8, target += 8 * width)
        {
            var s = source + k;
            var r0 = lanes > 0 ? Vector256.Load(s) : default;
            var r1 = lanes > 1 ? Vector256.Load(s + laneStep) : default;
            var r2 = lanes > 2 ? Vector256.Load(s + 2 * laneStep) : default;
            var r3 = lanes > 3 ? Vector256.Load(s + 3 * laneStep) : default;
            var r4 = lanes > 4 ? Vector256.Load(s + 4 * laneStep) : default;
            var r5 = lanes > 5 ? Vector256.Load(s + 5 * laneStep) : default;
            var r6 = lanes > 6 ? Vector256.Load(s + 6 * laneStep) : default;
            var r7 = lanes > 7 ? Vector256.Load(s + 7 * laneStep) : default;
            Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1), t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3);
            Vector256<float> t4 = Avx.UnpackLow(r4, r5), t5 = Avx.UnpackHigh(r4, r5), t6 = Avx.UnpackLow(r6, r7), t7 = Avx.UnpackHigh(r6, r7);
            // k 0 and 4, 1 and 5, 2 and 6, 3 and 7, of lanes 0 to 3 and of lanes 4 to 7.
            Vector256<float> l0 = Avx.Shuffle(t0, t2, 0x44), l1 = Avx.Shuffle(t0, t2, 0xEE), l2 = Avx.Shuffle(t1, t3, 0x44), l3 = Avx.Shuffle(t1, t3, 0xEE);
            Vector256<float> h0 = Avx.Shuffle(t4, t6, 0x44), h1 = Avx.Shuffle(t4, t6, 0xEE), h2 = Avx.Shuffle(t5, t7, 0x44), h3 = Avx.Shuffle(t5, t7, 0xEE);
            Avx.Permute2x128(l0, h0, 0x20).Store(target);
            Avx.Permute2x128(l1, h1, 0x20).Store(target + width);
            Avx.Permute2x128(l2, h2, 0x20).Store(target + 2 * width);
            Avx.Permute2x128(l3, h3, 0x20).Store(target + 3 * width);
            Avx.Permute2x128(l0, h0, 0x31).Store(target + 4 * width);
            Avx.Permute2x128(l1, h1, 0x31).Store(target + 5 * width);
            Avx.Permute2x128(l2, h2, 0x31).Store(target + 6 * width);
            Avx.Permute2x128(l3, h3, 0x31).Store(target + 7 * width);
        }
        for (; k < count; k++, target += width)
            for (var l = 0; l < kept; l++) target[l] = l < lanes ? source[l * laneStep + k] : 0f;
    }

    private static int Blocks(int count, int size) => (int)(((long)count + size - 1) / size);
}
