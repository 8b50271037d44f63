using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>The kernels and the emulator, compiled by g++ to one shared library. Its functions are those at the head of kernels/emulator/emulator.cpp.</summary>
internal sealed unsafe class EmulatedLibrary
{
    // No GNU unique symbols: two of these libraries may live in one process, each with its own table of kernels.
    private static readonly string[] s_flags =
        ["-x", "c++", "-std=c++17", "-O2", "-g", "-ffp-contract=fast", "-march=native", "-fPIC", "-fno-gnu-unique", "-DRAWDL_EMULATED", "-I", "kernels"];

    private static readonly Dictionary<string, EmulatedLibrary> s_loaded = [];

    internal readonly delegate* unmanaged<byte*, int> Find;
    internal readonly delegate* unmanaged<int, int> Threads;
    internal readonly delegate* unmanaged<int, uint*, uint, uint, void**, byte*> Launch;
    internal readonly delegate* unmanaged<int, int*, int, int> ArgumentBytes;
    internal readonly delegate* unmanaged<ulong, void*> Allocate;
    internal readonly delegate* unmanaged<void*, byte*> Free;
    internal readonly delegate* unmanaged<byte*> Check;
    internal readonly delegate* unmanaged<int, ulong, void> Order;
    internal readonly delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int> EncodeTiled;

    private readonly nint _handle;
    private readonly string[] _names;

    private EmulatedLibrary(nint handle)
    {
        _handle = handle;
        Find = (delegate* unmanaged<byte*, int>)Export("emulator_find");
        Threads = (delegate* unmanaged<int, int>)Export("emulator_threads");
        Launch = (delegate* unmanaged<int, uint*, uint, uint, void**, byte*>)Export("emulator_launch");
        ArgumentBytes = (delegate* unmanaged<int, int*, int, int>)Export("emulator_argument_bytes");
        Allocate = (delegate* unmanaged<ulong, void*>)Export("emulator_allocate");
        Free = (delegate* unmanaged<void*, byte*>)Export("emulator_free");
        Check = (delegate* unmanaged<byte*>)Export("emulator_check");
        Order = (delegate* unmanaged<int, ulong, void>)Export("emulator_order");
        EncodeTiled = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int>)Export("emulator_encode_tiled");
        _names = new string[((delegate* unmanaged<int>)Export("emulator_count"))()];
        var name = (delegate* unmanaged<int, byte*>)Export("emulator_name");
        for (var k = 0; k < _names.Length; k++) _names[k] = Marshal.PtrToStringUTF8((nint)name(k))!;
    }

    /// <summary>One launch or check at a time: the emulator's fibers and its order belong to the library.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Kernels by their number.</summary>
    internal IReadOnlyList<string> Names => _names;

    /// <summary>A function of the library that is not of the emulator: a test's own.</summary>
    internal nint Export(string name) =>
        NativeLibrary.TryGetExport(_handle, name, out var function) ? function : throw new CudaException($"emulated device: expected a function {name}, got none");

    /// <summary>Compiles what the cache lacks, and loads. Equal sources are loaded once.</summary>
    /// <exception cref="CudaException">There is no compiler, or a source does not compile.</exception>
    internal static EmulatedLibrary Load(ModuleSource source, KernelCache cache, IReadOnlyList<string> moreFlags)
    {
        var compiler = Environment.GetEnvironmentVariable("CXX") is { Length: > 0 } named ? named : "g++";
        string[] flags = [.. s_flags, .. moreFlags];
        // The predefined macros tell the compiler's version and what -march=native stands for.
        var identity = Run(compiler, Path.GetTempPath(), [.. flags, "-dM", "-E", OperatingSystem.IsWindows() ? "nul" : "/dev/null"]);
        string[] made = [compiler, identity, .. flags];
        string[] headers = [.. source.Files.Where(file => Path.GetExtension(file.Key) is ".cuh" or ".h").SelectMany(file => new[] { file.Key, file.Value })];
        var units = source.Files.Where(file => Path.GetExtension(file.Key) is ".cu" or ".cpp")
            .Select(file => new Unit(file.Key, ModuleSource.Hash([.. made, .. headers, file.Key, file.Value]))).ToArray();
        var key = ModuleSource.Hash([.. made, .. units.Select(unit => Convert.ToHexString(unit.Key))]);
        lock (s_loaded)
        {
            var name = Convert.ToHexStringLower(key);
            if (s_loaded.TryGetValue(name, out var library)) return library;
            return s_loaded[name] = Open(source, cache, compiler, flags, units, key);
        }
    }

    private static EmulatedLibrary Open(ModuleSource source, KernelCache cache, string compiler, string[] flags, Unit[] units, byte[] key)
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-").FullName;
        try
        {
            var path = Path.Combine(folder, "emulated.so");
            var name = $"emulated-{Convert.ToHexStringLower(key)[..32]}.kernel";
            if (cache.Read(name, key) is { } image)
            {
                File.WriteAllBytes(path, image);
            }
            else
            {
                Build(source, cache, compiler, flags, units, folder, path);
                cache.Write(name, key, File.ReadAllBytes(path));
            }
            // The mapping outlives the file.
            return new EmulatedLibrary(NativeLibrary.Load(path));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Build(ModuleSource source, KernelCache cache, string compiler, string[] flags, Unit[] units, string folder, string path)
    {
        source.WriteTo(folder);
        CudaException? failure = null;
        Parallel.ForEach(units, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (unit, loop) =>
        {
            var target = Path.Combine(folder, unit.ObjectName);
            var name = $"{Path.GetFileNameWithoutExtension(unit.Path)}-{Convert.ToHexStringLower(unit.Key)[..32]}.kernel";
            if (cache.Read(name, unit.Key) is { } image)
            {
                File.WriteAllBytes(target, image);
                return;
            }
            try
            {
                // Relative paths, so that __FILE__ reads kernels/matmul.cu.
                Run(compiler, folder, [.. flags, "-c", "kernels/" + unit.Path, "-o", unit.ObjectName]);
                cache.Write(name, unit.Key, File.ReadAllBytes(target));
            }
            catch (CudaException e)
            {
                failure = e;
                loop.Stop();
            }
        });
        if (failure is not null) throw failure;
        // Names that no object defines are found here and not at the first call.
        Run(compiler, folder, ["-shared", "-Wl,-z,defs", .. flags.Where(flag => flag.StartsWith("-fsanitize", StringComparison.Ordinal)), "-o", path, .. units.Select(unit => unit.ObjectName)]);
    }

    private static string Run(string compiler, string folder, IReadOnlyList<string> arguments)
    {
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(compiler, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (Win32Exception)
        {
            throw new CudaException(compiler == "g++" ? "expected g++ (package g++), got none in PATH" : $"expected a C++ compiler, got CXX={compiler}, which cannot be started");
        }
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var lines = process.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                var line = lines.FirstOrDefault(line => line.Contains("error: ", StringComparison.Ordinal) || line.Contains("undefined reference", StringComparison.Ordinal));
                throw new CudaException($"{Path.GetFileName(compiler)}: {line ?? lines.FirstOrDefault() ?? $"exit code {process.ExitCode}"}");
            }
            return output.GetAwaiter().GetResult();
        }
    }

    private readonly record struct Unit(string Path, byte[] Key)
    {
        public string ObjectName => Path.Replace('/', '_') + ".o";
    }
}
