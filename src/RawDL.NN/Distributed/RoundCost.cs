using System.Globalization;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>What a round costs where each is a job of its own: medians, ms.</summary>
/// <param name="Round">From one job's beginning to its end.</param>
/// <param name="Compute">Computing of the slowest replica in it.</param>
/// <param name="EmptyRound">A round without work or bytes, measured at the end of the run.</param>
/// <param name="Period">The fewest steps per round that would leave a tenth of the time to all but computing; 0 where a step is a round.</param>
public sealed record RoundCost(double Round, double Compute, double EmptyRound, int Period)
{
    private const double Share = 0.1;

    /// <summary>Of all rounds: milliseconds, and steps of each.</summary>
    internal static RoundCost Of(List<(double Round, double Compute, int Steps)> rounds, double emptyRound, bool hasPeriod)
    {
        var (round, compute) = (Median([.. rounds.Select(one => one.Round)]), Median([.. rounds.Select(one => one.Compute)]));
        var overhead = Median([.. rounds.Select(one => one.Round - one.Compute)]);
        var step = Median([.. rounds.Select(one => one.Compute / one.Steps)]);
        return new RoundCost(round, compute, emptyRound, hasPeriod ? (int)Math.Clamp(Math.Ceiling(overhead * (1 - Share) / Share / step), 1, 1_000_000) : 0);
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("round_ms", Math.Round(Round, 2));
        json.WriteNumber("compute_ms", Math.Round(Compute, 2));
        json.WriteNumber("empty_round_ms", Math.Round(EmptyRound, 2));
        if (Period > 0) json.WriteNumber("proposed_period", Period);
    }

    internal string ToText() => string.Create(CultureInfo.InvariantCulture,
        $"Rounds:      {Round:F0} ms, computing {Compute:F0} ms of it, a round without work {EmptyRound:F0} ms (medians); {(Period > 0 ? $"--period {Period} would leave {Share:P0} of the time to all but computing" : "--sync average has rounds of several steps")}\n");

    /// <summary>The middle one; sorts the values.</summary>
    internal static double Median(double[] values)
    {
        Array.Sort(values);
        return values.Length > 0 ? values[values.Length / 2] : double.NaN;
    }
}
