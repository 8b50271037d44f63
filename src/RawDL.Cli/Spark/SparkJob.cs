using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>This process as the driver of a Spark application: the words behind job.py are those of the shell, and the application ends with the command's exit code.</summary>
internal sealed class SparkJob : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly SparkDriver _driver;

    // Floats hardly shrink, and the time to try is lost in each round; so is that of a detour of its sums. What Spark says of each task would hide the progress.
    private readonly Dictionary<string, string> _settings = new(RankStage.Settings)
    {
        ["spark.broadcast.compress"] = "false",
        ["spark.shuffle.compress"] = "false",
        ["spark.task.maxDirectResultSize"] = "32m",
        ["spark.log.level"] = "WARN",
    };
    private SparkContext? _context;

    private SparkJob(SparkDriver driver) => _driver = driver;

    /// <summary>The application of this process; null if spark-submit did not start it.</summary>
    public static SparkJob? Current { get; private set; }

    /// <summary>The application, started when first asked for: a command that needs no cluster starts none.</summary>
    public SparkContext Context => _context ??= _driver.Start(new SparkOptions
    {
        Name = "rawdl",
        Defaults = _settings,
    });

    /// <summary>Runs a command line, whoever started the process.</summary>
    public static int Run(string[] args, Func<string[], ExitCode> run)
    {
        SparkDriver? driver;
        try
        {
            driver = SparkDriver.Detect();
        }
        catch (SparkProtocolException e)
        {
            Console.Error.WriteLine($"rawdl: {e.Message}");
            return (int)ExitCode.Usage;
        }
        if (driver is null) return (int)run(args);
        // Time for a training to notice that its job is gone, and to leave a checkpoint.
        driver.EndWithJvm(() =>
        {
            Thread.Sleep(s_patience);
            Environment.Exit((int)ExitCode.Communication);
        });
        using var job = Current = new SparkJob(driver);
        int code;
        try
        {
            var command = args is [var path, .. var words] ? JobDescription.Apply(path, words) : [];
            if (TrainingJvm.Suits(command)) job._settings[TrainingJvm.ExecutorKey] = TrainingJvm.Options;
            code = (int)run(command);
        }
        catch (UsageException wrong)
        {
            Console.Error.WriteLine($"rawdl: {Message.OneLine(wrong.Message, 600)}");
            code = (int)ExitCode.Usage;
        }
        // Nothing may be lost that the JVM copies from here on.
        Console.Out.Flush();
        job._context?.Exit(code);
        return code;
    }

    public void Dispose() => _context?.Dispose();
}
