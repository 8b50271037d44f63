using System.Runtime.InteropServices;

namespace RawDL.Cuda;

internal sealed unsafe partial class CuBlas
{
    private readonly NativeDriver _driver;
    private readonly nint _library, _handle;
    private readonly ulong _workspace;
    private readonly delegate* unmanaged<nint, int, int, int, int, int, float*, ulong, int, ulong, int, float*, ulong, int, int> _sgemm;
    private readonly delegate* unmanaged<nint, int, int, int, int, int, void*, ulong, int, int, ulong, int, int, void*, ulong, int, int, int, int, int> _gemmEx;

    /// <exception cref="CudaException">It is not installed, or does not start.</exception>
    internal CuBlas(NativeDriver driver, int driverMajor)
    {
        var names = OperatingSystem.IsWindows()
            ? SharedLibrary.Order(driverMajor, (13, "cublas64_13.dll"), (12, "cublas64_12.dll"), (11, "cublas64_11.dll"))
            : SharedLibrary.Order(driverMajor, (13, "libcublas.so.13"), (12, "libcublas.so.12"), (11, "libcublas.so.11"), (99, "libcublas.so"));
        _library = SharedLibrary.Open(Variable, names, out _, out var reason);
        if (_library == 0) throw new CudaException($"--gemm cublas: expected NVIDIA's cuBLAS, got {reason}; install it, name it in {Variable}, or leave the option out");
        _driver = driver;
        _sgemm = (delegate* unmanaged<nint, int, int, int, int, int, float*, ulong, int, ulong, int, float*, ulong, int, int>)Function("cublasSgemm_v2");
        _gemmEx = (delegate* unmanaged<nint, int, int, int, int, int, void*, ulong, int, int, ulong, int, int, void*, ulong, int, int, int, int, int>)Function("cublasGemmEx");
        driver.Enter();
        nint handle;
        int version;
        Check(((delegate* unmanaged<nint*, int>)Function("cublasCreate_v2"))(&handle), "cublasCreate");
        _handle = handle;
        Check(((delegate* unmanaged<nint, int*, int>)Function("cublasGetVersion_v2"))(handle, &version), "cublasGetVersion");
        Version = version;
        Check(((delegate* unmanaged<nint, nint, int>)Function("cublasSetStream_v2"))(handle, driver.Stream), "cublasSetStream");
        var bytes = WorkspaceBytes(driver);
        _workspace = driver.Allocate(bytes);
        Check(((delegate* unmanaged<nint, ulong, nuint, int>)Function("cublasSetWorkspace_v2"))(handle, _workspace, bytes), "cublasSetWorkspace");
    }

    public void Dispose()
    {
        if (_driver.IsLost) return;
        _driver.Synchronize();
        _ = ((delegate* unmanaged<nint, int>)Function("cublasDestroy_v2"))(_handle);
        _driver.Free(_workspace);
    }

    private partial void Sgemm(in BlasCall call, ulong first, ulong second, float beta, ulong c)
    {
        _driver.Enter();
        var alpha = 1f;
        Check(_sgemm(_handle, call.TransposeFirst, call.TransposeSecond, call.M, call.N, call.K, &alpha, first, call.LeadingFirst, second, call.LeadingSecond, &beta, c, call.LeadingC), "cublasSgemm");
    }

    private partial void GemmEx(in BlasCall call, ulong first, ulong second, int type, float beta, ulong c, int computeType)
    {
        _driver.Enter();
        var alpha = 1f;
        Check(_gemmEx(_handle, call.TransposeFirst, call.TransposeSecond, call.M, call.N, call.K, &alpha, first, type, call.LeadingFirst, second, type, call.LeadingSecond, &beta,
            c, Real32F, call.LeadingC, computeType, -1), "cublasGemmEx");
    }

    private nint Function(string name) =>
        NativeLibrary.TryGetExport(_library, name, out var address) ? address : throw new CudaException($"--gemm cublas: expected cuBLAS 11 or newer, got one without {name}");
}
