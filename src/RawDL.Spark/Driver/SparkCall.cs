namespace RawDL.Spark;

/// <summary>A task to run on each partition.</summary>
/// <param name="Task">Its name among those that <see cref="SparkEntry"/> was given.</param>
/// <param name="Payload">Its own bytes, the same for all partitions; up to some kilobytes, as they travel with every task. Larger ones are for a broadcast.</param>
public sealed record SparkCall(string Task, ReadOnlyMemory<byte> Payload = default)
{
    /// <summary>Broadcasts that the task reads. Their numbers belong into the payload.</summary>
    public IReadOnlyList<SparkBroadcast> Broadcasts { get; init; } = [];

    /// <summary>How the tasks of the stage run.</summary>
    public SparkStage Stage { get; init; }
}

/// <summary>How the tasks of a stage run.</summary>
public enum SparkStage
{
    /// <summary>Each on its own, in any order.</summary>
    Plain,

    /// <summary>All at the same time, so that they may meet. Needs a slot for every partition and no dynamic allocation.</summary>
    Barrier,
}
