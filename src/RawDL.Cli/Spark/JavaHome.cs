using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The Java that Spark's scripts would start.</summary>
/// <param name="Program">Its path.</param>
internal sealed partial record JavaHome(string Program)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly string Name = OperatingSystem.IsWindows() ? "java.exe" : "java";

    /// <summary>That of JAVA_HOME, else java on the PATH; null if there is none.</summary>
    public static JavaHome? Find(Func<string, string?> variable)
    {
        if (variable("JAVA_HOME") is { Length: > 0 } home) return Path.Combine(home, "bin", Name) is var program && File.Exists(program) ? new JavaHome(program) : null;
        return SparkHome.FindOnPath(Name, variable) is { } found ? new JavaHome(found) : null;
    }

    /// <summary>Asks it for its release, such as 17; null if it does not answer within two seconds.</summary>
    public int? AskVersion()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(Program, ["-version"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true });
            if (process is null) return null;
            var said = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(Patience))
            {
                process.Kill();
                return null;
            }
            return said.Wait(Patience) ? ParseVersion(said.Result) : null;
        }
        catch (Exception unusable) when (unusable is Win32Exception or IOException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>17 of <c>openjdk version "17.0.19" 2026-04-21</c>, 8 of <c>java version "1.8.0_392"</c>.</summary>
    public static int? ParseVersion(string text) =>
        VersionPattern().Match(text) is { Success: true } match && int.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null;

    /// <summary>What a release of Spark runs on, in words and as a question.</summary>
    public static (string Text, Func<int, bool> Fits) Required(SparkVersion? spark) => spark is { Major: >= 4 }
        ? ("Java 17 or 21", version => version >= 17)
        : ("Java 8, 11 or 17", version => version is >= 8 and <= 17);

    [GeneratedRegex("version \"(?:1\\.)?(\\d{1,4})")]
    private static partial Regex VersionPattern();
}
