using System.Globalization;

namespace RawDL.Cuda;

/// <summary>NVIDIA's run-time compiler: CUDA C++ to a cubin, without a GPU and without a CUDA installation.</summary>
internal sealed unsafe partial class Nvrtc
{
    internal const string Variable = "RAWDL_NVRTC_LIBRARY";

    /// <summary>Of the library.</summary>
    public Version Version { get; }

    /// <summary>Architectures it compiles for, ascending: 90 is sm_90.</summary>
    public IReadOnlyList<int> Architectures { get; }

    /// <summary>The compiler that this process uses; null, with the reason, where there is none.</summary>
    /// <param name="newestMajor">The driver's major version, whose releases are preferred: a driver may refuse the images of a later one.</param>
    /// <param name="reason">What stood in the way.</param>
    public static Nvrtc? TryLoad(int newestMajor, out string reason) => TryOpen(newestMajor, out reason);

    /// <summary>What to compile for: <c>sm_90a</c>. A GPU that is newer than the compiler gets PTX, which its driver translates.</summary>
    public string Architecture(int major, int minor) => Architecture(Architectures, Version, major, minor);

    internal static string Architecture(IReadOnlyList<int> known, Version version, int major, int minor)
    {
        var device = 10 * major + minor;
        // wgmma and setmaxnreg exist in 90a alone.
        if (known.Contains(device)) return device == 90 && version.Major >= 12 ? "sm_90a" : $"sm_{device}";
        var below = known.Where(architecture => architecture < device).DefaultIfEmpty(0).Max();
        if (below == 0) throw new CudaException($"NVRTC {version}: expected a device of sm_{known[0]} or newer, got sm_{device}; use an older NVRTC, named in {Variable}");
        return below / 10 == major ? $"sm_{below}" : $"compute_{below}";
    }

    /// <summary>A module's image: a cubin, or PTX where the architecture is compute_XX.</summary>
    /// <param name="source">Where the module and its headers are.</param>
    /// <param name="module">Its stem.</param>
    /// <param name="architecture">sm_90a.</param>
    /// <param name="options">Further options.</param>
    /// <param name="log">What the compiler says, also when all is well.</param>
    /// <exception cref="CudaException">The source has an error: the message is the compiler's first.</exception>
    public byte[] Compile(ModuleSource source, string module, string architecture, IReadOnlyList<string> options, out string log)
    {
        var file = module + ".cu";
        var failure = Build(file, source.Text(module), [.. source.Headers], [$"--gpu-architecture={architecture}", .. options], architecture.StartsWith("compute", StringComparison.Ordinal),
            out var image, out log);
        if (failure is null) return image;
        // The front end: matmul.cu(12): error: ...; the assembler: ptxas fatal : ..., ptxas application ptx input, line 9; error : ...
        var lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var line = lines.FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal)) ?? lines.FirstOrDefault(line => line.Contains("fatal", StringComparison.Ordinal));
        throw new CudaException($"kernels/{file} for {architecture} at nvrtcCompileProgram: {line ?? failure}");
    }

    private static Version ParseVersion(int major, int minor) => Version.Parse(string.Create(CultureInfo.InvariantCulture, $"{major}.{minor}"));

    /// <summary>Null, or why it failed.</summary>
    private partial string? Build(string name, string text, KeyValuePair<string, string>[] headers, string[] options, bool isPtx, out byte[] image, out string log);

    private static partial Nvrtc? TryOpen(int newestMajor, out string reason);
}
