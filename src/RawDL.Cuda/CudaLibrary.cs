using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>The functions of the CUDA driver, libcuda.so.1 or nvcuda.dll. Every handle is an <c>nint</c>, a device address is a <c>ulong</c>; names as in cuda.h.</summary>
/// <remarks>None suppresses the transition to preemptive mode: a launch may wait for room in the queue.</remarks>
internal sealed unsafe class CudaLibrary
{
    internal const string Variable = "RAWDL_CUDA_LIBRARY";

    internal readonly delegate* unmanaged<uint, int> Init;
    internal readonly delegate* unmanaged<int*, int> DriverGetVersion;
    internal readonly delegate* unmanaged<int, byte**, int> GetErrorName;
    internal readonly delegate* unmanaged<int*, int> DeviceGetCount;
    internal readonly delegate* unmanaged<int*, int, int> DeviceGet;
    internal readonly delegate* unmanaged<byte*, int, int, int> DeviceGetName;
    internal readonly delegate* unmanaged<int*, int, int, int> DeviceGetAttribute;
    internal readonly delegate* unmanaged<nuint*, int, int> DeviceTotalMem;
    internal readonly delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain;
    internal readonly delegate* unmanaged<int, int> DevicePrimaryCtxRelease;
    internal readonly delegate* unmanaged<nint, int> CtxSetCurrent;
    internal readonly delegate* unmanaged<nuint*, nuint*, int> MemGetInfo;
    internal readonly delegate* unmanaged<ulong*, nuint, int> MemAlloc;
    internal readonly delegate* unmanaged<ulong, int> MemFree;
    internal readonly delegate* unmanaged<void**, nuint, uint, int> MemHostAlloc;
    internal readonly delegate* unmanaged<void*, int> MemFreeHost;
    internal readonly delegate* unmanaged<ulong, void*, nuint, nint, int> MemcpyHtoDAsync;
    internal readonly delegate* unmanaged<void*, ulong, nuint, nint, int> MemcpyDtoHAsync;
    internal readonly delegate* unmanaged<ulong, ulong, nuint, nint, int> MemcpyDtoDAsync;
    internal readonly delegate* unmanaged<ulong, uint, nuint, nint, int> MemsetD32Async;
    internal readonly delegate* unmanaged<nint*, uint, int> StreamCreate;
    internal readonly delegate* unmanaged<nint, int> StreamDestroy;
    internal readonly delegate* unmanaged<nint, int> StreamSynchronize;
    internal readonly delegate* unmanaged<nint, nint, uint, int> StreamWaitEvent;
    internal readonly delegate* unmanaged<nint, int, int> StreamBeginCapture;
    internal readonly delegate* unmanaged<nint, nint*, int> StreamEndCapture;
    internal readonly delegate* unmanaged<nint*, uint, int> EventCreate;
    internal readonly delegate* unmanaged<nint, nint, int> EventRecord;
    internal readonly delegate* unmanaged<nint, int> EventQuery;
    internal readonly delegate* unmanaged<nint, int> EventSynchronize;
    internal readonly delegate* unmanaged<float*, nint, nint, int> EventElapsedTime;
    internal readonly delegate* unmanaged<nint, int> EventDestroy;
    private readonly delegate* unmanaged<nint*, void*, int> _moduleLoadData;
    internal readonly delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction;
    internal readonly delegate* unmanaged<nint, int> ModuleUnload;
    internal readonly delegate* unmanaged<int*, int, nint, int> FuncGetAttribute;
    internal readonly delegate* unmanaged<nint, int, int, int> FuncSetAttribute;
    internal readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel;
    internal readonly delegate* unmanaged<nint*, nint, ulong, int> GraphInstantiate;
    internal readonly delegate* unmanaged<nint, int> GraphDestroy;
    internal readonly delegate* unmanaged<nint, nint, int> GraphUpload;
    internal readonly delegate* unmanaged<nint, nint, int> GraphLaunch;
    internal readonly delegate* unmanaged<nint, int> GraphExecDestroy;

    /// <summary>Null in drivers before CUDA 12.</summary>
    internal readonly delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int> TensorMapEncodeTiled;

    /// <param name="path">For messages.</param>
    /// <param name="find">The address of a function; 0 where there is none.</param>
    internal CudaLibrary(string path, Func<string, nint> find)
    {
        Init = (delegate* unmanaged<uint, int>)Function("cuInit");
        DriverGetVersion = (delegate* unmanaged<int*, int>)Function("cuDriverGetVersion");
        GetErrorName = (delegate* unmanaged<int, byte**, int>)Function("cuGetErrorName");
        DeviceGetCount = (delegate* unmanaged<int*, int>)Function("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged<int*, int, int>)Function("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged<byte*, int, int, int>)Function("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)Function("cuDeviceGetAttribute");
        DeviceTotalMem = (delegate* unmanaged<nuint*, int, int>)Function("cuDeviceTotalMem_v2");
        DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)Function("cuDevicePrimaryCtxRetain");
        DevicePrimaryCtxRelease = (delegate* unmanaged<int, int>)Function("cuDevicePrimaryCtxRelease_v2");
        CtxSetCurrent = (delegate* unmanaged<nint, int>)Function("cuCtxSetCurrent");
        MemGetInfo = (delegate* unmanaged<nuint*, nuint*, int>)Function("cuMemGetInfo_v2");
        MemAlloc = (delegate* unmanaged<ulong*, nuint, int>)Function("cuMemAlloc_v2");
        MemFree = (delegate* unmanaged<ulong, int>)Function("cuMemFree_v2");
        MemHostAlloc = (delegate* unmanaged<void**, nuint, uint, int>)Function("cuMemHostAlloc");
        MemFreeHost = (delegate* unmanaged<void*, int>)Function("cuMemFreeHost");
        MemcpyHtoDAsync = (delegate* unmanaged<ulong, void*, nuint, nint, int>)Function("cuMemcpyHtoDAsync_v2");
        MemcpyDtoHAsync = (delegate* unmanaged<void*, ulong, nuint, nint, int>)Function("cuMemcpyDtoHAsync_v2");
        MemcpyDtoDAsync = (delegate* unmanaged<ulong, ulong, nuint, nint, int>)Function("cuMemcpyDtoDAsync_v2");
        MemsetD32Async = (delegate* unmanaged<ulong, uint, nuint, nint, int>)Function("cuMemsetD32Async");
        StreamCreate = (delegate* unmanaged<nint*, uint, int>)Function("cuStreamCreate");
        StreamDestroy = (delegate* unmanaged<nint, int>)Function("cuStreamDestroy_v2");
        StreamSynchronize = (delegate* unmanaged<nint, int>)Function("cuStreamSynchronize");
        StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)Function("cuStreamWaitEvent");
        StreamBeginCapture = (delegate* unmanaged<nint, int, int>)Function("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged<nint, nint*, int>)Function("cuStreamEndCapture");
        EventCreate = (delegate* unmanaged<nint*, uint, int>)Function("cuEventCreate");
        EventRecord = (delegate* unmanaged<nint, nint, int>)Function("cuEventRecord");
        EventQuery = (delegate* unmanaged<nint, int>)Function("cuEventQuery");
        EventSynchronize = (delegate* unmanaged<nint, int>)Function("cuEventSynchronize");
        EventElapsedTime = (delegate* unmanaged<float*, nint, nint, int>)Function("cuEventElapsedTime");
        EventDestroy = (delegate* unmanaged<nint, int>)Function("cuEventDestroy_v2");
        _moduleLoadData = (delegate* unmanaged<nint*, void*, int>)Function("cuModuleLoadData");
        ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Function("cuModuleGetFunction");
        ModuleUnload = (delegate* unmanaged<nint, int>)Function("cuModuleUnload");
        FuncGetAttribute = (delegate* unmanaged<int*, int, nint, int>)Function("cuFuncGetAttribute");
        FuncSetAttribute = (delegate* unmanaged<nint, int, int, int>)Function("cuFuncSetAttribute");
        LaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Function("cuLaunchKernel");
        GraphInstantiate = (delegate* unmanaged<nint*, nint, ulong, int>)Function("cuGraphInstantiateWithFlags");
        GraphDestroy = (delegate* unmanaged<nint, int>)Function("cuGraphDestroy");
        GraphUpload = (delegate* unmanaged<nint, nint, int>)Function("cuGraphUpload");
        GraphLaunch = (delegate* unmanaged<nint, nint, int>)Function("cuGraphLaunch");
        GraphExecDestroy = (delegate* unmanaged<nint, int>)Function("cuGraphExecDestroy");
        TensorMapEncodeTiled = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int>)find("cuTensorMapEncodeTiled");

        nint Function(string name)
        {
            var address = find(name);
            return address != 0 ? address : throw new CudaException($"expected a driver of CUDA 11.4 or newer, got {path} without {name}");
        }
    }

    /// <summary>Loads the driver and starts it; null, with the reason, where there is none.</summary>
    /// <exception cref="CudaException">The driver is too old.</exception>
    internal static CudaLibrary? TryLoad(out string reason)
    {
        var handle = SharedLibrary.Open(Variable, OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"], out var path, out reason);
        if (handle == 0)
        {
            reason += " (no NVIDIA driver)";
            return null;
        }
        var library = new CudaLibrary(path, name => NativeLibrary.TryGetExport(handle, name, out var address) ? address : 0);
        return library.Start(out reason) ? library : null;
    }

    /// <summary>False, with the reason, where the driver finds nothing to drive.</summary>
    internal bool Start(out string reason)
    {
        var code = Init(0);
        reason = code == 0 ? "" : $"none (cuInit: {ErrorName(code)})";
        return code == 0;
    }

    /// <summary>CUDA_ERROR_INVALID_VALUE (1).</summary>
    internal string ErrorName(int code)
    {
        byte* name = null;
        return GetErrorName(code, &name) == 0 && name is not null ? $"{Marshal.PtrToStringUTF8((nint)name)} ({code})" : $"error {code}";
    }

    /// <summary>Loads a cubin, or PTX that ends with a zero.</summary>
    internal int ModuleLoadData(nint* module, byte[] image)
    {
        fixed (byte* bytes = image) return _moduleLoadData(module, bytes);
    }

    /// <summary>The exception of a failed call.</summary>
    internal CudaException Error(int code, string call) => CudaError.Exception(code, call, ErrorName(code));

    /// <summary>Throws when a call has failed.</summary>
    internal void Check(int code, string call)
    {
        if (code != 0) throw Error(code, call);
    }
}
