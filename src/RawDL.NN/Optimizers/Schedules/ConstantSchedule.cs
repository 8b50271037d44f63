namespace RawDL.NN;

/// <summary>The base rate at every step.</summary>
public sealed record ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "constant";

    private protected override Option[] Own => [];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate) => baseRate;
}
