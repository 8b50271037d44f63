using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>What executors can be asked to do, by name.</summary>
internal static class SparkTasks
{
    public static IReadOnlyDictionary<string, ISparkTask> All { get; } = new Dictionary<string, ISparkTask>
    {
        [RoundTask.Name] = new RoundTask(),
        [SumTask.Name] = new SumTask(),
        [RankTask.Name] = new RankTask(Environment.ProcessPath ?? "rawdl"),
        [ScoreTask.Name] = new ScoreTask(),
    };
}
