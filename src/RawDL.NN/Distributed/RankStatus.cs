namespace RawDL.NN;

/// <summary>What a rank tells all others when they meet; what they agree on is decided from these by each, from the same bits.</summary>
/// <remarks>It travels as it lies in memory: all ranks are of one program and one byte order.</remarks>
internal readonly record struct RankStatus
{
    /// <summary>Samples and the sum of their losses since the last meeting.</summary>
    public double Samples { get; init; }
    public double LossSum { get; init; }

    /// <summary>A NaN or an infinity was met.</summary>
    public bool HasFailed { get; init; }

    /// <summary>Somebody asked this rank to stop.</summary>
    public bool WantsStop { get; init; }

    /// <summary>The run's time is over by this rank's clock; that of rank 0 counts.</summary>
    public bool TimeIsOver { get; init; }

    /// <summary>Seconds of computing since the last meeting; of waiting for others and of moving data in the round before.</summary>
    public double ComputeSeconds { get; init; }
    public double WaitSeconds { get; init; }
    public double TransferSeconds { get; init; }

    /// <summary>Bytes sent in the round before.</summary>
    public double Bytes { get; init; }

    /// <summary>‖w_i − w̄‖² and ‖w̄‖² of the round before; 0 where nothing was averaged.</summary>
    public double SquaredDistance { get; init; }
    public double SquaredNorm { get; init; }

    /// <summary>Of the parameters after the last synchronisation: equal on all ranks.</summary>
    public uint Checksum { get; init; }
}
