namespace RawDL.Spark;

/// <summary>How an application starts.</summary>
public sealed record SparkOptions
{
    /// <summary>The name in Spark's UI, unless spark-submit gave one.</summary>
    public string Name { get; init; } = "rawdl";

    /// <summary>Settings that hold where spark-submit gave none.</summary>
    public IReadOnlyDictionary<string, string> Defaults { get; init; } = new Dictionary<string, string>();

    /// <summary>Environment of the executors' programs. It stays the same for all jobs: another one would start other daemons.</summary>
    public IReadOnlyDictionary<string, string> ExecutorEnvironment { get; init; } = new Dictionary<string, string>();
}
