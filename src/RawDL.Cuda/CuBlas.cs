namespace RawDL.Cuda;

/// <summary>Matrix products by NVIDIA's cuBLAS, for comparison. Its matrices are column-major: a row-major matrix is to it the transposed one.</summary>
internal sealed unsafe partial class CuBlas : IDisposable
{
    internal const string Variable = "RAWDL_CUBLAS_LIBRARY";

    // cublasComputeType_t and cudaDataType_t.
    private const int Compute32F = 68, Compute32FFastBFloat16 = 75, Compute32FFastTf32 = 77, Real32F = 0, RealBFloat16 = 14;

    /// <summary>cuBLAS 12.4.5, as the library tells it.</summary>
    public int Version { get; private set; }

    /// <summary>C = A·B, or C += A·B, of floats; <paramref name="precision"/> says what the products are made of.</summary>
    public void Gemm(in MatMulGeometry geometry, ulong a, ulong b, ulong c, Store store, GemmPrecision precision)
    {
        if (geometry.Rows == 0 || geometry.Columns == 0) return;
        var call = BlasCall.Of(geometry);
        var beta = store == Store.Add ? 1f : 0f;
        if (precision == GemmPrecision.Float32) Sgemm(call, b, a, beta, c);
        else GemmEx(call, b, a, Real32F, beta, c, precision == GemmPrecision.BFloat16 ? Compute32FFastBFloat16 : Compute32FFastTf32);
    }

    /// <summary>The same with A and B of bfloat16 and sums in float.</summary>
    public void GemmBFloat16(in MatMulGeometry geometry, ulong a, ulong b, ulong c, Store store) =>
        GemmEx(BlasCall.Of(geometry), b, a, RealBFloat16, store == Store.Add ? 1f : 0f, c, Compute32F);

    // A workspace of its own: without one the library may allocate inside a capture. Sizes as NVIDIA recommends, 32 MiB on Hopper.
    private static nuint WorkspaceBytes(NativeDriver driver) => (nuint)(driver.Properties.Major >= 9 ? 32 : 8) << 20;

    private static void Check(int code, string call)
    {
        if (code == 0) return;
        var name = code switch
        {
            1 => "CUBLAS_STATUS_NOT_INITIALIZED",
            3 => "CUBLAS_STATUS_ALLOC_FAILED",
            7 => "CUBLAS_STATUS_INVALID_VALUE",
            8 => "CUBLAS_STATUS_ARCH_MISMATCH",
            13 => "CUBLAS_STATUS_EXECUTION_FAILED",
            14 => "CUBLAS_STATUS_INTERNAL_ERROR",
            15 => "CUBLAS_STATUS_NOT_SUPPORTED",
            _ => "error",
        };
        throw new CudaException($"{call}: {name} ({code})", isOutOfMemory: code == 3);
    }

    private partial void Sgemm(in BlasCall call, ulong first, ulong second, float beta, ulong c);

    private partial void GemmEx(in BlasCall call, ulong first, ulong second, int type, float beta, ulong c, int computeType);
}

/// <summary>A row-major product as cuBLAS sees it: Cᵀ = Bᵀ·Aᵀ, so B comes first. Transposes are 0 or 1, m × n is the size of Cᵀ.</summary>
internal readonly record struct BlasCall(int TransposeFirst, int TransposeSecond, int M, int N, int K, int LeadingFirst, int LeadingSecond, int LeadingC)
{
    /// <summary>The call for a product.</summary>
    public static BlasCall Of(in MatMulGeometry geometry)
    {
        var (left, right) = ((geometry.Transpose & Transpose.Left) != 0, (geometry.Transpose & Transpose.Right) != 0);
        // The length of a row: B is [inner, columns] or, transposed, [columns, inner]; A is [rows, inner] or [inner, rows].
        return new BlasCall(right ? 1 : 0, left ? 1 : 0, geometry.Columns, geometry.Rows, geometry.Inner,
            Math.Max(1, right ? geometry.Inner : geometry.Columns), Math.Max(1, left ? geometry.Rows : geometry.Inner), geometry.Columns);
    }
}
