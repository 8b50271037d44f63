using System.Runtime.InteropServices;
using System.Text;
using ManagedCuda.BasicTypes;
using static ManagedCuda.DriverAPINativeMethods;

namespace RawDL.Cuda;

/// <summary>The functions of the CUDA driver through the package ManagedCuda-12, in the place of the own binding and with its signatures. The package loads
/// libcuda.so, not libcuda.so.1: the name that development files bring, or a link.</summary>
internal sealed unsafe class CudaLibrary
{
    // The package takes the arguments of a launch as an array; one per kernel, made at its first launch.
    private readonly Dictionary<nint, nint[]> _arguments = [];

    /// <summary>The package's own would lay the map on any address, and the driver wants a multiple of 64.</summary>
    internal readonly delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int> TensorMapEncodeTiled;

    private CudaLibrary()
    {
        if (NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out var handle) && NativeLibrary.TryGetExport(handle, "cuTensorMapEncodeTiled", out var function))
            TensorMapEncodeTiled = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int>)function;
    }

    internal static CudaLibrary? TryLoad(out string reason)
    {
        try
        {
            var library = new CudaLibrary();
            var code = (int)cuInit(CUInitializationFlags.None);
            reason = code == 0 ? "" : $"none (cuInit: {library.ErrorName(code)})";
            return code == 0 ? library : null;
        }
        catch (Exception e) when (e is DllNotFoundException || e.InnerException is DllNotFoundException)
        {
            reason = "no libcuda.so, by which ManagedCuda loads the NVIDIA driver";
            return null;
        }
    }

    internal string ErrorName(int code)
    {
        nint name = 0;
        return (int)ErrorHandling.cuGetErrorName((CUResult)code, ref name) == 0 && name != 0 ? $"{Marshal.PtrToStringUTF8(name)} ({code})" : $"error {code}";
    }

    internal CudaException Error(int code, string call) => CudaError.Exception(code, call, ErrorName(code));

    internal void Check(int code, string call)
    {
        if (code != 0) throw Error(code, call);
    }

    internal int DriverGetVersion(int* version) => (int)cuDriverGetVersion(ref *version);

    internal int DeviceGetCount(int* count) => (int)DeviceManagement.cuDeviceGetCount(ref *count);

    internal int DeviceGet(int* device, int index) => (int)DeviceManagement.cuDeviceGet(ref *(CUdevice*)device, index);

    internal int DeviceGetName(byte* name, int bytes, int device)
    {
        var text = new byte[bytes];
        var code = (int)DeviceManagement.cuDeviceGetName(text, bytes, Device(device));
        text.CopyTo(new Span<byte>(name, bytes));
        return code;
    }

    internal int DeviceGetAttribute(int* value, int attribute, int device) => (int)DeviceManagement.cuDeviceGetAttribute(ref *value, (CUDeviceAttribute)attribute, Device(device));

    internal int DeviceTotalMem(nuint* bytes, int device) => (int)DeviceManagement.cuDeviceTotalMem_v2(ref *(SizeT*)bytes, Device(device));

    internal int DevicePrimaryCtxRetain(nint* context, int device) => (int)ContextManagement.cuDevicePrimaryCtxRetain(ref *(CUcontext*)context, Device(device));

    internal int DevicePrimaryCtxRelease(int device) => (int)ContextManagement.cuDevicePrimaryCtxRelease(Device(device));

    internal int CtxSetCurrent(nint context) => (int)ContextManagement.cuCtxSetCurrent(new CUcontext { Pointer = context });

    internal int MemGetInfo(nuint* free, nuint* total) => (int)MemoryManagement.cuMemGetInfo_v2(ref *(SizeT*)free, ref *(SizeT*)total);

    internal int MemAlloc(ulong* address, nuint bytes) => (int)MemoryManagement.cuMemAlloc_v2(ref *(CUdeviceptr*)address, bytes);

    internal int MemFree(ulong address) => (int)MemoryManagement.cuMemFree_v2(Address(address));

    internal int MemHostAlloc(void** address, nuint bytes, uint flags) => (int)MemoryManagement.cuMemHostAlloc(ref *(nint*)address, bytes, (CUMemHostAllocFlags)flags);

    internal int MemFreeHost(void* address) => (int)MemoryManagement.cuMemFreeHost((nint)address);

    internal int MemcpyHtoDAsync(ulong target, void* source, nuint bytes, nint stream) => (int)AsynchronousMemcpy_v2.cuMemcpyHtoDAsync_v2(Address(target), (nint)source, bytes, Stream(stream));

    internal int MemcpyDtoHAsync(void* target, ulong source, nuint bytes, nint stream) => (int)AsynchronousMemcpy_v2.cuMemcpyDtoHAsync_v2((nint)target, Address(source), bytes, Stream(stream));

    internal int MemcpyDtoDAsync(ulong target, ulong source, nuint bytes, nint stream) => (int)AsynchronousMemcpy_v2.cuMemcpyDtoDAsync_v2(Address(target), Address(source), bytes, Stream(stream));

    internal int MemsetD32Async(ulong target, uint value, nuint count, nint stream) => (int)MemsetAsync.cuMemsetD32Async(Address(target), value, count, Stream(stream));

    internal int StreamCreate(nint* stream, uint flags) => (int)Streams.cuStreamCreate(ref *(CUstream*)stream, (CUStreamFlags)flags);

    internal int StreamDestroy(nint stream) => (int)Streams.cuStreamDestroy_v2(Stream(stream));

    internal int StreamSynchronize(nint stream) => (int)Streams.cuStreamSynchronize(Stream(stream));

    internal int StreamWaitEvent(nint stream, nint mark, uint flags) => (int)Streams.cuStreamWaitEvent(Stream(stream), Event(mark), flags);

    internal int StreamBeginCapture(nint stream, int mode) => (int)Streams.cuStreamBeginCapture(Stream(stream), (CUstreamCaptureMode)mode);

    internal int StreamEndCapture(nint stream, nint* graph) => (int)Streams.cuStreamEndCapture(Stream(stream), ref *(CUgraph*)graph);

    internal int EventCreate(nint* mark, uint flags) => (int)Events.cuEventCreate(ref *(CUevent*)mark, (CUEventFlags)flags);

    internal int EventRecord(nint mark, nint stream) => (int)Events.cuEventRecord(Event(mark), Stream(stream));

    internal int EventQuery(nint mark) => (int)Events.cuEventQuery(Event(mark));

    internal int EventSynchronize(nint mark) => (int)Events.cuEventSynchronize(Event(mark));

    internal int EventElapsedTime(float* milliseconds, nint from, nint to) => (int)Events.cuEventElapsedTime(ref *milliseconds, Event(from), Event(to));

    internal int EventDestroy(nint mark) => (int)Events.cuEventDestroy_v2(Event(mark));

    internal int ModuleLoadData(nint* module, byte[] image) => (int)ModuleManagement.cuModuleLoadData(ref *(CUmodule*)module, image);

    internal int ModuleGetFunction(nint* function, nint module, byte* name) =>
        (int)ModuleManagement.cuModuleGetFunction(ref *(CUfunction*)function, new CUmodule { Pointer = module }, Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)));

    internal int ModuleUnload(nint module) => (int)ModuleManagement.cuModuleUnload(new CUmodule { Pointer = module });

    internal int FuncGetAttribute(int* value, int attribute, nint function) => (int)FunctionManagement.cuFuncGetAttribute(ref *value, (CUFunctionAttribute)attribute, Function(function));

    internal int FuncSetAttribute(nint function, int attribute, int value) => (int)FunctionManagement.cuFuncSetAttribute(Function(function), (CUFunctionAttribute)attribute, value);

    internal int LaunchKernel(nint function, uint x, uint y, uint z, uint threadsX, uint threadsY, uint threadsZ, uint sharedBytes, nint stream, void** arguments, void** extra)
    {
        if (!_arguments.TryGetValue(function, out var addresses)) _arguments[function] = addresses = new nint[Parameters(function)];
        new ReadOnlySpan<nint>(arguments, addresses.Length).CopyTo(addresses);
        return (int)Launch.cuLaunchKernel(Function(function), x, y, z, threadsX, threadsY, threadsZ, sharedBytes, Stream(stream), addresses, null);
    }

    internal int GraphInstantiate(nint* executable, nint graph, ulong flags) => (int)GraphManagment.cuGraphInstantiate(ref *(CUgraphExec*)executable, Graph(graph), (CUgraphInstantiate_flags)flags);

    internal int GraphDestroy(nint graph) => (int)GraphManagment.cuGraphDestroy(Graph(graph));

    internal int GraphUpload(nint executable, nint stream) => (int)GraphManagment.cuGraphUpload(new CUgraphExec { Pointer = executable }, Stream(stream));

    internal int GraphLaunch(nint executable, nint stream) => (int)GraphManagment.cuGraphLaunch(new CUgraphExec { Pointer = executable }, Stream(stream));

    internal int GraphExecDestroy(nint executable) => (int)GraphManagment.cuGraphExecDestroy(new CUgraphExec { Pointer = executable });

    // cuFuncGetParamInfo is in drivers of CUDA 12.4 and newer.
    private static int Parameters(nint function)
    {
        var count = 0;
        SizeT offset = 0, size = 0;
        while ((int)FunctionManagement.cuFuncGetParamInfo(Function(function), count, ref offset, ref size) == 0) count++;
        return count;
    }

    private static CUdevice Device(int device) => new() { Pointer = device };

    private static CUdeviceptr Address(ulong address) => new() { Pointer = address };

    private static CUstream Stream(nint stream) => new() { Pointer = stream };

    private static CUevent Event(nint mark) => new() { Pointer = mark };

    private static CUfunction Function(nint function) => new() { Pointer = function };

    private static CUgraph Graph(nint graph) => new() { Pointer = graph };
}
