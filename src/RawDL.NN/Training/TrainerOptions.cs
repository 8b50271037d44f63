namespace RawDL.NN;

/// <summary>Where a run happens and what it leaves; of these only the number of ranks changes its result.</summary>
public sealed record TrainerOptions
{
    /// <summary>Computes. Belongs to the caller.</summary>
    public required Device Device { get; init; }

    /// <summary>The ranks that train together.</summary>
    public ICommunicator Communicator { get; init; } = new SoloCommunicator();

    /// <summary>The folder of the run, on rank 0; null leaves nothing behind.</summary>
    public RunFolder? Folder { get; init; }

    /// <summary>Rank 0 writes the timeline of all ranks, or of the replicas of rounds, into this file, for chrome://tracing or Perfetto; null for none. The same on all ranks.</summary>
    public string? Trace { get; init; }

    /// <summary>What makes the ranks one training, for the model and its optimizer; null takes what the configuration says.</summary>
    internal Func<Model, Optimizer, Synchronizer>? Strategy { get; init; }

    /// <summary>Where the replicas of rounds work, which this process then is none of; null where ranks of <see cref="Communicator"/> are the replicas.</summary>
    internal IRoundExecutor? Rounds { get; init; }

    /// <summary>Whether a device that can do so repeats steps without the host; the results are the same.</summary>
    public bool RepeatsSteps { get; init; } = true;

    /// <summary>Listens; null for nobody.</summary>
    public IRunEvents? Events { get; init; }
}
