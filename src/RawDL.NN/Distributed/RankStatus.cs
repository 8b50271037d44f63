namespace RawDL.NN;

/// <summary>What a rank tells all others when they meet; what they agree on is decided from these by each, from the same bits.</summary>
internal readonly record struct RankStatus
{
    /// <summary>Number of doubles of one status.</summary>
    public const int Length = 10;

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

    public void Write(Span<double> values)
    {
        values[0] = Samples;
        values[1] = LossSum;
        values[2] = (HasFailed ? 1 : 0) + (WantsStop ? 2 : 0) + (TimeIsOver ? 4 : 0);
        values[3] = ComputeSeconds;
        values[4] = WaitSeconds;
        values[5] = TransferSeconds;
        values[6] = Bytes;
        values[7] = SquaredDistance;
        values[8] = SquaredNorm;
        values[9] = Checksum;
    }

    public static RankStatus Read(ReadOnlySpan<double> values) => new()
    {
        Samples = values[0],
        LossSum = values[1],
        HasFailed = ((int)values[2] & 1) != 0,
        WantsStop = ((int)values[2] & 2) != 0,
        TimeIsOver = ((int)values[2] & 4) != 0,
        ComputeSeconds = values[3],
        WaitSeconds = values[4],
        TransferSeconds = values[5],
        Bytes = values[6],
        SquaredDistance = values[7],
        SquaredNorm = values[8],
        Checksum = (uint)values[9],
    };
}
