namespace RawDL.NN;

/// <summary>base · γ^epoch, epoch = steps done / steps per epoch, a real number; PyTorch's ExponentialLR where it is whole.</summary>
/// <param name="Gamma">γ, ≥ 0.</param>
public sealed record ExponentialSchedule(float Gamma = 0.95f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "exponential";

    private protected override Option[] Own => [Option.NotNegative("gamma", Gamma)];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate) =>
        baseRate * Math.Pow(Gamma, done / stepsPerEpoch);
}
