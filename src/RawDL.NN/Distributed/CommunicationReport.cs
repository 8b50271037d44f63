using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>One round of all ranks: from one meeting to the next.</summary>
/// <param name="Round">From 1, since the start or the resume of the run.</param>
/// <param name="Step">Steps done at its end.</param>
/// <param name="Compute">Seconds of computing of each rank.</param>
/// <param name="Wait">Seconds of waiting for the others.</param>
/// <param name="Transfer">Seconds of moving data.</param>
/// <param name="Bytes">Bytes that each rank sent.</param>
/// <param name="Apart">√(mean over ranks of ‖w_i − w̄‖²) / ‖w̄‖ before the averaging; 0 where nothing was averaged.</param>
public sealed record RoundReport(
    long Round, long Step, IReadOnlyList<double> Compute, IReadOnlyList<double> Wait, IReadOnlyList<double> Transfer, IReadOnlyList<double> Bytes, double Apart)
{
    /// <summary>The slowest rank's computing over the mean of all: 1 where none lags.</summary>
    public double StragglerIndex => CommunicationReport.Straggling(Compute);

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("event", "round");
        json.WriteNumber("round", Round);
        json.WriteNumber("step", Step);
        WriteNumbers(json, "compute_seconds", Compute);
        WriteNumbers(json, "wait_seconds", Wait);
        WriteNumbers(json, "transfer_seconds", Transfer);
        WriteNumbers(json, "bytes", Bytes);
        json.WriteNumber("straggler_index", Math.Round(StragglerIndex, 4));
        Evaluation.WriteNumber(json, "divergence", Apart);
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(Math.Round(value, 6));
        json.WriteEndArray();
    }
}

/// <summary>What the communication of a run cost, of every rank, since its start or resume.</summary>
public sealed class CommunicationReport
{
    private double[] _samples, _compute, _wait, _transfer, _bytes, _lastCompute;
    private long _lastStep;
    private double _apartSum;

    internal CommunicationReport(string strategy, int ranks)
    {
        (Strategy, Ranks) = (strategy, ranks);
        (_samples, _compute, _wait, _transfer, _bytes, _lastCompute) = (new double[ranks], new double[ranks], new double[ranks], new double[ranks], new double[ranks], new double[ranks]);
    }

    /// <summary>Name of the strategy.</summary>
    public string Strategy { get; }

    /// <summary>Number of ranks.</summary>
    public int Ranks { get; private set; }

    /// <summary>Meetings so far.</summary>
    public long Rounds { get; private set; }

    /// <summary>Mean over the rounds of how far the replicas were apart, see <see cref="RoundReport.Apart"/>.</summary>
    public double Divergence => Rounds > 0 ? _apartSum / Rounds : 0;

    /// <summary>Share of all ranks' time that was spent waiting and moving data.</summary>
    public double CommunicationShare => Share(_wait.Sum() + _transfer.Sum(), _compute.Sum());

    /// <summary>The slowest rank's computing over the mean of all.</summary>
    public double StragglerIndex => Straggling(_compute);

    /// <summary>Bytes that all ranks sent.</summary>
    public double Bytes => _bytes.Sum();

    /// <summary>downpour: pushes by how many other pushes the server had taken since the client's fetch; empty elsewhere.</summary>
    public IReadOnlyList<long> Staleness { get; internal set; } = [];

    /// <summary>downpour: clients that left or fell silent before their end, one line each.</summary>
    public IReadOnlyList<string> LostClients { get; internal set; } = [];

    /// <summary>Where each round is a job of its own: what one costs; else null.</summary>
    public RoundCost? Cost { get; internal set; }

    /// <summary>Where each rank worked last; empty where that is not known.</summary>
    public IReadOnlyList<string> Places { get; internal set; } = [];

    /// <summary>Called after each round is complete, which is when the next one begins.</summary>
    internal Action<RoundReport>? RoundEnded { get; set; }

    internal static double Straggling(IReadOnlyList<double> compute)
    {
        double sum = 0, most = 0;
        foreach (var seconds in compute) (sum, most) = (sum + seconds, Math.Max(most, seconds));
        return sum > 0 ? most * compute.Count / sum : 1;
    }

    // A status tells the computing of the round that ends, and the rest of the one before.
    internal void Add(RankStatus[] statuses, long step)
    {
        double apart = 0, norm = 0;
        for (var rank = 0; rank < Ranks; rank++)
        {
            var status = statuses[rank];
            _samples[rank] += status.Samples;
            _compute[rank] += status.ComputeSeconds;
            _wait[rank] += status.WaitSeconds;
            _transfer[rank] += status.TransferSeconds;
            _bytes[rank] += status.Bytes;
            apart += status.SquaredDistance / Ranks;
            norm = Math.Max(norm, status.SquaredNorm);
        }
        apart = norm > 0 ? Math.Sqrt(apart / norm) : 0;
        if (Rounds > 0)
        {
            _apartSum += apart;
            RoundEnded?.Invoke(new RoundReport(Rounds, _lastStep, (double[])_lastCompute.Clone(), Of(static s => s.WaitSeconds), Of(static s => s.TransferSeconds), Of(static s => s.Bytes), apart));
        }
        for (var rank = 0; rank < Ranks; rank++) _lastCompute[rank] = statuses[rank].ComputeSeconds;
        (_lastStep, Rounds) = (step, Rounds + 1);

        double[] Of(Converter<RankStatus, double> value) => Array.ConvertAll(statuses, value);
    }

    /// <summary>downpour: what each client did, counted by itself.</summary>
    internal void Set(long rounds, double[] samples, double[] compute, double[] wait, double[] transfer, double[] bytes)
    {
        Ranks = samples.Length;
        (Rounds, _samples, _compute, _wait, _transfer, _bytes) = (rounds, samples, compute, wait, transfer, bytes);
    }

    /// <summary>A table with one line per rank.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Ranks:       {Ranks}, {Strategy}, {Rounds} rounds; communication {CommunicationShare:P1} of the time, {Bytes / 1e6:F1} MB sent, straggler index {StragglerIndex:F2}");
        if (Divergence > 0) text.Append(CultureInfo.InvariantCulture, $", divergence {Divergence:G3}");
        text.Append('\n');
        text.Append("rank   samples  compute s   wait s  transfer s  communication    sent MB").Append(Places.Count > 0 ? "  on\n" : "\n");
        for (var rank = 0; rank < Ranks; rank++)
            text.Append(CultureInfo.InvariantCulture,
                $"{rank,4}{_samples[rank],10:F0}{_compute[rank],11:F2}{_wait[rank],9:F2}{_transfer[rank],12:F2}{Share(_wait[rank] + _transfer[rank], _compute[rank]),15:P1}{_bytes[rank] / 1e6,11:F1}{(Places.Count > rank ? "  " + Places[rank] : "")}\n");
        if (Cost is { } cost) text.Append(cost.ToText());
        if (Staleness.Count > 0)
        {
            text.Append("Staleness:  ");
            for (var i = 0; i < Staleness.Count; i++)
                if (Staleness[i] > 0) text.Append(CultureInfo.InvariantCulture, $" {i}: {Staleness[i]}");
            text.Append('\n');
        }
        foreach (var lost in LostClients) text.Append("Lost:        ").Append(lost).Append('\n');
        return text.ToString();
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("strategy", Strategy);
        json.WriteNumber("ranks", Ranks);
        json.WriteNumber("rounds", Rounds);
        json.WriteNumber("communication_share", Math.Round(CommunicationShare, 5));
        json.WriteNumber("straggler_index", Math.Round(StragglerIndex, 4));
        Evaluation.WriteNumber(json, "divergence", Divergence);
        json.WriteNumber("bytes", Bytes);
        Cost?.Write(json);
        json.WriteStartArray("per_rank");
        for (var rank = 0; rank < Ranks; rank++)
        {
            json.WriteStartObject();
            json.WriteNumber("rank", rank);
            json.WriteNumber("samples", _samples[rank]);
            json.WriteNumber("compute_seconds", Math.Round(_compute[rank], 4));
            json.WriteNumber("wait_seconds", Math.Round(_wait[rank], 4));
            json.WriteNumber("transfer_seconds", Math.Round(_transfer[rank], 4));
            json.WriteNumber("bytes", _bytes[rank]);
            if (Places.Count > rank) json.WriteString("place", Places[rank]);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (Staleness.Count > 0)
        {
            json.WriteStartArray("staleness");
            foreach (var count in Staleness) json.WriteNumberValue(count);
            json.WriteEndArray();
        }
        if (LostClients.Count > 0)
        {
            json.WriteStartArray("lost_clients");
            foreach (var lost in LostClients) json.WriteStringValue(lost);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static double Share(double communication, double compute) => communication + compute > 0 ? communication / (communication + compute) : 0;
}
