using System.ComponentModel;
using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace RawDL.Cli;

/// <summary>A running spark-submit that has this process's streams.</summary>
internal static partial class SubmitProcess
{
    private const int Interrupt = 2, Terminate = 15;

    /// <summary>Makes what the plan needs, runs it and gives its exit code. Signals reach it, and it decides when to end.</summary>
    public static int Run(SparkHome spark, SubmitPlan plan)
    {
        if (plan.EmptyJob is { } job) File.WriteAllText(job, "");
        if (plan.Archive is { } archive) Pack(plan.ArchivedFolder, archive);
        var start = new ProcessStartInfo(spark.Submit, plan.Arguments) { UseShellExecute = false };
        start.Environment["SPARK_HOME"] = spark.Folder;
        Signals.Watched = true;
        try
        {
            using var process = Process.Start(start)!;
            using var signals = Signals.Stop.Register(() => Pass(process));
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception failure)
        {
            throw new UsageException($"{spark.Submit}: expected a program, got {failure.Message}");
        }
    }

    /// <summary>Packs a folder with the rights to run what runs.</summary>
    public static void Pack(string folder, string archive)
    {
        using var file = new FileStream(archive, FileMode.CreateNew);
        using var compressed = new GZipStream(file, CompressionLevel.Fastest);
        TarFile.CreateFromDirectory(folder, compressed, includeBaseDirectory: false);
    }

    private static void Pass(Process process)
    {
        if (OperatingSystem.IsWindows()) return;
        // It may have ended already, of the same signal from a terminal.
        _ = Kill(process.Id, Signals.Code == ExitCode.Terminated ? Terminate : Interrupt);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
