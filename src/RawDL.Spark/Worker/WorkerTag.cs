using System.Reflection;

namespace RawDL.Spark;

/// <summary>The text that the driver puts in the place of Python's version: which build it is, and which Spark. It stands in front of all that differs between releases.</summary>
internal static class WorkerTag
{
    /// <summary>This build.</summary>
    internal static string Build { get; } =
        $"rawdl-{typeof(WorkerTag).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0"}";

    internal static string Compose(SparkVersion version) => $"{Build};spark={version}";

    /// <summary>The Spark that a tag names.</summary>
    /// <exception cref="SparkProtocolException">Another build, or no tag of this program.</exception>
    internal static SparkVersion Parse(string tag, string build)
    {
        const string Separator = ";spark=";
        var at = tag.IndexOf(Separator, StringComparison.Ordinal);
        if (at < 0) throw new SparkProtocolException($"task header: expected the driver's tag {build}{Separator}VERSION, got '{tag}'");
        if (!tag.AsSpan(0, at).SequenceEqual(build)) throw new SparkProtocolException($"the driver is '{tag[..at]}', this executor's program is '{build}': expected the same");
        return SparkVersion.Parse(tag[(at + Separator.Length)..]);
    }
}
