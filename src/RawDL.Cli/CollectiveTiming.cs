using System.Text.Json;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary>One row of the speed of collectives.</summary>
/// <param name="Collective">all_reduce, reduce_scatter, all_gather or broadcast.</param>
/// <param name="Bytes">The whole vector: of one rank for all_reduce and broadcast, of all ranks together for the others.</param>
/// <param name="Seconds">Median time of one call, on the slowest rank.</param>
/// <param name="BusFactor">What the links carry for each byte of the vector: 2(n − 1)/n for all_reduce, (n − 1)/n for reduce_scatter and all_gather,
/// 1 for broadcast (nccl-tests, doc/PERFORMANCE.md).</param>
internal sealed record CollectiveTiming(string Collective, long Bytes, double Seconds, double BusFactor)
{
    /// <summary>Bytes of the vector by time, in GB/s of 10⁹ bytes.</summary>
    public double AlgorithmBandwidth => Bytes / Seconds / 1e9;

    /// <summary>The speed of the links that explains it, to be compared with that of the hardware whatever the number of ranks.</summary>
    public double BusBandwidth => AlgorithmBandwidth * BusFactor;

    public static void WriteJson(Utf8JsonWriter json, List<CollectiveTiming> timings)
    {
        json.WriteStartArray("collective_timings");
        foreach (var timing in timings)
        {
            json.WriteStartObject();
            json.WriteString("collective", timing.Collective);
            json.WriteNumber("bytes", timing.Bytes);
            json.WriteNumber("microseconds", Math.Round(1e6 * timing.Seconds, 3));
            json.WriteNumber("algbw_gb_per_second", Math.Round(timing.AlgorithmBandwidth, 4));
            json.WriteNumber("busbw_gb_per_second", Math.Round(timing.BusBandwidth, 4));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    public static void Write(TextWriter text, List<CollectiveTiming> timings, int ranks)
    {
        if (timings.Count == 0) return;
        var table = new TextTable($"{ranks} ranks, float", ">bytes", ">time us", ">algbw GB/s", ">busbw GB/s");
        for (var i = 0; i < timings.Count; i++)
        {
            var timing = timings[i];
            if (i > 0 && timings[i - 1].Collective != timing.Collective) table.Add();
            table.Add(timing.Collective, Invariant($"{timing.Bytes}"), Invariant($"{1e6 * timing.Seconds:f2}"), Invariant($"{timing.AlgorithmBandwidth:f3}"), Invariant($"{timing.BusBandwidth:f3}"));
        }
        table.Write(text);
        text.WriteLine("Times are medians on the slowest rank; algbw and busbw as nccl-tests define them.");
    }
}
