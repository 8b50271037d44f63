namespace RawDL.NN;

/// <summary>In which order an epoch visits the samples.</summary>
public enum SampleOrder
{
    /// <summary>A new random order every epoch, a function of (seed, epoch).</summary>
    Shuffled,

    /// <summary>As they stand in the dataset.</summary>
    Sequential,
}

/// <summary>How a <see cref="DataLoader"/> cuts a dataset into batches.</summary>
public sealed record DataLoaderOptions
{
    /// <summary>Samples per batch and rank; 0 takes the rank's whole share as one batch.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Seed of the order and of the augmentation. The same on all ranks.</summary>
    public ulong Seed { get; init; }

    /// <summary>This process among <see cref="Size"/>, from 0.</summary>
    public int Rank { get; init; }

    /// <summary>Number of processes that share the dataset.</summary>
    public int Size { get; init; } = 1;

    /// <summary>Applied last; null for raw units.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>Applied to the raw images; null for none.</summary>
    public Augmentation? Augmentation { get; init; }

    /// <summary>The order of the samples.</summary>
    public SampleOrder Order { get; init; } = SampleOrder.Shuffled;
}
