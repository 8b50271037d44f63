using System.Diagnostics;
using System.Globalization;
using RawDL.Spark;

namespace RawDL.SparkProbe;

/// <summary>
/// The tasks of a round, in an executor that is killed where a test wants: the JVM and this process, when a task comes to the part of its work that a file of the folder names. Whoever comes first takes the file away.
/// Without a file in the folder tasks begin slowly, so that rounds last until the test has seen what it wants to see.
/// </summary>
/// <param name="folder">Where a test puts files.</param>
public sealed class CrashingRounds(string folder)
{
    /// <summary>The environment variable with the folder.</summary>
    public const string Variable = "RAWDL_TEST_CRASH";

    // Bounded: a lost task that is done again on the only executor would keep the next one from having any.
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    // Of steps that take longer.
    private static readonly TimeSpan s_computing = TimeSpan.FromMilliseconds(10);

    [ThreadStatic]
    private static string? s_last;

    /// <summary>Those that executors of rawdl do in rounds.</summary>
    public IReadOnlyDictionary<string, ISparkTask> Tasks => new Dictionary<string, ISparkTask>
    {
        [RoundTask.Name] = new RoundTask { Reached = At },
        [SumTask.Name] = new SumTask { Reached = At },
    };

    private void At(string part)
    {
        if (part == "fetch")
            for (var waited = Stopwatch.StartNew(); !Directory.EnumerateFiles(folder).Any() && waited.Elapsed < s_pause;) Thread.Sleep(10);
        // The second slice: one is there, one is not.
        var isMiddle = part != "push" || s_last == part;
        s_last = part;
        if (!isMiddle || !Take(part)) return;
        if (part == "compute") new Thread(() => Crash(s_computing)).Start();
        else Crash(TimeSpan.Zero);
    }

    private bool Take(string part)
    {
        var file = Path.Combine(folder, part);
        if (!File.Exists(file)) return false;
        try
        {
            File.Move(file, Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "taken")).FullName, part));
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private static void Crash(TimeSpan delay)
    {
        Thread.Sleep(delay);
        // After the name, which stands in parentheses: state and parent.
        var parent = File.ReadAllText("/proc/self/stat").Split(") ")[^1].Split(' ')[1];
        using (var executor = Process.GetProcessById(int.Parse(parent, CultureInfo.InvariantCulture))) executor.Kill();
        using var self = Process.GetCurrentProcess();
        self.Kill();
    }
}
