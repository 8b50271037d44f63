using System.Diagnostics;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>Where the time of every rank went, as a file for chrome://tracing and Perfetto. Source of the format: Google, Trace Event Format, "X" events.</summary>
/// <remarks>Ranks are aligned by their system clocks; across machines these are as good as NTP keeps them. Where the clock of a replica puts its work outside the round, the work is moved into it.</remarks>
/// <param name="replicas">Of rounds: the ranks before this process, their driver, which adds their spans too.</param>
internal sealed class Timeline(int replicas = 0)
{
    // Two hundred thousand spans a rank are 6 MB and about an hour of LeNet; later ones are counted, not kept. A driver of rounds keeps as many as eight.
    private const int MaximumSpans = 200_000, MostRanks = 8;

    // Rank, name, beginning and end.
    private const int Width = 4;
    private static readonly string[] Names =
    [
        "compute", "wait", "average", "average node", "reduce", "statistics", "evaluate", "checkpoint", "fetch", "push",
        "round", "broadcast", "job", "collect", "update", "empty rounds",
    ];

    private readonly List<double> _spans = [];
    private readonly double _origin = (DateTime.UtcNow - DateTime.UnixEpoch).TotalMicroseconds - Microseconds(Stopwatch.GetTimestamp());
    private long _dropped;

    /// <summary>Adds a span that ends now.</summary>
    public void Add(string name, long started) => Add(name, started, Stopwatch.GetTimestamp());

    /// <summary>Adds a span between two timestamps.</summary>
    public void Add(string name, long started, long ended) => Add(replicas, name, At(started), At(ended));

    /// <summary>Adds what a replica did in a round that began then and ends now.</summary>
    public void Add(RoundContribution one, long started)
    {
        var (earliest, latest) = (At(started), At(Stopwatch.GetTimestamp()) - 1e6 * (one.ComputeSeconds + one.TransferSeconds));
        var at = Math.Clamp(one.Began, earliest, Math.Max(earliest, latest));
        Add(one.Rank, "fetch", at, at += 1e6 * one.FetchSeconds);
        Add(one.Rank, "compute", at, at += 1e6 * one.ComputeSeconds);
        Add(one.Rank, "push", at, at + 1e6 * (one.TransferSeconds - one.FetchSeconds));
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

    private void Add(int rank, string name, double start, double end)
    {
        if (_spans.Count >= Width * MaximumSpans * Math.Min(1 + replicas, MostRanks))
        {
            _dropped++;
            return;
        }
        _spans.Add(rank);
        _spans.Add(Array.IndexOf(Names, name));
        _spans.Add(start);
        _spans.Add(end);
    }

    private void Write(Utf8JsonWriter json, long[] counts, double[] all, int longest)
    {
        var first = double.MaxValue;
        for (var rank = 0; rank < counts.Length; rank++)
            for (var i = 0; i < counts[rank]; i += Width) first = Math.Min(first, all[rank * longest + i + 2]);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        if (_dropped > 0) json.WriteNumber(replicas > 0 ? "dropped_spans" : "dropped_spans_of_rank_0", _dropped);
        json.WriteStartArray("traceEvents");
        for (var rank = 0; rank < counts.Length + replicas; rank++)
        {
            json.WriteStartObject();
            json.WriteString("name", "process_name");
            json.WriteString("ph", "M");
            json.WriteNumber("pid", rank);
            json.WriteStartObject("args");
            json.WriteString("name", replicas > 0 && rank == replicas ? "driver" : $"rank {rank}");
            json.WriteEndObject();
            json.WriteEndObject();
        }
        for (var rank = 0; rank < counts.Length; rank++)
            for (var i = rank * longest; i < rank * longest + counts[rank]; i += Width)
            {
                json.WriteStartObject();
                json.WriteString("name", Names[(int)all[i + 1]]);
                json.WriteString("ph", "X");
                json.WriteNumber("pid", rank + (int)all[i]);
                json.WriteNumber("tid", 0);
                json.WriteNumber("ts", Math.Round(all[i + 2] - first, 3));
                json.WriteNumber("dur", Math.Round(all[i + 3] - all[i + 2], 3));
                json.WriteEndObject();
            }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private double At(long timestamp) => _origin + Microseconds(timestamp);

    private static double Microseconds(long timestamp) => timestamp * 1e6 / Stopwatch.Frequency;
}
