using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RawDL.Spark;

/// <summary>The command lines by which Spark starts its "python" on executors. A program asks here first, before it reads its own words.</summary>
public static class SparkEntry
{
    private static readonly TimeSpan s_endPatience = TimeSpan.FromSeconds(2);

    /// <summary>Does what Spark asks for, if it is Spark that asks.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="tasks">The tasks that executors can do, by name.</param>
    /// <param name="exitCode">The process's exit code.</param>
    /// <returns>False if the words are not Spark's: a driver's, or a user's.</returns>
    public static bool TryRun(string[] args, IReadOnlyDictionary<string, ISparkTask> tasks, out int exitCode)
    {
        exitCode = 0;
        switch (args)
        {
            case ["-m", "pyspark.daemon" or "rawdl.daemon", .. var worker]:
                RunDaemon(tasks, worker is [var module, ..] ? module : null);
                return true;
            case ["-m", "pyspark.worker" or "rawdl.worker", ..]:
                exitCode = RunWorker(tasks);
                return true;
            case ["-m", ..]:
                Console.Error.WriteLine("rawdl -m: expected pyspark.daemon or pyspark.worker, got another module");
                exitCode = 2;
                return true;
            case ["-V" or "-VV"]:
                Console.Out.WriteLine(WorkerTag.Build);
                return true;
            case ["-c", var code, ..]:
                // Spark 4 asks for the version of Python before it looks up data sources.
                if (code.Contains("sys.version_info", StringComparison.Ordinal)) Console.Out.WriteLine("3.11");
                else exitCode = 1;
                return true;
            default:
                return false;
        }
    }

    private static void RunDaemon(IReadOnlyDictionary<string, ISparkTask> tasks, string? worker)
    {
        using var daemon = new WorkerDaemon(TakeSettings(worker), new TaskCatalog(tasks, WorkerTag.Build));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            EndProcess(daemon);
        });
        using var input = Console.OpenStandardInput();
        using var output = Console.OpenStandardOutput();
        daemon.Run(input, output);
        EndProcess(daemon);
    }

    private static int RunWorker(IReadOnlyDictionary<string, ISparkTask> tasks)
    {
        try
        {
            SimpleWorker.Run(TakeSettings(null), new TaskCatalog(tasks, WorkerTag.Build));
            return 0;
        }
        catch (CommunicationException exception)
        {
            Console.Error.WriteLine($"rawdl: {exception.Message}");
            return 1;
        }
    }

    // The secret is for this process alone: children of a task do not inherit it.
    private static WorkerSettings TakeSettings(string? worker)
    {
        var settings = WorkerSettings.Read(Environment.GetEnvironmentVariable, worker);
        Environment.SetEnvironmentVariable(WorkerSettings.SecretVariable, null);
        return settings;
    }

    // The executor is gone: whatever its tasks are doing, a kernel on a device too, the process ends.
    private static void EndProcess(WorkerDaemon daemon)
    {
        new Thread(() =>
        {
            Thread.Sleep(s_endPatience);
            using var self = Process.GetCurrentProcess();
            self.Kill();
        })
        { IsBackground = true }.Start();
        daemon.Dispose();
        Environment.Exit(0);
    }
}
