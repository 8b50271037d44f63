using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Cuda;

/// <summary>The kernel sources: those that travel in the assembly, and for tests further files of kernels.</summary>
internal sealed class ModuleSource
{
    private const string Prefix = "kernels/";

    private readonly SortedDictionary<string, string> _files = new(StringComparer.Ordinal);

    private ModuleSource() { }

    /// <summary>The sources in this assembly.</summary>
    public static ModuleSource Embedded { get; } = ReadEmbedded();

    /// <summary>Texts by their path below kernels/: <c>matmul.cu</c>, <c>common.cuh</c>, <c>emulator/emulator.cpp</c>.</summary>
    public IReadOnlyDictionary<string, string> Files => _files;

    /// <summary>Names of the modules: stems of the .cu files.</summary>
    public IEnumerable<string> Modules => _files.Keys.Where(path => path.EndsWith(".cu", StringComparison.Ordinal)).Select(path => path[..^3]);

    /// <summary>What modules include when a GPU is their target; the emulator's own headers are not among them.</summary>
    public IEnumerable<KeyValuePair<string, string>> Headers => _files.Where(file => file.Key.EndsWith(".cuh", StringComparison.Ordinal));

    /// <summary>The text of kernels/<paramref name="module"/>.cu.</summary>
    public string Text(string module) =>
        _files.TryGetValue(module + ".cu", out var text) ? text : throw new CudaException($"expected kernels/{module}.cu among the kernel sources, got none of that name");

    /// <summary>These and further .cu files, each named by its file name.</summary>
    public ModuleSource With(IEnumerable<string> paths)
    {
        var more = new ModuleSource();
        foreach (var (name, text) in _files) more._files[name] = text;
        foreach (var path in paths) more._files[Path.GetFileName(path)] = File.ReadAllText(path);
        return more;
    }

    /// <summary>Writes all files below <paramref name="folder"/>/kernels.</summary>
    public void WriteTo(string folder)
    {
        foreach (var (name, text) in _files)
        {
            var path = Path.Combine(folder, Prefix + name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
    }

    /// <summary>SHA-256 of texts, each with its length, so that no two lists run together.</summary>
    public static byte[] Hash(IEnumerable<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes((long)bytes.Length));
            hash.AppendData(bytes);
        }
        return hash.GetHashAndReset();
    }

    private static ModuleSource ReadEmbedded()
    {
        var source = new ModuleSource();
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            source._files[name[Prefix.Length..]] = reader.ReadToEnd();
        }
        return source;
    }
}
