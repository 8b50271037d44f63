namespace RawDL.NN;

/// <summary>How a run ended on one rank.</summary>
/// <param name="Status">How the run ended: interrupted on every rank or on none.</param>
/// <param name="Result">What this rank trained; null where it served parameters or failed.</param>
/// <param name="Failure">What ended this rank's part while the others went on, or null.</param>
public sealed record RankOutcome(RunStatus Status, TrainerResult? Result, Exception? Failure);
