namespace RawDL.Cli;

/// <summary>How the JVMs of a training run. They move bytes and hand out tasks, which their first compiler makes as fast as the second; the second only takes the processors from the replicas: on two
/// cores rounds of LeNet take 0.6 times as long without it in the first minute, 0.9 times later. Scoring reads tables, whose code deserves both.</summary>
internal static class TrainingJvm
{
    /// <summary>Options of the JVM.</summary>
    public const string Options = "-XX:TieredStopAtLevel=1";

    /// <summary>Where Spark takes the options of its driver.</summary>
    public const string DriverKey = "spark.driver.extraJavaOptions";

    /// <summary>Where Spark takes the options of its executors.</summary>
    public const string ExecutorKey = "spark.executor.extraJavaOptions";

    /// <summary>Whether a command line trains.</summary>
    public static bool Suits(IReadOnlyList<string> words)
    {
        var root = Application.CreateRoot();
        return CommandWords.Read(root, root, [.. words]).Path is ["train"];
    }
}
