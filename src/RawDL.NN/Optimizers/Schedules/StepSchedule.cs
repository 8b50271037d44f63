namespace RawDL.NN;

/// <summary>base · γ^⌊epoch / epochs⌋, epoch = steps done / steps per epoch; PyTorch's StepLR.</summary>
/// <param name="Epochs">Epochs between two falls, &gt; 0.</param>
/// <param name="Gamma">γ, ≥ 0.</param>
public sealed record StepSchedule(float Epochs = 10f, float Gamma = 0.1f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "step";

    private protected override Option[] Own => [Option.Positive("epochs", Epochs), Option.NotNegative("gamma", Gamma)];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate) =>
        baseRate * Math.Pow(Gamma, Math.Floor(done / (Epochs * stepsPerEpoch)));
}
