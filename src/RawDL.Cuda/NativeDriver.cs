using System.Text;

namespace RawDL.Cuda;

/// <summary>A device through NVIDIA's driver: its primary context, one stream for all work, and one beside it for copies.</summary>
internal sealed unsafe class NativeDriver : Driver
{
    // The driver keeps the current context per thread.
    [ThreadStatic]
    private static NativeDriver? t_current;

    private readonly CudaLibrary _cuda;
    private readonly int _device;
    private readonly nint _context, _stream;
    private readonly Func<string, DeviceProperties, byte[]> _image;
    private readonly bool _waits;
    private readonly Dictionary<string, nint> _modules = [];
    private nint _beside, _fork;
    private bool _isLost, _isDisposed;

    /// <param name="cuda">The driver, started.</param>
    /// <param name="index">The device among those that CUDA_VISIBLE_DEVICES leaves.</param>
    /// <param name="image">Gives the cubin or PTX of a module.</param>
    /// <param name="waits">Waits after every launch.</param>
    internal NativeDriver(CudaLibrary cuda, int index, Func<string, DeviceProperties, byte[]> image, bool waits = false)
    {
        (_cuda, _image, _waits) = (cuda, image, waits);
        int device;
        cuda.Check(cuda.DeviceGet(&device, index), "cuDeviceGet");
        (_device, Properties) = (device, Describe(cuda, device));
        nint context, stream;
        cuda.Check(cuda.DevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
        _context = context;
        try
        {
            Enter();
            cuda.Check(cuda.StreamCreate(&stream, 1), "cuStreamCreate");
        }
        catch
        {
            cuda.DevicePrimaryCtxRelease(device);
            throw;
        }
        _stream = stream;
    }

    public override DeviceProperties Properties { get; }

    public override bool IsLost => _isLost;

    internal nint Stream => _stream;

    /// <summary>All devices.</summary>
    internal static IReadOnlyList<DeviceProperties> List(CudaLibrary cuda)
    {
        int count, device;
        cuda.Check(cuda.DeviceGetCount(&count), "cuDeviceGetCount");
        var devices = new DeviceProperties[count];
        for (var i = 0; i < count; i++)
        {
            cuda.Check(cuda.DeviceGet(&device, i), "cuDeviceGet");
            devices[i] = Describe(cuda, device);
        }
        return devices;
    }

    /// <summary>The driver's CUDA version: 12040 is 12.4.</summary>
    internal static int Version(CudaLibrary cuda)
    {
        int version;
        cuda.Check(cuda.DriverGetVersion(&version), "cuDriverGetVersion");
        return version;
    }

    public override ulong Allocate(nuint bytes)
    {
        RequireNoCapture("An allocation");
        Enter();
        ulong address;
        var code = _cuda.MemAlloc(&address, bytes);
        if (code != 0)
        {
            nuint free = 0, total = 0;
            _ = _cuda.MemGetInfo(&free, &total);
            throw Error(code, FormattableString.Invariant($"cuMemAlloc of {bytes} bytes with {free} of {total} free"));
        }
        return address;
    }

    public override void Free(ulong address)
    {
        RequireNoCapture("A release of memory");
        if (_isLost) return;
        Enter();
        Check(_cuda.MemFree(address), "cuMemFree");
    }

    public override void* AllocatePinned(nuint bytes)
    {
        RequireNoCapture("An allocation");
        Enter();
        void* address;
        Check(_cuda.MemHostAlloc(&address, Math.Max(bytes, 1), 1), "cuMemHostAlloc");
        return Pinned(address, bytes);
    }

    public override void FreePinned(void* address)
    {
        Unpinned(address);
        if (_isLost) return;
        Enter();
        Check(_cuda.MemFreeHost(address), "cuMemFreeHost");
    }

    public override void Upload(ulong target, void* source, nuint bytes)
    {
        RequirePinned(source, bytes);
        if (bytes == 0) return;
        Enter();
        Check(_cuda.MemcpyHtoDAsync(target, source, bytes, _stream), "cuMemcpyHtoDAsync");
    }

    public override void Download(void* target, ulong source, nuint bytes)
    {
        RequirePinned(target, bytes);
        if (bytes == 0) return;
        Enter();
        Check(_cuda.MemcpyDtoHAsync(target, source, bytes, _stream), "cuMemcpyDtoHAsync");
    }

    public override void DownloadBeside(void* target, ulong source, nuint bytes, nint mark)
    {
        RequireNoCapture("A copy beside the stream");
        Enter();
        if (_beside == 0)
        {
            nint stream, fork;
            Check(_cuda.StreamCreate(&stream, 1), "cuStreamCreate");
            Check(_cuda.EventCreate(&fork, 2), "cuEventCreate");  // CU_EVENT_DISABLE_TIMING
            (_beside, _fork) = (stream, fork);
        }
        Check(_cuda.EventRecord(_fork, _stream), "cuEventRecord");
        Check(_cuda.StreamWaitEvent(_beside, _fork, 0), "cuStreamWaitEvent");
        if (bytes > 0) Check(_cuda.MemcpyDtoHAsync(target, source, bytes, _beside), "cuMemcpyDtoHAsync");
        Check(_cuda.EventRecord(mark, _beside), "cuEventRecord");
    }

    public override bool IsOver(nint mark, bool wait)
    {
        Enter();
        var code = wait ? _cuda.EventSynchronize(mark) : _cuda.EventQuery(mark);
        if (code == CudaError.NotReady) return false;
        Check(code, wait ? "cuEventSynchronize" : "cuEventQuery");
        return true;
    }

    public override void Copy(ulong target, ulong source, nuint bytes)
    {
        if (bytes == 0) return;
        Enter();
        Check(_cuda.MemcpyDtoDAsync(target, source, bytes, _stream), "cuMemcpyDtoDAsync");
    }

    public override void Set(ulong target, uint value, nuint count)
    {
        if (count == 0) return;
        Enter();
        Check(_cuda.MemsetD32Async(target, value, count, _stream), "cuMemsetD32Async");
    }

    public override void Synchronize()
    {
        RequireNoCapture("A wait");
        Enter();
        Check(_cuda.StreamSynchronize(_stream), "cuStreamSynchronize");
    }

    public override Kernel Load(string module, string name)
    {
        RequireNoCapture($"The first use of kernel {name}");
        Enter();
        if (!_modules.TryGetValue(module, out var handle))
        {
            Check(_cuda.ModuleLoadData(&handle, _image(module, Properties)), $"kernels/{module}.cu at cuModuleLoadData");
            _modules[module] = handle;
        }
        nint function;
        int threads, shared;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0')) Check(_cuda.ModuleGetFunction(&function, handle, text), $"kernels/{module}.cu, {name} at cuModuleGetFunction");
        // CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, "beyond which a launch of the function would fail": the launch bound of the source, which is the size of its blocks.
        Check(_cuda.FuncGetAttribute(&threads, 0, function), $"{name} at cuFuncGetAttribute");
        Check(_cuda.FuncGetAttribute(&shared, 1, function), $"{name} at cuFuncGetAttribute");
        // Without CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES a launch gets 48 KiB.
        if (Properties.SharedBytes > 49152) Check(_cuda.FuncSetAttribute(function, 8, Properties.SharedBytes - shared), $"{name} at cuFuncSetAttribute");
        return new Kernel(function, threads, name);
    }

    public override void Launch(in Kernel kernel, Grid grid, int sharedBytes, void** arguments)
    {
        Enter();
        var code = _cuda.LaunchKernel(kernel.Function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)kernel.Threads, 1, 1, (uint)sharedBytes, _stream, arguments, null);
        if (code == 0 && _waits && !IsCapturing) code = _cuda.StreamSynchronize(_stream);
        if (code == 0) return;
        // Launches return before the kernel ends: what a sticky error tells of may have happened in an earlier one.
        var earlier = CudaError.IsSticky(code) && !_waits ? " or an earlier kernel" : "";
        throw Error(code, $"{Describe(kernel, grid, sharedBytes)}{earlier} at cuLaunchKernel");
    }

    public override void EncodeTiled(void* map, in TileMap tiles)
    {
        if (_cuda.TensorMapEncodeTiled is null) throw new CudaException("cuTensorMapEncodeTiled: expected a driver of CUDA 12 or newer, got an older one");
        Enter();
        var code = Encode(_cuda.TensorMapEncodeTiled, map, tiles);
        if (code != 0) throw Error(code, $"cuTensorMapEncodeTiled of {tiles}");
    }

    public override nint CreateEvent()
    {
        Enter();
        nint mark;
        Check(_cuda.EventCreate(&mark, 0), "cuEventCreate");
        return mark;
    }

    public override void Record(nint mark)
    {
        RequireNoCapture("An event");
        Enter();
        Check(_cuda.EventRecord(mark, _stream), "cuEventRecord");
    }

    public override double Milliseconds(nint from, nint to)
    {
        Enter();
        float milliseconds;
        Check(_cuda.EventSynchronize(to), "cuEventSynchronize");
        Check(_cuda.EventElapsedTime(&milliseconds, from, to), "cuEventElapsedTime");
        return milliseconds;
    }

    public override void DestroyEvent(nint mark)
    {
        if (_isLost) return;
        Enter();
        Check(_cuda.EventDestroy(mark), "cuEventDestroy");
    }

    public override void BeginCapture()
    {
        RequireNoCapture("A capture");
        Enter();
        // Other threads may go on: only this one's calls are watched (CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).
        Check(_cuda.StreamBeginCapture(_stream, 1), "cuStreamBeginCapture");
        IsCapturing = true;
    }

    public override nint EndCapture()
    {
        if (!IsCapturing) throw new InvalidOperationException("EndCapture: expected a capture that has begun.");
        IsCapturing = false;
        Enter();
        nint graph, executable;
        Check(_cuda.StreamEndCapture(_stream, &graph), "cuStreamEndCapture");
        var code = _cuda.GraphInstantiate(&executable, graph, 0);
        _ = _cuda.GraphDestroy(graph);
        Check(code, "cuGraphInstantiate");
        // The first launch would upload it too, at the cost of its time.
        Check(_cuda.GraphUpload(executable, _stream), "cuGraphUpload");
        return executable;
    }

    public override void LaunchGraph(nint graph)
    {
        RequireNoCapture("A graph");
        Enter();
        Check(_cuda.GraphLaunch(graph, _stream), "cuGraphLaunch");
    }

    public override void DestroyGraph(nint graph)
    {
        if (_isLost) return;
        Enter();
        Check(_cuda.GraphExecDestroy(graph), "cuGraphExecDestroy");
    }

    public override CuBlas OpenCuBlas() => new(this, Version(_cuda) / 1000);

    public override void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        // A device that is lost answers all of these with its error.
        if (_cuda.CtxSetCurrent(_context) == 0)
        {
            if (IsCapturing)
            {
                nint graph;
                if (_cuda.StreamEndCapture(_stream, &graph) == 0) _ = _cuda.GraphDestroy(graph);
            }
            _ = _cuda.StreamSynchronize(_stream);
            foreach (var module in _modules.Values) _ = _cuda.ModuleUnload(module);
            if (_beside != 0)
            {
                _ = _cuda.StreamSynchronize(_beside);
                _ = _cuda.EventDestroy(_fork);
                _ = _cuda.StreamDestroy(_beside);
            }
            _ = _cuda.StreamDestroy(_stream);
        }
        t_current = null;
        _ = _cuda.DevicePrimaryCtxRelease(_device);
    }

    private static DeviceProperties Describe(CudaLibrary cuda, int device)
    {
        var name = stackalloc byte[256];
        nuint bytes;
        cuda.Check(cuda.DeviceGetName(name, 256, device), "cuDeviceGetName");
        cuda.Check(cuda.DeviceTotalMem(&bytes, device), "cuDeviceTotalMem");
        // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR, MULTIPROCESSOR_COUNT, MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, CLOCK_RATE
        return new DeviceProperties(System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)name)!, Attribute(75), Attribute(76), Attribute(16), (long)bytes, Attribute(97), Attribute(13))
        {
            // CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE in kHz, two transfers a clock, and GLOBAL_MEMORY_BUS_WIDTH in bits.
            MemoryBandwidth = 2e3 * Attribute(36) * Attribute(37) / 8,
        };

        int Attribute(int number)
        {
            int value;
            cuda.Check(cuda.DeviceGetAttribute(&value, number, device), "cuDeviceGetAttribute");
            return value;
        }
    }

    /// <summary>Makes the context current on this thread.</summary>
    internal void Enter()
    {
        if (t_current == this) return;
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Check(_cuda.CtxSetCurrent(_context), "cuCtxSetCurrent");
        t_current = this;
    }

    private void Check(int code, string call)
    {
        if (code != 0) throw Error(code, call);
    }

    private CudaException Error(int code, string call)
    {
        var error = _cuda.Error(code, call);
        _isLost |= error.IsDeviceLost;
        return error;
    }
}
