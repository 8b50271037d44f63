using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// The tile of a convolution that reads its images where they lie: rows are output channels, columns are segments of 8 neighbouring pixels of one output
// row, c[r, s + l] = first[r] + Σ_k a[r, k] · b[s + offsets[k] + l]. Lanes are pixels; weights are broadcast. Sums run over k in order.
public sealed unsafe partial class CpuDevice
{
    private const int SegmentLength = 8;

    // Segments of one call, at most: a multiple of every TileSegments.
    private const int SegmentsAtOnce = 64;

    private static int TileSegments => TileColumns / SegmentLength;

    private struct SegmentTile
    {
        public float* A, First;
        public int* Offsets;
        public int AStride, Depth, CStride, Rows, Segments;
        // The segments, a multiple of TileSegments: where their windows begin, and where row 0 of their results goes.
        public float** B, C;

        // Rows beyond the last are computed from the first, and not stored.
        public readonly float* Row(int r) => A + (r < Rows ? (nint)r * AStride : 0);
    }

    private static void MultiplySegments(in SegmentTile tile)
    {
        if (Avx512F.IsSupported)
        {
            if (tile.Rows > 4) Segments8Avx512(tile);
            else Segments4Avx512(tile);
        }
        else if (Fma.IsSupported)
        {
            if (tile.Rows > 4) Segments6Avx2(tile);
            else Segments4Avx2(tile);
        }
        else if (Vector128.IsHardwareAccelerated) Segments4Vector128(tile);
        else SegmentsScalar(tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Segments8Avx512(in SegmentTile tile)
    {
        float* a0 = tile.A, a1 = tile.Row(1), a2 = tile.Row(2), a3 = tile.Row(3), a4 = tile.Row(4), a5 = tile.Row(5), a6 = tile.Row(6), a7 = tile.Row(7);
        var first = tile.First;
        var offsets = tile.Offsets;
        for (float** b = tile.B, c = tile.C, end = b + tile.Segments; b != end; b += 4, c += 4)
        {
            float* s0 = b[0], s1 = b[1], s2 = b[2], s3 = b[3];
            Vector512<float> c00 = Vector512.Create(first[0]), c10 = Vector512.Create(first[1]), c20 = Vector512.Create(first[2]), c30 = Vector512.Create(first[3]);
            Vector512<float> c40 = Vector512.Create(first[4]), c50 = Vector512.Create(first[5]), c60 = Vector512.Create(first[6]), c70 = Vector512.Create(first[7]);
            Vector512<float> c01 = c00, c11 = c10, c21 = c20, c31 = c30, c41 = c40, c51 = c50, c61 = c60, c71 = c70;
            for (nint k = 0, depth = tile.Depth; k < depth; k++)
            {
                nint at = offsets[k];
                var b0 = Vector256.Load(s0 + at).ToVector512Unsafe().WithUpper(Vector256.Load(s1 + at));
                var b1 = Vector256.Load(s2 + at).ToVector512Unsafe().WithUpper(Vector256.Load(s3 + at));
                var v = Vector512.Create(a0[k]);
                c00 = Avx512F.FusedMultiplyAdd(v, b0, c00);
                c01 = Avx512F.FusedMultiplyAdd(v, b1, c01);
                v = Vector512.Create(a1[k]);
                c10 = Avx512F.FusedMultiplyAdd(v, b0, c10);
                c11 = Avx512F.FusedMultiplyAdd(v, b1, c11);
                v = Vector512.Create(a2[k]);
                c20 = Avx512F.FusedMultiplyAdd(v, b0, c20);
                c21 = Avx512F.FusedMultiplyAdd(v, b1, c21);
                v = Vector512.Create(a3[k]);
                c30 = Avx512F.FusedMultiplyAdd(v, b0, c30);
                c31 = Avx512F.FusedMultiplyAdd(v, b1, c31);
                v = Vector512.Create(a4[k]);
                c40 = Avx512F.FusedMultiplyAdd(v, b0, c40);
                c41 = Avx512F.FusedMultiplyAdd(v, b1, c41);
                v = Vector512.Create(a5[k]);
                c50 = Avx512F.FusedMultiplyAdd(v, b0, c50);
                c51 = Avx512F.FusedMultiplyAdd(v, b1, c51);
                v = Vector512.Create(a6[k]);
                c60 = Avx512F.FusedMultiplyAdd(v, b0, c60);
                c61 = Avx512F.FusedMultiplyAdd(v, b1, c61);
                v = Vector512.Create(a7[k]);
                c70 = Avx512F.FusedMultiplyAdd(v, b0, c70);
                c71 = Avx512F.FusedMultiplyAdd(v, b1, c71);
            }
            PutSegments(tile, c, 0, c00, c01);
            PutSegments(tile, c, 1, c10, c11);
            PutSegments(tile, c, 2, c20, c21);
            PutSegments(tile, c, 3, c30, c31);
            PutSegments(tile, c, 4, c40, c41);
            PutSegments(tile, c, 5, c50, c51);
            PutSegments(tile, c, 6, c60, c61);
            PutSegments(tile, c, 7, c70, c71);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Segments4Avx512(in SegmentTile tile)
    {
        float* a0 = tile.A, a1 = tile.Row(1), a2 = tile.Row(2), a3 = tile.Row(3);
        var first = tile.First;
        var offsets = tile.Offsets;
        for (float** b = tile.B, c = tile.C, end = b + tile.Segments; b != end; b += 4, c += 4)
        {
            float* s0 = b[0], s1 = b[1], s2 = b[2], s3 = b[3];
            Vector512<float> c00 = Vector512.Create(first[0]), c10 = Vector512.Create(first[1]), c20 = Vector512.Create(first[2]), c30 = Vector512.Create(first[3]);
            Vector512<float> c01 = c00, c11 = c10, c21 = c20, c31 = c30;
            for (nint k = 0, depth = tile.Depth; k < depth; k++)
            {
                nint at = offsets[k];
                var b0 = Vector256.Load(s0 + at).ToVector512Unsafe().WithUpper(Vector256.Load(s1 + at));
                var b1 = Vector256.Load(s2 + at).ToVector512Unsafe().WithUpper(Vector256.Load(s3 + at));
                var v = Vector512.Create(a0[k]);
                c00 = Avx512F.FusedMultiplyAdd(v, b0, c00);
                c01 = Avx512F.FusedMultiplyAdd(v, b1, c01);
                v = Vector512.Create(a1[k]);
                c10 = Avx512F.FusedMultiplyAdd(v, b0, c10);
                c11 = Avx512F.FusedMultiplyAdd(v, b1, c11);
                v = Vector512.Create(a2[k]);
                c20 = Avx512F.FusedMultiplyAdd(v, b0, c20);
                c21 = Avx512F.FusedMultiplyAdd(v, b1, c21);
                v = Vector512.Create(a3[k]);
                c30 = Avx512F.FusedMultiplyAdd(v, b0, c30);
                c31 = Avx512F.FusedMultiplyAdd(v, b1, c31);
            }
            PutSegments(tile, c, 0, c00, c01);
            PutSegments(tile, c, 1, c10, c11);
            PutSegments(tile, c, 2, c20, c21);
            PutSegments(tile, c, 3, c30, c31);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutSegments(in SegmentTile tile, float** c, int row, Vector512<float> left, Vector512<float> right)
    {
        if (row >= tile.Rows) return;
        var at = (nint)row * tile.CStride;
        left.GetLower().Store(c[0] + at);
        left.GetUpper().Store(c[1] + at);
        right.GetLower().Store(c[2] + at);
        right.GetUpper().Store(c[3] + at);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Segments6Avx2(in SegmentTile tile)
    {
        float* a0 = tile.A, a1 = tile.Row(1), a2 = tile.Row(2), a3 = tile.Row(3), a4 = tile.Row(4), a5 = tile.Row(5);
        var first = tile.First;
        var offsets = tile.Offsets;
        for (float** b = tile.B, c = tile.C, end = b + tile.Segments; b != end; b += 2, c += 2)
        {
            float* s0 = b[0], s1 = b[1];
            Vector256<float> c00 = Vector256.Create(first[0]), c10 = Vector256.Create(first[1]), c20 = Vector256.Create(first[2]);
            Vector256<float> c30 = Vector256.Create(first[3]), c40 = Vector256.Create(first[4]), c50 = Vector256.Create(first[5]);
            Vector256<float> c01 = c00, c11 = c10, c21 = c20, c31 = c30, c41 = c40, c51 = c50;
            for (nint k = 0, depth = tile.Depth; k < depth; k++)
            {
                nint at = offsets[k];
                Vector256<float> b0 = Vector256.Load(s0 + at), b1 = Vector256.Load(s1 + at);
                var v = Vector256.Create(a0[k]);
                c00 = Fma.MultiplyAdd(v, b0, c00);
                c01 = Fma.MultiplyAdd(v, b1, c01);
                v = Vector256.Create(a1[k]);
                c10 = Fma.MultiplyAdd(v, b0, c10);
                c11 = Fma.MultiplyAdd(v, b1, c11);
                v = Vector256.Create(a2[k]);
                c20 = Fma.MultiplyAdd(v, b0, c20);
                c21 = Fma.MultiplyAdd(v, b1, c21);
                v = Vector256.Create(a3[k]);
                c30 = Fma.MultiplyAdd(v, b0, c30);
                c31 = Fma.MultiplyAdd(v, b1, c31);
                v = Vector256.Create(a4[k]);
                c40 = Fma.MultiplyAdd(v, b0, c40);
                c41 = Fma.MultiplyAdd(v, b1, c41);
                v = Vector256.Create(a5[k]);
                c50 = Fma.MultiplyAdd(v, b0, c50);
                c51 = Fma.MultiplyAdd(v, b1, c51);
            }
            PutSegments(tile, c, 0, c00, c01);
            PutSegments(tile, c, 1, c10, c11);
            PutSegments(tile, c, 2, c20, c21);
            PutSegments(tile, c, 3, c30, c31);
            PutSegments(tile, c, 4, c40, c41);
            PutSegments(tile, c, 5, c50, c51);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Segments4Avx2(in SegmentTile tile)
    {
        float* a0 = tile.A, a1 = tile.Row(1), a2 = tile.Row(2), a3 = tile.Row(3);
        var first = tile.First;
        var offsets = tile.Offsets;
        for (float** b = tile.B, c = tile.C, end = b + tile.Segments; b != end; b += 2, c += 2)
        {
            float* s0 = b[0], s1 = b[1];
            Vector256<float> c00 = Vector256.Create(first[0]), c10 = Vector256.Create(first[1]), c20 = Vector256.Create(first[2]), c30 = Vector256.Create(first[3]);
            Vector256<float> c01 = c00, c11 = c10, c21 = c20, c31 = c30;
            for (nint k = 0, depth = tile.Depth; k < depth; k++)
            {
                nint at = offsets[k];
                Vector256<float> b0 = Vector256.Load(s0 + at), b1 = Vector256.Load(s1 + at);
                var v = Vector256.Create(a0[k]);
                c00 = Fma.MultiplyAdd(v, b0, c00);
                c01 = Fma.MultiplyAdd(v, b1, c01);
                v = Vector256.Create(a1[k]);
                c10 = Fma.MultiplyAdd(v, b0, c10);
                c11 = Fma.MultiplyAdd(v, b1, c11);
                v = Vector256.Create(a2[k]);
                c20 = Fma.MultiplyAdd(v, b0, c20);
                c21 = Fma.MultiplyAdd(v, b1, c21);
                v = Vector256.Create(a3[k]);
                c30 = Fma.MultiplyAdd(v, b0, c30);
                c31 = Fma.MultiplyAdd(v, b1, c31);
            }
            PutSegments(tile, c, 0, c00, c01);
            PutSegments(tile, c, 1, c10, c11);
            PutSegments(tile, c, 2, c20, c21);
            PutSegments(tile, c, 3, c30, c31);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutSegments(in SegmentTile tile, float** c, int row, Vector256<float> left, Vector256<float> right)
    {
        if (row >= tile.Rows) return;
        left.Store(c[0] + (nint)row * tile.CStride);
        right.Store(c[1] + (nint)row * tile.CStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Segments4Vector128(in SegmentTile tile)
    {
        float* a0 = tile.A, a1 = tile.Row(1), a2 = tile.Row(2), a3 = tile.Row(3);
        var first = tile.First;
        var offsets = tile.Offsets;
        for (float** b = tile.B, c = tile.C, end = b + tile.Segments; b != end; b += 1, c += 1)
        {
            float* s0 = b[0];
            Vector128<float> c00 = Vector128.Create(first[0]), c10 = Vector128.Create(first[1]), c20 = Vector128.Create(first[2]), c30 = Vector128.Create(first[3]);
            Vector128<float> c01 = c00, c11 = c10, c21 = c20, c31 = c30;
            for (nint k = 0, depth = tile.Depth; k < depth; k++)
            {
                nint at = offsets[k];
                Vector128<float> b0 = Vector128.Load(s0 + at), b1 = Vector128.Load(s0 + at + 4);
                var v = Vector128.Create(a0[k]);
                c00 += v * b0;
                c01 += v * b1;
                v = Vector128.Create(a1[k]);
                c10 += v * b0;
                c11 += v * b1;
                v = Vector128.Create(a2[k]);
                c20 += v * b0;
                c21 += v * b1;
                v = Vector128.Create(a3[k]);
                c30 += v * b0;
                c31 += v * b1;
            }
            PutSegments(tile, c, 0, c00, c01);
            PutSegments(tile, c, 1, c10, c11);
            PutSegments(tile, c, 2, c20, c21);
            PutSegments(tile, c, 3, c30, c31);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutSegments(in SegmentTile tile, float** c, int row, Vector128<float> left, Vector128<float> right)
    {
        if (row >= tile.Rows) return;
        left.Store(c[0] + (nint)row * tile.CStride);
        right.Store(c[0] + (nint)row * tile.CStride + 4);
    }

    // The meaning of the tiles above.
    private static void SegmentsScalar(in SegmentTile tile)
    {
        for (var s = 0; s < tile.Segments; s++)
            for (var r = 0; r < tile.Rows; r++)
                for (var l = 0; l < SegmentLength; l++)
                {
                    var sum = tile.First[r];
                    for (var k = 0; k < tile.Depth; k++) sum += tile.Row(r)[k] * tile.B[s][tile.Offsets[k] + l];
                    tile.C[s][(nint)r * tile.CStride + l] = sum;
                }
    }
}
