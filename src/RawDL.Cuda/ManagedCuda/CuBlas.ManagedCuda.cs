using ManagedCuda.BasicTypes;
using ManagedCuda.CudaBlas;
using static ManagedCuda.CudaBlas.CudaBlasNativeMethods;

namespace RawDL.Cuda;

internal sealed unsafe partial class CuBlas
{
    private readonly NativeDriver _driver;
    private readonly CudaBlasHandle _handle;
    private readonly ulong _workspace;

    internal CuBlas(NativeDriver driver, int driverMajor)
    {
        _ = driverMajor;
        _driver = driver;
        driver.Enter();
        try
        {
            Check(cublasCreate_v2(ref _handle), "cublasCreate");
        }
        catch (Exception e) when (e is DllNotFoundException || e.InnerException is DllNotFoundException)
        {
            throw new CudaException("--gemm cublas: expected NVIDIA's cuBLAS, got no libcublas.so, by which ManagedCuda loads it; install it, or leave the option out");
        }
        var version = 0;
        Check(cublasGetVersion_v2(_handle, ref version), "cublasGetVersion");
        Version = version;
        Check(cublasSetStream_v2(_handle, new CUstream { Pointer = driver.Stream }), "cublasSetStream");
        var bytes = WorkspaceBytes(driver);
        _workspace = driver.Allocate(bytes);
        Check(cublasSetWorkspace_v2(_handle, Address(_workspace), bytes), "cublasSetWorkspace");
    }

    public void Dispose()
    {
        if (_driver.IsLost) return;
        _driver.Synchronize();
        _ = cublasDestroy_v2(_handle);
        _driver.Free(_workspace);
    }

    private partial void Sgemm(in BlasCall call, ulong first, ulong second, float beta, ulong c)
    {
        _driver.Enter();
        var alpha = 1f;
        Check(cublasSgemm_v2(_handle, (Operation)call.TransposeFirst, (Operation)call.TransposeSecond, call.M, call.N, call.K, ref alpha, Address(first), call.LeadingFirst,
            Address(second), call.LeadingSecond, ref beta, Address(c), call.LeadingC), "cublasSgemm");
    }

    private partial void GemmEx(in BlasCall call, ulong first, ulong second, int type, float beta, ulong c, int computeType)
    {
        _driver.Enter();
        var alpha = 1f;
        Check(cublasGemmEx(_handle, (Operation)call.TransposeFirst, (Operation)call.TransposeSecond, call.M, call.N, call.K, (nint)(&alpha), Address(first), (cudaDataType)type, call.LeadingFirst,
            Address(second), (cudaDataType)type, call.LeadingSecond, (nint)(&beta), Address(c), (cudaDataType)Real32F, call.LeadingC, (ComputeType)computeType, GemmAlgo.Default), "cublasGemmEx");
    }

    private static void Check(CublasStatus status, string call) => Check((int)status, call);

    private static CUdeviceptr Address(ulong address) => new() { Pointer = address };
}
