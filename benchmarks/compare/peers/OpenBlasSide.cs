using System.Runtime.InteropServices;

namespace RawDL.Peers;

/// <summary>OpenBLAS of Debian (libopenblas0-pthread): matrix products.</summary>
internal sealed unsafe partial class OpenBlasSide : Side
{
    private const string Library = "libopenblas.so.0";
    private const int RowMajor = 101, NoTranspose = 111;

    public OpenBlasSide()
    {
        if (!NativeLibrary.TryLoad(Library, out _)) throw new NotSupportedException("not installed: apt-get install libopenblas0-pthread");
    }

    public override string Version => Marshal.PtrToStringUTF8(GetConfiguration())!.Trim();

    public override Work MatMul(int rows, int columns, int inner, int threads)
    {
        SetThreads(threads);
        Native a = new(Numbers(rows * inner)), b = new(Numbers(inner * columns)), c = new(Numbers(rows * columns));
        return new Work(2.0 * rows * columns * inner, () => Multiply(
            RowMajor, NoTranspose, NoTranspose, rows, columns, inner, 1f, a.Pointer, inner, b.Pointer, columns, 0f, c.Pointer, columns), a, b, c);
    }

    [LibraryImport(Library, EntryPoint = "cblas_sgemm")]
    private static partial void Multiply(
        int order, int transposeA, int transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc);

    [LibraryImport(Library, EntryPoint = "openblas_set_num_threads")]
    private static partial void SetThreads(int threads);

    [LibraryImport(Library, EntryPoint = "openblas_get_config")]
    private static partial nint GetConfiguration();

    // Aligned as RawDL's buffers are.
    private sealed class Native : IDisposable
    {
        public Native(float[] values)
        {
            Pointer = (float*)NativeMemory.AlignedAlloc((nuint)values.Length * sizeof(float), 64);
            values.CopyTo(new Span<float>(Pointer, values.Length));
        }

        public float* Pointer { get; }

        public void Dispose() => NativeMemory.AlignedFree(Pointer);
    }
}
