namespace RawDL.Cuda;

/// <summary>The CUDA devices of this machine.</summary>
public static class CudaDevices
{
    /// <summary>The name of the emulated device.</summary>
    public const string Emulated = "emulated";

    /// <summary>All devices that CUDA_VISIBLE_DEVICES leaves; where there are none, the reason: <c>no libcuda.so.1 (no NVIDIA driver)</c>.</summary>
    public static (IReadOnlyList<DeviceProperties> Devices, string? Reason) List()
    {
        try
        {
            if (CudaLibrary.TryLoad(out var reason) is not { } cuda) return ([], reason);
            var devices = NativeDriver.List(cuda);
            return devices.Count > 0 ? (devices, null) : ([], "none");
        }
        catch (CudaException e)
        {
            return ([], e.Message);
        }
    }

    /// <summary>Opens a device; the caller disposes it.</summary>
    /// <param name="index">From 0, as <see cref="List"/> counts.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="CudaException">It is not there, or what it needs is not.</exception>
    public static CudaDevice Open(int index = 0, CudaOptions? options = null)
    {
        options ??= new CudaOptions();
        if (CudaLibrary.TryLoad(out var reason) is not { } cuda) throw new CudaException($"--device cuda: expected a CUDA device, got {reason}");
        var count = NativeDriver.List(cuda).Count;
        if (count == 0) throw new CudaException("--device cuda: expected a CUDA device, got none");
        if (index >= count) throw new CudaException(FormattableString.Invariant($"--device cuda:{index}: expected a device below {count}, got {index}"));
        var compiler = Compiler(options, NativeDriver.Version(cuda) / 1000);
        return Finish(new NativeDriver(cuda, index, (module, device) => compiler.Image(module, device.Major, device.Minor), options.WaitAfterLaunch),
            FormattableString.Invariant($"cuda:{index}"), options);
    }

    /// <summary>The emulated device: the kernels compiled by g++, on the processor. For tests; slow.</summary>
    /// <exception cref="CudaException">There is no g++, or a kernel does not compile.</exception>
    public static CudaDevice OpenEmulated(CudaOptions? options = null)
    {
        options ??= new CudaOptions();
        return Finish(new EmulatedDriver(options.MemoryLimit, cache: KernelCache.Open(options.Warn)), Emulated, options);
    }

    /// <summary>The compiler for kernels: <c>NVRTC 12.4</c>; null where there is none.</summary>
    public static string? Compiler() => Nvrtc.TryLoad(int.MaxValue, out _) is { } nvrtc ? $"NVRTC {nvrtc.Version}" : null;

    /// <summary>Compiles all kernels into a folder. Beside the program, in kernels/, they are used without NVRTC.</summary>
    /// <param name="architecture">sm_90a.</param>
    /// <param name="folder">Created when missing.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <returns>Modules and the bytes of each.</returns>
    /// <exception cref="CudaException">There is no NVRTC, or a kernel does not compile.</exception>
    public static IReadOnlyList<(string Module, int Bytes)> Prebuild(string architecture, string folder, CudaOptions? options = null)
    {
        Directory.CreateDirectory(folder);
        var compiler = Compiler(options ?? new CudaOptions(), int.MaxValue);
        return [.. ModuleSource.Embedded.Modules.Select(module => (module, compiler.Write(module, architecture, folder)))];
    }

    private static KernelCompiler Compiler(CudaOptions options, int driverMajor) =>
        new(ModuleSource.Embedded, KernelCache.Open(options.Warn), KernelCompiler.DefaultPrebuilt, options.LineInfo, driverMajor, options.Compiling);

    private static CudaDevice Finish(Driver driver, string name, CudaOptions options)
    {
        try
        {
            return new CudaDevice(driver, name, options);
        }
        catch
        {
            driver.Dispose();
            throw;
        }
    }
}
