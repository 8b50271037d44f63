namespace RawDL.NN;

/// <summary>How a run ended.</summary>
public enum RunStatus
{
    /// <summary>All steps were done.</summary>
    Completed,

    /// <summary>A rule of early stopping ended it.</summary>
    EarlyStopped,

    /// <summary>The caller cancelled it; a checkpoint holds the state, a resume goes on.</summary>
    Interrupted,
}

/// <summary>The outcome of a run.</summary>
public sealed record TrainerResult
{
    /// <summary>How it ended.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Which rule stopped it, one line; null when all steps were done.</summary>
    public required string? StopReason { get; init; }

    /// <summary>The final parameters on the test data; null when interrupted before any evaluation of them.</summary>
    public required Evaluation? Evaluation { get; init; }

    /// <summary>The best evaluation of the run: highest accuracy, for regression lowest loss; null when there was none.</summary>
    public required LossPoint? Best { get; init; }

    /// <summary>Optimizer steps done, those before a resume counted.</summary>
    public required long Step { get; init; }

    /// <summary>Whole epochs done.</summary>
    public required int Epochs { get; init; }

    /// <summary>Wall time of the run, those before a resume counted, seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Time spent in training steps, those before a resume counted, seconds.</summary>
    public required double TrainingSeconds { get; init; }

    /// <summary>Training samples per training second.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>SHA-256 of the flat float32 parameter values, hexadecimal.</summary>
    public required string ParametersSha256 { get; init; }

    /// <summary>The learning curves.</summary>
    public required LossHistory History { get; init; }
}
