namespace RawDL.Cuda;

/// <summary>What a CUDA device is driven by: memory, kernels, events and graphs of one device on one stream. A call that fails throws a
/// <see cref="CudaException"/> that names it.</summary>
internal abstract unsafe class Driver : IDisposable
{
    /// <summary>What the device is.</summary>
    public abstract DeviceProperties Properties { get; }

    /// <summary>Device memory, 256-byte aligned. Out of memory is a <see cref="CudaException"/> whose IsOutOfMemory is true.</summary>
    public abstract ulong Allocate(nuint bytes);
    /// <summary>Gives it back.</summary>
    public abstract void Free(ulong address);
    /// <summary>Host memory that the device copies from and to without the processor.</summary>
    public abstract void* AllocatePinned(nuint bytes);
    /// <summary>Gives it back.</summary>
    public abstract void FreePinned(void* address);

    /// <summary>Copies to the device, in the stream's order; pageable memory may be reused on return, pinned memory after <see cref="Synchronize"/>.</summary>
    public abstract void Upload(ulong target, void* source, nuint bytes);
    /// <summary>Copies to the host, in the stream's order; pageable memory is filled on return, pinned memory after <see cref="Synchronize"/>.</summary>
    public abstract void Download(void* target, ulong source, nuint bytes);
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
    /// of 128 bytes, zero outside). <paramref name="map"/> is 128 bytes, 64-byte aligned, passed to a kernel by value.</summary>
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

    /// <inheritdoc/>
    public abstract void Dispose();
}
