using System.Diagnostics;

namespace RawDL.NN;

/// <summary>The driver's side of rounds: what the replicas of the last one said, in the words of a meeting.</summary>
internal sealed class RoundReplicas(IRoundExecutor executor, TrainingConfiguration configuration)
{
    private readonly double[] _wait = new double[executor.Shards], _transfer = new double[executor.Shards];
    private readonly List<(double Round, double Compute, int Steps)> _costs = [];
    private RoundOutcome? _told;
    private long _rounds;
    private double _loss = double.NaN, _seconds, _norm;
    private double[] _distances = [];
    private DataLoader? _loader;

    /// <summary>Number of replicas.</summary>
    public int Count => executor.Shards;

    /// <summary>The last round.</summary>
    public RoundOutcome Outcome { get; private set; } = new([], [], [], 0);

    /// <summary>Can rounds do it?</summary>
    /// <exception cref="ConfigurationException">They cannot. One line.</exception>
    public static void Require(SynchronizationOptions options)
    {
        var wrong = options switch
        {
            { Kind: SynchronizationKind.Downpour } => "downpour: expected ranks, which go each at its own pace, got rounds.",
            { Kind: SynchronizationKind.Average, NodePeriod: > 0 } => $"node_period: expected 0 in rounds, whose replicas meet nobody inside a round, got {options.NodePeriod}; ranks have it.",
            { Kind: SynchronizationKind.Gradients, Compression: not GradientCompression.None } => "compression: expected none in rounds, where no replica keeps what it has not sent, got one; ranks have it.",
            { Kind: SynchronizationKind.Gradients, Wire: not WireFormat.Float32 } => $"wire: expected float32 in rounds, got {options.Wire}; ranks have it.",
            _ => null,
        };
        if (wrong is not null) throw new ConfigurationException($"synchronization: {wrong}");
    }

    /// <summary>Adds to a report where replicas worked and, unless the run was interrupted, what a round costs.</summary>
    /// <param name="report">The run's.</param>
    /// <param name="hasPeriod">Whether rounds may have more steps.</param>
    /// <param name="isOver">Whether there is time to measure.</param>
    /// <param name="timeline">Receives the time of measuring, or null.</param>
    public void Complete(CommunicationReport report, bool hasPeriod, bool isOver, Timeline? timeline)
    {
        if (Array.TrueForAll(Outcome.Contributions, one => one.Place.Length > 0)) report.Places = Array.ConvertAll(Outcome.Contributions, one => one.Place);
        if (!isOver || _costs.Count == 0) return;
        var started = Stopwatch.GetTimestamp();
        try
        {
            report.Cost = RoundCost.Of(_costs, executor.EmptyRoundMilliseconds(), hasPeriod);
            timeline?.Add("empty rounds", started);
        }
        catch (OperationCanceledException)
        {
            // Somebody ended the application after the last step.
        }
    }

    /// <summary>Takes the loader of the first replica, which says how samples are dealt.</summary>
    public void Bind(DataLoader loader) => _loader = loader;

    /// <summary>Each replica's share of the samples of some steps.</summary>
    public float[] Weights(int position, int steps)
    {
        var counts = new double[Count];
        for (var rank = 0; rank < Count; rank++)
            for (var i = 0; i < steps; i++) counts[rank] += _loader!.Counts(position, i, rank).Own;
        var total = 0.0;
        foreach (var count in counts) total += count;
        return Array.ConvertAll(counts, count => (float)(total > 0 ? count / total : 1.0 / Count));
    }

    /// <summary>A round. Losses are the means over all replicas.</summary>
    public void Run(RoundStart start, Span<float> losses, LocalProgress progress, Timeline? timeline)
    {
        var started = Stopwatch.GetTimestamp();
        Outcome = executor.Run(start, Describe(start), timeline);
        _told = Outcome;
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var slowest = 0.0;
        double all = 0, lossSum = 0;
        foreach (var one in Outcome.Contributions)
        {
            timeline?.Add(one, started);
            slowest = Math.Max(slowest, one.ComputeSeconds);
            (all, lossSum) = (all + one.Samples, lossSum + one.LossSum);
            if (one.Failure is { } failure) progress.Failure ??= new TrainingDivergedException(failure.Step, failure.Layer, Count == 1 ? failure.Message : $"rank {one.Rank}: {failure.Message}");
        }
        for (var i = 0; i < losses.Length; i++) losses[i] = (float)MeanLoss(i, start.Position);
        _loss = lossSum / all;
        _rounds++;
        _costs.Add((1e3 * seconds, 1e3 * slowest, losses.Length));
        _seconds = seconds;
    }

    /// <summary>What the replicas of the last round say, once; their waiting and moving is that of the round before, as of ranks that meet.</summary>
    /// <param name="all">Receives the statuses.</param>
    /// <param name="mine">The driver's own words.</param>
    /// <param name="bytes">That each replica sends.</param>
    public void Tell(RankStatus[] all, in RankStatus mine, long bytes)
    {
        for (var rank = 0; rank < all.Length; rank++)
        {
            var one = _told?.Contributions[rank];
            all[rank] = new RankStatus
            {
                Samples = one?.Samples ?? 0,
                LossSum = one?.LossSum ?? 0,
                HasFailed = mine.HasFailed && (one is null || one.Failure is not null),
                WantsStop = mine.WantsStop,
                TimeIsOver = mine.TimeIsOver,
                ComputeSeconds = one?.ComputeSeconds ?? 0,
                WaitSeconds = _wait[rank],
                TransferSeconds = _transfer[rank],
                Bytes = _rounds > 1 || one is null ? bytes : 0,
                SquaredDistance = _distances.Length > 0 ? _distances[rank] : 0,
                SquaredNorm = _norm,
            };
            (_transfer[rank], _wait[rank]) = one is null ? (0, 0) : (one.TransferSeconds, Math.Max(0, _seconds - one.ComputeSeconds - one.TransferSeconds));
        }
        (_distances, _norm) = _told is null ? ([], 0) : (_told.Distances, _told.Norm);
        _told = null;
    }

    private double MeanLoss(int step, int position)
    {
        double sum = 0, weight = 0;
        foreach (var one in Outcome.Contributions)
        {
            if (step >= one.Losses.Length || double.IsNaN(one.Losses[step])) continue;
            var count = _loader!.Counts(position, step, one.Rank).Own;
            (sum, weight) = (sum + one.Losses[step] * count, weight + count);
        }
        return sum / weight;
    }

    private string Describe(RoundStart start)
    {
        var loss = double.IsNaN(_loss) ? "" : FormattableString.Invariant($", loss {_loss:F4}");
        var epochs = configuration.Steps is { } steps ? $"step {start.FirstStep}/{steps}" : $"epoch {start.Epoch + 1}/{configuration.Epochs}";
        return $"{epochs}, round {_rounds + 1}{loss}";
    }
}
