namespace RawDL.Cli;

/// <summary>What stands in the middle of measured times.</summary>
internal static class Median
{
    /// <summary>Sorts the times; of an even number the upper one of the two in the middle.</summary>
    public static double Of(Span<double> times)
    {
        times.Sort();
        return times[times.Length / 2];
    }
}
