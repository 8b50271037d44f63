namespace RawDL.Cuda;

/// <summary>Images of modules: from a folder that came with the program, from the disk cache, or compiled. NVRTC is needed only for the last.</summary>
internal sealed class KernelCompiler(ModuleSource source, KernelCache cache, string prebuilt, bool lineInfo, int driverMajor, Action<string>? compiling = null)
{
    // Raised when images of the same sources must be made anew: their arguments, or what the host expects of them, have changed.
    private const string AbiVersion = "rawdl-kernels-1";

    private readonly KernelCache _prebuilt = KernelCache.Prebuilt(prebuilt);
    private readonly string[] _options = lineInfo ? ["-std=c++17", "-lineinfo"] : ["-std=c++17"];
    private string _reason = "";
    private Nvrtc? _nvrtc;
    private bool _isLoaded;

    /// <summary>The folder beside the program.</summary>
    internal static string DefaultPrebuilt => Path.Combine(AppContext.BaseDirectory, "kernels");

    private Nvrtc? Compiler
    {
        get
        {
            if (!_isLoaded) _nvrtc = Nvrtc.TryLoad(driverMajor, out _reason);
            _isLoaded = true;
            return _nvrtc;
        }
    }

    /// <summary>The image of a module for a device of that compute capability.</summary>
    public byte[] Image(string module, int major, int minor)
    {
        foreach (var guess in Guesses(major, minor))
            if (_prebuilt.ReadNewest(Beginning(module, guess, out var key), key) is { } image) return image;
        if (Compiler is { } compiler)
        {
            var architecture = compiler.Architecture(major, minor);
            var name = Name(module, architecture, compiler.Version, out var key);
            if (cache.Read(name, key) is { } image) return image;
            compiling?.Invoke($"Compiling kernels/{module}.cu for {architecture}; the next run finds it ready.");
            image = compiler.Compile(source, module, architecture, _options, out _);
            cache.Write(name, key, image);
            return image;
        }
        foreach (var guess in Guesses(major, minor))
            if (cache.ReadNewest(Beginning(module, guess, out var key), key) is { } image) return image;
        throw new CudaException($"kernels/{module}.cu: expected NVRTC to compile it, got {_reason}; install libnvrtc 11.2 or newer, or name one in {Nvrtc.Variable}");
    }

    /// <summary>Compiles a module into a folder from which <see cref="Image"/> can take it later.</summary>
    /// <returns>Bytes of the image.</returns>
    public int Write(string module, string architecture, string folder)
    {
        if (Compiler is not { } compiler) throw new CudaException($"expected NVRTC, got {_reason}; install libnvrtc 11.2 or newer, or name one in {Nvrtc.Variable}");
        var image = compiler.Compile(source, module, architecture, _options, out _);
        KernelCache.WriteFile(folder, Name(module, architecture, compiler.Version, out var key), key, image);
        return image.Length;
    }

    // Architectures whose images a device runs, the best first: the compiler that could say it better is not there.
    private static IEnumerable<string> Guesses(int major, int minor)
    {
        if ((major, minor) == (9, 0)) yield return "sm_90a";
        for (; minor >= 0; minor--) yield return FormattableString.Invariant($"sm_{major}{minor}");
    }

    private string Name(string module, string architecture, Version version, out byte[] key) => $"{Beginning(module, architecture, out key)}nvrtc{version}.kernel";

    private string Beginning(string module, string architecture, out byte[] key)
    {
        key = ModuleSource.Hash([AbiVersion, architecture, .. _options, module, source.Text(module), .. source.Headers.SelectMany(header => new[] { header.Key, header.Value })]);
        return $"{module}-{architecture}-{Convert.ToHexStringLower(key)[..24]}-";
    }
}
