namespace RawDL.NN;

/// <summary>Half a cosine from base / div_factor up to the base rate, and one down to base / (div_factor · final_div_factor) at the last step;
/// PyTorch's OneCycleLR. Source: Smith and Topin, arXiv 1708.07120, 2017.</summary>
/// <param name="PctStart">Part of the steps that climb, 0 ≤ pct_start ≤ 1.</param>
/// <param name="DivFactor">First rate = base / div_factor, &gt; 0.</param>
/// <param name="FinalDivFactor">Last rate = first rate / final_div_factor, &gt; 0.</param>
public sealed record OneCycleSchedule(float PctStart = 0.3f, float DivFactor = 25f, float FinalDivFactor = 1e4f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "one_cycle";

    private protected override Option[] Own => [Option.UpToOne("pct_start", PctStart), Option.Positive("div_factor", DivFactor), Option.Positive("final_div_factor", FinalDivFactor)];

    private protected override double Curve(double done, double total, double stepsPerEpoch, double baseRate)
    {
        var (first, top, last) = (baseRate / DivFactor, PctStart * total - 1, total - 1);
        return done <= top
            ? Between(first, baseRate, top > 0 ? done / top : 1)
            : Between(baseRate, first / FinalDivFactor, (done - top) / (last - top));
    }

    private static double Between(double from, double to, double part) => to + (from - to) * (1 + Math.Cos(Math.PI * part)) / 2;
}
