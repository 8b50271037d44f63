namespace RawDL.Cuda;

/// <summary>A CUDA device: kernels by name on one stream, over a caching allocator. Launches return at once; downloads wait.</summary>
/// <remarks>Same inputs, same bits: no kernel adds in an order that depends on time. The bits are not those of the CPU.</remarks>
public sealed unsafe partial class CudaDevice : Device
{
    private readonly Driver _driver;
    private readonly Dictionary<string, Kernel> _kernels = [];

    internal CudaDevice(Driver driver, string name, CudaOptions? options = null)
    {
        (_driver, Name, Pool) = (driver, name, new MemoryPool(driver));
        Precision = options?.Precision ?? GemmPrecision.Float32;
        if (options?.Gemm != GemmLibrary.CuBlas) return;
        if (Precision == GemmPrecision.Float32By3xTf32) throw new CudaException("--gemm cublas: expected a precision that cuBLAS has, got three products of TF32");
        CuBlas = driver.OpenCuBlas();
    }

    internal Driver Driver => _driver;

    /// <summary>What the products of matrix products are made of.</summary>
    internal GemmPrecision Precision { get; set; }

    /// <summary>Makes matrix products instead of the kernels; null: the kernels do.</summary>
    internal CuBlas? CuBlas { get; }

    internal MemoryPool Pool { get; }

    /// <summary>What the device is.</summary>
    public DeviceProperties Properties => _driver.Properties;

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => Properties.ToString();

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<float> source, DeviceBuffer target, int offset)
    {
        fixed (float* values = source) _driver.Upload(Address(target, offset), values, 4 * (nuint)source.Length);
    }

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<int> source, DeviceBuffer target, int offset)
    {
        fixed (int* values = source) _driver.Upload(Address(target, offset), values, 4 * (nuint)source.Length);
    }

    /// <inheritdoc/>
    public override void Download(DeviceBuffer source, int offset, Span<float> target)
    {
        fixed (float* values = target) _driver.Download(values, Address(source, offset), 4 * (nuint)target.Length);
    }

    /// <inheritdoc/>
    public override void Download(DeviceBuffer source, int offset, Span<int> target)
    {
        fixed (int* values = target) _driver.Download(values, Address(source, offset), 4 * (nuint)target.Length);
    }

    /// <inheritdoc/>
    public override void Synchronize() => _driver.Synchronize();

    /// <inheritdoc/>
    public override void Dispose()
    {
        DisposeScratch();
        _state?.Dispose();
        CuBlas?.Dispose();
        Pool.Dispose();
        _driver.Dispose();
    }

    /// <inheritdoc/>
    protected override DeviceBuffer CreateBuffer(int length) => new CudaBuffer(this, length);

    /// <inheritdoc/>
    protected override void Fill(Tensor target, float value)
    {
        if (target.Count > 0) _driver.Set(Address(target), BitConverter.SingleToUInt32Bits(value), (nuint)target.Count);
    }

    internal void ReleasedBy(CudaBuffer buffer) => Released(buffer.Length);

    private static ulong Address(DeviceBuffer buffer, int offset) => ((CudaBuffer)buffer).Address + 4 * (ulong)offset;

    internal static ulong Address(Tensor tensor) => Address(tensor.Buffer, tensor.Offset);

    // A null pointer where the kernel has nothing to read or write.
    private static ulong AddressOrZero(Tensor? tensor) => tensor is null ? 0 : Address(tensor);

    /// <summary>The kernel of that name; its module is compiled when the first of its kernels is asked for.</summary>
    private Kernel Get(string module, string name)
    {
        if (!_kernels.TryGetValue(name, out var kernel)) _kernels[name] = kernel = _driver.Load(module, name);
        return kernel;
    }

    /// <summary>Launches with the addresses of the arguments: <c>Launch(kernel, new Grid(blocks), 0, (nint)(&amp;x), (nint)(&amp;n))</c>. Nothing is allocated.</summary>
    private void Launch(in Kernel kernel, Grid grid, int sharedBytes, params ReadOnlySpan<nint> arguments)
    {
        fixed (nint* addresses = arguments) _driver.Launch(kernel, grid, sharedBytes, (void**)addresses);
    }

    // Blocks of a grid-stride loop: enough to fill the device several times, constant for a problem on a device.
    private Grid Blocks(long elements, in Kernel kernel, int perThread = 1)
    {
        var perBlock = (long)kernel.Threads * perThread;
        return new Grid((int)Math.Clamp((elements + perBlock - 1) / perBlock, 1, 32L * Properties.Multiprocessors));
    }
}
