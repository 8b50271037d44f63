using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// C = A·B (+ bias). Small and skinny products take B strip by strip and A where it lies (CpuDevice.MatMulStrips.cs); large ones pack both operands first
// (CpuDevice.MatMulBlocks.cs). Both sum over k in order, cut at TileDepth, so an element has the same bits by either way.
public sealed unsafe partial class CpuDevice
{
    // From so many products on, and from so many rows on, that both operands are packed before.
    private const long BlockedProducts = 1L << 26;

    // Rows of A turned are read where they lie up to this depth, beyond which they are packed: each k is another cache line.
    private const int TurnedDepth = 64;

    // Products that one thread computes in less time than it takes to call another.
    private const long SerialProducts = 1L << 17;

    /// <inheritdoc/>
    protected internal override void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store) =>
        MatMul(geometry, Pointer(a), Pointer(b), null, Pointer(c), store);

    /// <inheritdoc/>
    protected internal override void MatMulBias(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor bias, Tensor c) =>
        MatMul(geometry, Pointer(a), Pointer(b), Pointer(bias), Pointer(c), Store.Overwrite);

    /// <summary>Bits of the vectors that matrix products use here; tests set others that run everywhere.</summary>
    internal int MatMulBits { get; set; } = Avx512F.IsSupported ? 512 : Fma.IsSupported ? 256 : 128;

    private void MatMul(in MatMulGeometry geometry, float* a, float* b, float* bias, float* c, Store store)
    {
        if (geometry.Rows == 0 || geometry.Columns == 0) return;
        var job = new MatMulJob(geometry, a, b, bias, c, store);
        if (MatMulBits == 512) MatMul<Lanes512, Vector512<float>>(job);
        else if (MatMulBits == 256) MatMul<Lanes256, Vector256<float>>(job);
        else MatMul<Lanes128, Vector128<float>>(job);
    }

    private void MatMul<TLanes, TVector>(in MatMulJob job) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        if (job.Products >= BlockedProducts && Math.Min(job.Rows, job.Columns) > TurnedDepth || job.AStep != 1 && job.Inner > TurnedDepth)
            MultiplyBlocks<TLanes, TVector>(job);
        else MultiplyStrips<TLanes, TVector>(job);
    }

    /// <summary>A product and how its operands lie: A[r, k] at A[r · ARow + k · AStep], B[k, j] at B[k · BStep + j · BColumn].</summary>
    private struct MatMulJob
    {
        public int Rows, Columns, Inner;
        public nint ARow, AStep, BColumn, BStep, CStride;
        public float* A, B, Bias, C;
        public Store Store;
        // The product is Cᵀ = Bᵀ·Aᵀ: its element [r, j] is C's [j, r].
        public bool Turned;

        /// <summary>The problem, or its transpose where that lets the larger operand be read where it lies, along k, and the smaller one be packed.</summary>
        public MatMulJob(in MatMulGeometry geometry, float* a, float* b, float* bias, float* c, Store store)
        {
            (Rows, Columns, Inner, var transpose) = geometry;
            A = a;
            B = b;
            Bias = bias;
            C = c;
            (Store, CStride) = (store, Columns);
            (ARow, AStep) = (transpose & Transpose.Left) != 0 ? (1, Rows) : (Inner, 1);
            (BColumn, BStep) = (transpose & Transpose.Right) != 0 ? (Inner, 1) : (1, Columns);
            if (transpose != Transpose.Both && (transpose != Transpose.Right || Rows >= Columns)) return;
            Turned = true;
            A = b;
            B = a;
            (Rows, Columns) = (Columns, Rows);
            (ARow, AStep, BColumn, BStep) = (BColumn, BStep, ARow, AStep);
        }

        public readonly long Products => (long)Rows * Columns * Inner;

        public readonly float* Target(int row, int column) => C + (Turned ? column * CStride + row : row * CStride + column);
    }

    // The bias is added to what the last block of k has left in the cache.
    private static void AddBias(in MatMulJob job, int row, int rows, int column, int columns)
    {
        if (job.Bias == null) return;
        if (job.Turned) (row, rows, column, columns) = (column, columns, row, rows);
        for (var r = row; r < row + rows; r++) PutRow(job.Bias + column, job.C + r * job.CStride + column, columns, Store.Add);
    }
}
