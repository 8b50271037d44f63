namespace RawDL.NN;

/// <summary>end + (base − end) · (1 − done / total)^power; PyTorch's PolynomialLR where end is 0.</summary>
/// <param name="Power">1 for a straight line, ≥ 0.</param>
/// <param name="End">Rate to which the curve falls, ≥ 0.</param>
public sealed record PolynomialSchedule(float Power = 1f, float End = 0f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "polynomial";

    private protected override Option[] Own => [Option.NotNegative("power", Power), Option.NotNegative("end", End)];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate) =>
        End + (baseRate - End) * Math.Pow(1 - done / total, Power);
}
