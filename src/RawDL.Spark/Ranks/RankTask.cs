namespace RawDL.Spark;

/// <summary>
/// A task of a barrier stage that starts one MPI rank as a child process and answers how it ended. All state is that of an attempt; only the file with
/// the training data is shared by the tasks of the process.
/// </summary>
/// <param name="program">What a rank runs, before its own arguments; it begins with <see cref="RankChild.Begin"/>.</param>
public sealed class RankTask(params IReadOnlyList<string> program) : ISparkTask
{
    /// <summary>The name under which executors know it.</summary>
    public const string Name = "ranks";

    private readonly RankData _data = new();

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(output);
        using var attempt = new RankAttempt(context, RankPayload.Decode(context.Payload), program, _data);
        output.Write(attempt.Run().Encode());
    }
}
