namespace RawDL.NN;

/// <summary>base / (1 + γ·epoch)^power, epoch = steps done / steps per epoch, a real number.</summary>
/// <remarks>The defaults are those of Caffe's LeNet, whose 1e-4 per step is about 0.1 per epoch.</remarks>
/// <param name="Gamma">γ, ≥ 0.</param>
/// <param name="Power">≥ 0.</param>
public sealed record InverseSchedule(float Gamma = 0.1f, float Power = 0.75f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "inverse";

    private protected override Option[] Own => [Option.NotNegative("gamma", Gamma), Option.NotNegative("power", Power)];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate) =>
        baseRate / Math.Pow(1 + Gamma * done / stepsPerEpoch, Power);
}
