namespace RawDL.NN;

/// <summary>end + (base − end) · (1 + cos(π · done / total)) / 2. Source: Loshchilov and Hutter, ICLR 2017, equation 5.</summary>
/// <param name="End">Rate to which the curve falls, ≥ 0.</param>
public sealed record CosineSchedule(float End = 0f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "cosine";

    private protected override Option[] Own => [Option.NotNegative("end", End)];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate) =>
        End + (baseRate - End) * (1 + Math.Cos(Math.PI * done / total)) / 2;
}
