using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// C = A·B (+ bias), or max(C, 0). Element sums run over k in order, cut at TileDepth, however the problem is cut (CpuDevice.MatMulStrips.cs).
public sealed unsafe partial class CpuDevice
{
    // Rows of A turned are read where they lie up to this depth, beyond which they are packed: each k is another cache line.
    private const int TurnedDepth = 64;

    // Up to so many rows, C = A·Bᵀ is computed as its transpose: then the rows of B are read where they lie, and only A is packed.
    private const int TurnedRows = 128, TurnedInner = PanelElements / TurnedRows;

    // Products that one thread computes in less time than it takes to call another.
    private const long SerialProducts = 1L << 17;

    /// <inheritdoc/>
    protected internal override void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store) =>
        MatMul(new MatMulJob(geometry, Pointer(a), Pointer(b), null, Pointer(c), store));

    /// <inheritdoc/>
    protected internal override void MatMulBias(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor? bias, Tensor c, bool relu) =>
        MatMul(new MatMulJob(geometry, Pointer(a), Pointer(b), bias is null ? null : Pointer(bias), Pointer(c), Store.Overwrite) { Relu = relu });

    /// <summary>Bits of the vectors that matrix products use here; tests set others that run everywhere.</summary>
    internal int MatMulBits { get; set; } = Avx512F.IsSupported ? 512 : Fma.IsSupported ? 256 : 128;

    private void MatMul(in MatMulJob job, float* packed = null)
    {
        if (job.Rows == 0 || job.Columns == 0 || packed == null && MultiplyRow(job)) return;
        if (MatMulBits == 512) MultiplyStrips<Lanes512, Vector512<float>>(job, packed);
        else if (MatMulBits == 256) MultiplyStrips<Lanes256, Vector256<float>>(job, packed);
        else MultiplyStrips<Lanes128, Vector128<float>>(job, packed);
    }

    /// <summary>A product and how its operands lie: A[r, k] at A[r · ARow + k · AStep], B[k, j] at B[k · BStep + j · BColumn].</summary>
    private struct MatMulJob
    {
        public int Rows, Columns, Inner;
        public nint ARow, AStep, BColumn, BStep, CStride;
        public float* A, B, Bias, C;
        public Store Store;
        // Negative results become 0.
        public bool Relu;
        // The product is Cᵀ = Bᵀ·Aᵀ: its element [r, j] is C's [j, r].
        public bool Turned;

        /// <summary>The problem, or its transpose where that lets the larger operand be read where it lies, along k, and the smaller one be packed. Only where
        /// C is overwritten: its sums are formed aside and turned at the end.</summary>
        public MatMulJob(in MatMulGeometry geometry, float* a, float* b, float* bias, float* c, Store store, bool mayTurn = true)
        {
            (Rows, Columns, Inner, var transpose) = geometry;
            A = a;
            B = b;
            Bias = bias;
            C = c;
            (Store, CStride) = (store, Columns);
            (ARow, AStep) = (transpose & Transpose.Left) != 0 ? (1, Rows) : (Inner, 1);
            (BColumn, BStep) = (transpose & Transpose.Right) != 0 ? (Inner, 1) : (1, Columns);
            if (!mayTurn || store == Store.Add || (transpose & Transpose.Right) == 0 || Rows == 1 || Rows >= Columns || Rows > TurnedRows || Inner > TurnedInner) return;
            Turned = true;
            A = b;
            B = a;
            (Rows, Columns) = (Columns, Rows);
            (ARow, AStep, BColumn, BStep) = (BColumn, BStep, ARow, AStep);
        }

        public readonly long Products => (long)Rows * Columns * Inner;
    }
}
