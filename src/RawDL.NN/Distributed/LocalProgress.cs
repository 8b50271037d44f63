namespace RawDL.NN;

/// <summary>What this rank did since the ranks last met; the trainer fills it, a meeting empties it.</summary>
internal sealed class LocalProgress
{
    public long Samples;
    public double LossSum;
    public double ComputeSeconds;

    /// <summary>The first NaN or infinity: from then on this rank computes nothing and waits for the next meeting, where all end.</summary>
    public TrainingDivergedException? Failure;
    public bool WantsStop, TimeIsOver;
}
