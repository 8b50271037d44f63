namespace RawDL.Peers;

/// <summary>Medians of rounds, and of their ratios.</summary>
internal static class Median
{
    /// <summary>The middle one, of the lower two where their number is even; null of none.</summary>
    public static double? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Order()];
        return sorted.Length == 0 ? null : sorted[(sorted.Length - 1) / 2];
    }

    /// <summary>Of the rounds' ratios a / b: what changes the machine's speed for longer than a round drops out.</summary>
    public static double? OfRatios(double?[] a, double?[] b) => Of(a.Zip(b, (x, y) => x / y));
}
