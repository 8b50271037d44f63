namespace RawDL.NN;

/// <summary>The mean gradient of replicas that work elsewhere: each step is a round, and the optimizer is this process's alone.</summary>
/// <remarks>The bits are those of <see cref="GradientAllReduce"/> with <see cref="SynchronizationOptions.Deterministic"/>.</remarks>
internal sealed class RoundGradients : Synchronizer, IStepRunner
{
    private readonly RoundReplicas _replicas;
    private readonly RunningStatistics _statistics;
    private readonly long[] _samplesOfStatistics;
    private float[] _own;

    public RoundGradients(IRoundExecutor executor, Model model, Optimizer optimizer)
        : base(model.Configuration.Synchronization, new SoloCommunicator(), model, optimizer, executor.Shards)
    {
        _replicas = new RoundReplicas(executor, model.Configuration);
        _statistics = new RunningStatistics(model.Parameters);
        _samplesOfStatistics = new long[executor.Shards];
        _own = OfAll(model.Parameters.Statistics.ToArray());
    }

    public override (int Rank, int Size) Shard => (0, WorldSize);

    public override bool StopsAnywhere => false;

    public override int StepsAlone => 1;

    public string Span => "round";

    public int MostSteps => 1;

    public override void Bind(DataLoader loader) => _replicas.Bind(loader);

    public int Run(long firstStep, int epoch, int position, ReadOnlySpan<float> rates, Span<float> losses)
    {
        _replicas.Run(new RoundStart
        {
            Kind = RoundKind.Gradients,
            FirstStep = firstStep,
            Epoch = epoch,
            Position = position,
            Rates = rates.ToArray(),
            Weights = [],
            Values = Model.Parameters.Values.ToArray(),
            Statistics = _own,
        }, losses, Progress, Timeline);
        return 1;
    }

    public override bool EndStep(RunState state, float rate, bool mustMeet)
    {
        Meet(state, state.Step);
        Transfer("update", () =>
        {
            var (contributions, sum, _, _) = _replicas.Outcome;
            Model.Parameters.Gradients.CopyFrom(sum);
            if (!double.IsFinite(Optimizer.GradientNorm())) throw Divergence.OfBackward(state.Step, Model);
            Optimizer.Step(state.Step, rate);
            foreach (var one in contributions) _samplesOfStatistics[one.Rank] += one.Samples;
            _own = [.. contributions.SelectMany(one => one.Statistics)];
            if (mustMeet) PoolStatistics();
            else Model.Parameters.Statistics.CopyFrom(_own.AsSpan(0, Model.Parameters.Statistics.Count));
        });
        return true;
    }

    public override void Save(RunState state, List<SafetensorsTensor> tensors)
    {
        if (_own.Length == 0 || WorldSize == 1) return;
        var width = Model.Parameters.Statistics.Count;
        var rows = new float[WorldSize * (width + 1)];
        for (var rank = 0; rank < WorldSize; rank++)
        {
            _own.AsSpan(rank * width, width).CopyTo(rows.AsSpan(rank * (width + 1)));
            rows[rank * (width + 1) + width] = _samplesOfStatistics[rank];
        }
        tensors.Add(PerRank.Save("ranks.statistics", rows, WorldSize));
    }

    public override void Restore(RunState state, SafetensorsFile file)
    {
        _own = OfAll(Model.Parameters.Statistics.ToArray());
        var width = Model.Parameters.Statistics.Count;
        if (PerRank.RestoreAll("ranks.statistics", width + 1, WorldSize, file, PerRankMerge.Mean) is not { } rows) return;
        for (var rank = 0; rank < WorldSize; rank++)
        {
            rows.AsSpan(rank * (width + 1), width).CopyTo(_own.AsSpan(rank * width));
            _samplesOfStatistics[rank] = (long)rows[rank * (width + 1) + width];
        }
    }

    public override void Close(RunState state)
    {
        base.Close(state);
        _replicas.Complete(Report, hasPeriod: Options.Kind == SynchronizationKind.Average, isOver: !state.IsStopWanted, Timeline);
    }

    protected override void Gather(in RankStatus mine, RankStatus[] all) => _replicas.Tell(all, mine, 4L * Model.Parameters.TrainableCount);

    private void PoolStatistics()
    {
        var total = 0.0;
        foreach (var samples in _samplesOfStatistics) total += samples;
        var weights = Array.ConvertAll(_samplesOfStatistics, samples => (float)(samples / total));
        var width = Model.Parameters.Statistics.Count;
        if (width > 0)
        {
            var pooled = (float[])_own.Clone();
            for (var rank = 0; rank < WorldSize; rank++) Reduction.Scale(pooled.AsSpan(rank * width, width), weights[rank]);
            Reduction.AddInOrder(pooled, width, WorldSize);
            _statistics.AddSpread(_own, pooled.AsSpan(0, width), weights);
            Model.Parameters.Statistics.CopyFrom(pooled.AsSpan(0, width));
            _own = OfAll(pooled[..width]);
        }
        Array.Clear(_samplesOfStatistics);
    }

    private float[] OfAll(float[] statistics) => [.. Enumerable.Repeat(statistics, WorldSize).SelectMany(row => row)];
}
