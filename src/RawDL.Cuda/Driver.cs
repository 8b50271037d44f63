namespace RawDL.Cuda;

/// <summary>What a CUDA device is driven by: memory, kernels, events and graphs of one device on one stream. A call that fails throws a
/// <see cref="CudaException"/> that names it.</summary>
internal abstract unsafe class Driver : IDisposable
{
    private readonly List<(nint Start, nuint Bytes)> _pinned = [];

    /// <summary>What the device is.</summary>
    public abstract DeviceProperties Properties { get; }

    /// <summary>Between <see cref="BeginCapture"/> and <see cref="EndCapture"/>: launches, copies and sets are recorded, and what cannot be recorded throws.</summary>
    public bool IsCapturing { get; protected set; }

    /// <summary>The device has failed so that every further call of this process would.</summary>
    public virtual bool IsLost => false;

    /// <summary>Blocks of the pool have exactly the size that was asked for, so that the first byte behind them is guarded.</summary>
    public virtual bool GuardsMemory => false;

    /// <summary>Device memory, 256-byte aligned. Out of memory is a <see cref="CudaException"/> whose IsOutOfMemory is true.</summary>
    public abstract ulong Allocate(nuint bytes);
    /// <summary>Gives it back.</summary>
    public abstract void Free(ulong address);
    /// <summary>Host memory that the device copies from and to without the processor.</summary>
    public abstract void* AllocatePinned(nuint bytes);
    /// <summary>Gives it back.</summary>
    public abstract void FreePinned(void* address);
    /// <summary>A block of the pool is about to be used again: its old values mean nothing.</summary>
    public virtual void Forget(ulong address, nuint bytes) { }

    /// <summary>Copies to the device, in the stream's order; pageable memory may be reused on return, pinned memory after <see cref="Synchronize"/>.</summary>
    public abstract void Upload(ulong target, void* source, nuint bytes);
    /// <summary>Copies to the host, in the stream's order; pageable memory is filled on return, pinned memory after <see cref="Synchronize"/>.</summary>
    public abstract void Download(void* target, ulong source, nuint bytes);
    /// <summary>Copies to pinned memory as the source is after the stream's work so far, beside the work that follows; the mark is over when the copy is.</summary>
    public abstract void DownloadBeside(void* target, ulong source, nuint bytes, nint mark);
    /// <summary>Whether a mark is over; with <paramref name="wait"/> it is on return.</summary>
    public abstract bool IsOver(nint mark, bool wait);
    /// <summary>Copies on the device, in the stream's order.</summary>
    public abstract void Copy(ulong target, ulong source, nuint bytes);
    /// <summary>Sets 4-byte elements, in the stream's order.</summary>
    public abstract void Set(ulong target, uint value, nuint count);
    /// <summary>Waits until the stream is empty.</summary>
    public abstract void Synchronize();

    /// <summary>The kernel of that name in kernels/<paramref name="module"/>.cu, compiled when it is first asked for.</summary>
    public abstract Kernel Load(string module, string name);
    /// <summary>Runs a kernel, in the stream's order. <paramref name="arguments"/> are the addresses of its arguments.</summary>
    public abstract void Launch(in Kernel kernel, Grid grid, int sharedBytes, void** arguments);

    /// <summary>Describes a row-major matrix in device memory to the copy engine (cuTensorMapEncodeTiled with rank 2, element strides 1, no interleave, L2 promotion
    /// of 128 bytes, zero outside). <paramref name="map"/> is 128 bytes of any alignment, passed to a kernel by value.</summary>
    public abstract void EncodeTiled(void* map, in TileMap tiles);

    /// <summary>A point in the stream's time.</summary>
    public abstract nint CreateEvent();
    /// <summary>Marks it, in the stream's order.</summary>
    public abstract void Record(nint mark);
    /// <summary>Milliseconds between two marks; waits for the later one.</summary>
    public abstract double Milliseconds(nint from, nint to);
    /// <summary>Gives it back.</summary>
    public abstract void DestroyEvent(nint mark);

    /// <summary>From here on launches, copies and sets are recorded, not run.</summary>
    public abstract void BeginCapture();
    /// <summary>Ends the recording; an executable graph.</summary>
    public abstract nint EndCapture();
    /// <summary>Runs a graph, in the stream's order.</summary>
    public abstract void LaunchGraph(nint graph);
    /// <summary>Gives it back.</summary>
    public abstract void DestroyGraph(nint graph);

    /// <summary>cuBLAS on this device and stream.</summary>
    public virtual CuBlas OpenCuBlas() => throw new CudaException($"--gemm cublas: expected an NVIDIA device, got the {Properties.Name} one");

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>The words of a launch in messages: <c>conv2d_forward&lt;&lt;&lt;(98, 64, 1), 256&gt;&gt;&gt;</c>, with the dynamic shared memory where there is some.</summary>
    protected static string Describe(in Kernel kernel, Grid grid, int sharedBytes) =>
        FormattableString.Invariant($"{kernel.Name}<<<({grid.X}, {grid.Y}, {grid.Z}), {kernel.Threads}{(sharedBytes > 0 ? $", {sharedBytes}" : "")}>>>");

    /// <summary>Throws inside a capture, before the driver sees the call and spoils the graph.</summary>
    protected void RequireNoCapture(string what)
    {
        if (IsCapturing) throw new InvalidOperationException($"{what} inside the capture of a graph: expected it before the capture; run the step once without.");
    }

    /// <summary>A captured copy reads host memory whenever the graph runs.</summary>
    protected void RequirePinned(void* address, nuint bytes)
    {
        if (!IsCapturing) return;
        foreach (var (start, length) in _pinned)
            if ((nint)address >= start && (nuint)((nint)address - start) + bytes <= length) return;
        throw new InvalidOperationException("A copy inside the capture of a graph: expected pinned host memory, got pageable.");
    }

    /// <summary>Calls cuTensorMapEncodeTiled, which wants the map on a multiple of 64 bytes.</summary>
    protected static int Encode(delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int> encode, void* map, in TileMap tiles)
    {
        var space = stackalloc byte[128 + 63];
        var aligned = (byte*)(((nint)space + 63) & ~63);
        ulong* extents = stackalloc ulong[2] { (ulong)tiles.Columns, (ulong)tiles.Rows };
        var pitch = (ulong)tiles.Pitch;
        uint* box = stackalloc uint[2] { (uint)tiles.BoxColumns, (uint)tiles.BoxRows }, steps = stackalloc uint[2] { 1, 1 };
        var result = encode(aligned, (int)tiles.Element, 2, tiles.Address, extents, &pitch, box, steps, 0, tiles.Swizzled ? 3 : 0, 2, 0);
        if (result == 0) Buffer.MemoryCopy(aligned, map, 128, 128);
        return result;
    }

    /// <summary>Remembers pinned memory for <see cref="RequirePinned"/>.</summary>
    protected void* Pinned(void* address, nuint bytes)
    {
        _pinned.Add(((nint)address, bytes));
        return address;
    }

    /// <summary>Forgets it.</summary>
    protected void Unpinned(void* address) => _pinned.RemoveAll(block => block.Start == (nint)address);
}
