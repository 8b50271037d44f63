using System.Text.RegularExpressions;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>A Spark on this machine, known by its files: nothing is started.</summary>
/// <param name="Folder">What SPARK_HOME names.</param>
/// <param name="Version">Its release; null if no file tells.</param>
internal sealed partial record SparkHome(string Folder, SparkVersion? Version)
{
    private const int MostReleaseCharacters = 4096;
    private static readonly string Script = OperatingSystem.IsWindows() ? "spark-submit.cmd" : "spark-submit";

    /// <summary>The releases whose protocol this program speaks, in words.</summary>
    public const string Supported = "a release of 3.3 to 4.3";

    /// <summary>The program that submits.</summary>
    public string Submit => Path.Combine(Folder, "bin", Script);

    /// <summary>True for a release that executors understand, or an unknown one.</summary>
    public bool IsSupported => Version is not { } version || (version.IsAtLeast(3, 3) && !version.IsAtLeast(3, 6)) || (version.IsAtLeast(4, 0) && !version.IsAtLeast(4, 4));

    /// <summary>The Spark of SPARK_HOME, else that of spark-submit on the PATH.</summary>
    /// <param name="given">A folder that a user named; null for none.</param>
    /// <param name="variable">The environment.</param>
    /// <exception cref="UsageException">There is none; the message says where it was looked for.</exception>
    public static SparkHome Find(string? given, Func<string, string?> variable)
    {
        if (given is not null) return Open(given, "--spark-home");
        if (variable("SPARK_HOME") is { Length: > 0 } named) return Open(named, "SPARK_HOME");
        return FindOnPath(Script, variable) is { } script
            ? Open(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(script)!, "..")), script)
            : throw new UsageException("Spark: expected one in SPARK_HOME or spark-submit on the PATH, got neither; download a release from spark.apache.org and set SPARK_HOME");
    }

    /// <summary>The program of this name on the PATH, with all links followed; null if there is none.</summary>
    public static string? FindOnPath(string name, Func<string, string?> variable)
    {
        foreach (var folder in (variable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            if (Path.Combine(folder, name) is var path && File.Exists(path)) return Resolve(path);
        return null;
    }

    /// <summary>A setting in Spark's own conf folder, spark-defaults.conf; null if it has none.</summary>
    public IReadOnlyDictionary<string, string> ReadDefaults(Func<string, string?> variable)
    {
        var folder = variable("SPARK_CONF_DIR") is { Length: > 0 } named ? named : Path.Combine(Folder, "conf");
        return SparkProperties.Read(Path.Combine(folder, "spark-defaults.conf"));
    }

    private static SparkHome Open(string folder, string source)
    {
        var path = Path.GetFullPath(folder);
        var home = new SparkHome(path, FindVersion(path));
        if (!File.Exists(home.Submit)) throw new UsageException($"{source}: expected the folder of a Spark with bin/{Script}, got {Message.OneLine(path, 300)}");
        return home;
    }

    // The release file of a download, else the name of the jar: packages of distributions have no release file.
    private static SparkVersion? FindVersion(string folder)
    {
        try
        {
            var release = Path.Combine(folder, "RELEASE");
            if (File.Exists(release))
            {
                using var reader = new StreamReader(release);
                var text = new char[MostReleaseCharacters];
                if (ReleasePattern().Match(new string(text, 0, reader.ReadBlock(text))) is { Success: true } match) return SparkVersion.Parse(match.Groups[1].Value);
            }
            var jars = Path.Combine(folder, "jars");
            if (!Directory.Exists(jars)) return null;
            foreach (var jar in Directory.EnumerateFiles(jars, "spark-core_*.jar"))
                if (JarPattern().Match(Path.GetFileName(jar)) is { Success: true } match) return SparkVersion.Parse(match.Groups[1].Value);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or SparkProtocolException)
        {
            // The submission finds out.
        }
        return null;
    }

    private static string Resolve(string path)
    {
        // Folders on the way may be links too; what matters is the script, beside which the jars lie.
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        }
        catch (IOException)
        {
            return Path.GetFullPath(path);
        }
    }

    [GeneratedRegex(@"\bSpark (\d+\.\d+\.\S+)")]
    private static partial Regex ReleasePattern();

    [GeneratedRegex(@"^spark-core_[\d.]+-(\d+\.\d+\..+)\.jar$")]
    private static partial Regex JarPattern();
}
