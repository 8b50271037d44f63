namespace RawDL.NN;

/// <summary>Where a run happens and what it leaves; nothing here changes its result.</summary>
public sealed record TrainerOptions
{
    /// <summary>Computes. Belongs to the caller.</summary>
    public required Device Device { get; init; }

    /// <summary>The ranks that train together.</summary>
    public ICommunicator Communicator { get; init; } = new SoloCommunicator();

    /// <summary>The folder of the run; null leaves nothing behind.</summary>
    public RunFolder? Folder { get; init; }

    /// <summary>Listens; null for nobody.</summary>
    public IRunEvents? Events { get; init; }
}
