using System.Diagnostics;
using RawDL.Spark.Tests;

namespace RawDL.Cli.Tests;

/// <summary>The program submitted by itself to a real Spark.</summary>
internal static class SparkSubmission
{
    /// <summary>How long one may take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(6);

    /// <summary>Starts it, with further variables of all its processes.</summary>
    public static Process Start(string version, string master, string[] settings, string[] words, params (string Name, string? Value)[] environment)
    {
        var variables = new Dictionary<string, string?> { ["SPARK_HOME"] = SparkInstallation.Of(version).Home, ["SPARK_LOCAL_IP"] = "127.0.0.1" };
        foreach (var (name, value) in environment) variables[name] = value;
        string[] all = ["spark.ui.enabled=false", .. settings];
        return Rawdl.Start(variables, ["submit", "--master", master, .. all.SelectMany(setting => (string[])["--conf", setting]), "--", .. words]);
    }

    /// <summary>Waits for its end.</summary>
    public static Rawdl Finish(Process process)
    {
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            if (process.WaitForExit(Patience)) return new Rawdl((ExitCode)process.ExitCode, output.Result, error.Result);
            process.Kill(entireProcessTree: true);
            throw new AssertionException($"rawdl submit did not end within {Patience}.");
        }
    }
}
