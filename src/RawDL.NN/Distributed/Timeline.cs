using System.Diagnostics;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>Where the time of every rank went, as a file for chrome://tracing and Perfetto. Source of the format: Google, Trace Event Format, "X" events.</summary>
/// <remarks>Ranks are aligned by their system clocks; across machines these are as good as NTP keeps them.</remarks>
internal sealed class Timeline
{
    // Two hundred thousand spans a rank are 5 MB and about an hour of LeNet; later ones are counted, not kept.
    private const int MaximumSpans = 200_000;
    private static readonly string[] Names = ["compute", "wait", "average", "average node", "reduce", "statistics", "evaluate", "checkpoint", "fetch", "push"];

    private readonly List<double> _spans = [];
    private readonly double _origin = (DateTime.UtcNow - DateTime.UnixEpoch).TotalMicroseconds - Microseconds(Stopwatch.GetTimestamp());
    private long _dropped;

    /// <summary>Adds a span that ends now.</summary>
    public void Add(string name, long started)
    {
        if (_spans.Count >= 3 * MaximumSpans)
        {
            _dropped++;
            return;
        }
        _spans.Add(Array.IndexOf(Names, name));
        _spans.Add(_origin + Microseconds(started));
        _spans.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
    }

    /// <summary>Gathers the spans of all ranks and writes them on rank 0. Every rank calls it.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public void Save(string path, ICommunicator group)
    {
        var counts = new long[group.Size];
        group.AllGather<long>([_spans.Count], counts);
        var longest = 0L;
        foreach (var count in counts) longest = Math.Max(longest, count);
        var mine = new double[longest];
        _spans.CopyTo(mine);
        var all = new double[longest * group.Size];
        group.AllGather<double>(mine, all);
        if (group.Rank != 0) return;
        Durable.WriteAllBytes(path, JsonBytes.Of(json => Write(json, counts, all, (int)longest)));
    }

    private void Write(Utf8JsonWriter json, long[] counts, double[] all, int longest)
    {
        var first = double.MaxValue;
        for (var rank = 0; rank < counts.Length; rank++)
            for (var i = 0; i < counts[rank]; i += 3) first = Math.Min(first, all[rank * longest + i + 1]);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        if (_dropped > 0) json.WriteNumber("dropped_spans_of_rank_0", _dropped);
        json.WriteStartArray("traceEvents");
        for (var rank = 0; rank < counts.Length; rank++)
        {
            json.WriteStartObject();
            json.WriteString("name", "process_name");
            json.WriteString("ph", "M");
            json.WriteNumber("pid", rank);
            json.WriteStartObject("args");
            json.WriteString("name", $"rank {rank}");
            json.WriteEndObject();
            json.WriteEndObject();
            for (var i = rank * longest; i < rank * longest + counts[rank]; i += 3)
            {
                json.WriteStartObject();
                json.WriteString("name", Names[(int)all[i]]);
                json.WriteString("ph", "X");
                json.WriteNumber("pid", rank);
                json.WriteNumber("tid", 0);
                json.WriteNumber("ts", Math.Round(all[i + 1] - first, 3));
                json.WriteNumber("dur", Math.Round(all[i + 2], 3));
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static double Microseconds(long timestamp) => timestamp * 1e6 / Stopwatch.Frequency;
}
