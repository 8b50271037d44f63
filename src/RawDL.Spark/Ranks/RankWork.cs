using RawDL.NN;

namespace RawDL.Spark;

/// <summary>A training by ranks.</summary>
public sealed record RankWork
{
    /// <summary>Stands in <see cref="Words"/> for the run's folder on the executor of rank 0.</summary>
    public const string RunPlace = RankPayload.RunPlace;

    /// <summary>Stands in <see cref="Words"/> for the cores of a task.</summary>
    public const string CpusPlace = RankPayload.CpusPlace;

    /// <summary>The timeline that rank 0 may write into <see cref="RunPlace"/>.</summary>
    public const string TraceName = RankFiles.Trace;

    /// <summary>Number of ranks.</summary>
    public required int Size { get; init; }

    /// <summary>The arguments of each rank.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    /// <summary>What is run.</summary>
    public required TrainingConfiguration Configuration { get; init; }

    /// <summary>The data; travels as one broadcast.</summary>
    public required DatasetPair Data { get; init; }

    /// <summary>The run folder of the driver.</summary>
    public required RunFolder Folder { get; init; }

    /// <summary>Where a timeline goes, or null.</summary>
    public string? Trace { get; init; }

    /// <summary>How often the stage is submitted again after ranks were lost.</summary>
    public int Retries { get; init; }

    /// <summary>Whether ranks that ended with an exit code are worth another attempt.</summary>
    public required Func<int, bool> IsWorthRetry { get; init; }

    /// <summary>Called after a file of the run has come into <see cref="Folder"/>, on another thread.</summary>
    public Action? Committed { get; init; }

    /// <summary>Takes the lines of the ranks.</summary>
    public required Action<string> Say { get; init; }

    /// <summary>Takes warnings of the driver itself.</summary>
    public required Action<string> Warn { get; init; }
}

/// <summary>How a training by ranks ended.</summary>
/// <param name="Code">The exit code: that of the first rank whose code is not 0.</param>
/// <param name="Output">What rank 0 wrote to its standard output.</param>
public sealed record RankResult(int Code, ReadOnlyMemory<byte> Output);
