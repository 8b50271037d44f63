using System.Diagnostics;

namespace RawDL.Spark.Tests;

/// <summary>A real Spark: $RAWDL_SPARK/VERSION, or one unpacked from ../shared/spark beside the repository into the temporary folder.</summary>
internal sealed class SparkInstallation
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);
    private readonly string _home;

    private SparkInstallation(string home) => _home = home;

    /// <summary>Its folder.</summary>
    internal string Home => _home;

    /// <summary>The one of this version; ignores the test without it or without Java, or fails it if RAWDL_REQUIRE contains spark.</summary>
    internal static SparkInstallation Of(string version)
    {
        if (!Runs("java", "-version")) Required.Missing("spark", "no java: apt-get install -y openjdk-17-jre-headless");
        if (Environment.GetEnvironmentVariable("RAWDL_SPARK") is { } root && Directory.Exists(Path.Combine(root, version))) return new SparkInstallation(Path.Combine(root, version));
        var unpacked = Path.Combine(Path.GetTempPath(), $"spark-{version.Replace(".", "", StringComparison.Ordinal)}");
        for (var above = new DirectoryInfo(AppContext.BaseDirectory); !Directory.Exists(unpacked) && above is not null; above = above.Parent)
            if (Path.Combine(above.FullName, "shared/spark/unpack") is var unpack && File.Exists(unpack)) Runs(unpack, version, unpacked);
        if (!Directory.Exists(unpacked)) Required.Missing("spark", $"no Spark {version} in $RAWDL_SPARK/{version}");
        return new SparkInstallation(unpacked);
    }

    /// <summary>Runs the probe's checks under spark-submit and gives their lines. After some minutes everything is killed.</summary>
    internal (int ExitCode, string[] Lines, string Log) Submit(string master, string[] settings, string[] checks)
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-spark-").FullName;
        var probe = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "RawDL.SparkProbe.exe" : "RawDL.SparkProbe");
        File.WriteAllText(Path.Combine(folder, "job.py"), "");
        string[] all = [$"spark.pyspark.python={probe}", $"spark.pyspark.driver.python={probe}", "spark.api.mode=classic", "spark.ui.enabled=false", $"spark.local.dir={folder}", $"spark.sql.warehouse.dir={folder}/warehouse", .. settings];
        var start = new ProcessStartInfo(Path.Combine(_home, "bin/spark-submit"), ["--master", master, .. all.SelectMany(s => (string[])["--conf", s]), "job.py", .. checks])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        (start.Environment["SPARK_HOME"], start.Environment["SPARK_LOCAL_IP"]) = (_home, "127.0.0.1");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var log = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_patience)) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException)
        {
            // Executors may still be writing their last lines.
        }
        return (process.ExitCode, output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries), log.Result);
    }

    private static bool Runs(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
