namespace RawDL.NN;

/// <summary>Parameter averaging where the replicas of a round work elsewhere and keep nothing: this process holds the parameters from one round to the next, and is no replica itself.</summary>
/// <remarks>The bits are those of <see cref="ParameterAveraging"/> with <see cref="SynchronizationOptions.Deterministic"/>.</remarks>
internal sealed class RoundAveraging : ParameterAveraging, IStepRunner
{
    private readonly RoundReplicas _replicas;
    private readonly RunningStatistics _statistics;
    private float[] _weights = [], _states = [], _values = [];

    public RoundAveraging(IRoundExecutor executor, Model model, Optimizer optimizer)
        : base(model.Configuration.Synchronization, new SoloCommunicator(), model, optimizer, executor.Shards)
    {
        _replicas = new RoundReplicas(executor, model.Configuration);
        _statistics = new RunningStatistics(model.Parameters);
        if (KeepsStates) _states = new float[executor.Shards * optimizer.States.Count * model.Parameters.TrainableCount];
    }

    public override (int Rank, int Size) Shard => (0, WorldSize);

    public override bool StopsAnywhere => false;

    public string Span => "round";

    public int MostSteps => int.MaxValue;

    private protected override bool IsAlone => false;

    private bool KeepsStates => Options.UpdaterState == UpdaterState.Keep;

    public override void Bind(DataLoader loader) => _replicas.Bind(loader);

    public int Run(long firstStep, int epoch, int position, ReadOnlySpan<float> rates, Span<float> losses)
    {
        _weights = _replicas.Weights(position, rates.Length);
        if (_values.Length == 0) _values = new float[Model.Parameters.Count];
        Model.Parameters.CopyTo(_values);
        if (Options.UpdaterState == UpdaterState.Average) CopyStates();
        _replicas.Run(new RoundStart
        {
            Kind = RoundKind.Average,
            FirstStep = firstStep,
            Epoch = epoch,
            Position = position,
            Rates = rates.ToArray(),
            Weights = _weights,
            Values = _values,
            States = _states,
            KeepsStates = KeepsStates,
        }, losses, Progress, Timeline);
        return rates.Length;
    }

    public override void Close(RunState state)
    {
        base.Close(state);
        _replicas.Complete(Report, hasPeriod: true, isOver: !state.IsStopWanted, Timeline);
    }

    protected override void Gather(in RankStatus mine, RankStatus[] all) => _replicas.Tell(all, mine, 4L * (Model.Parameters.Count + (Options.UpdaterState == UpdaterState.Reset ? 0 : StatesLength)));

    protected override Span<float> Mean(long samples)
    {
        var (contributions, sum, distances, norm) = _replicas.Outcome;
        var values = sum.AsSpan(0, Model.Parameters.Count);
        if (Options.UpdaterState == UpdaterState.Average)
            for (var i = 0; i < Optimizer.States.Count; i++) Optimizer.States[i].CopyFrom(StateOf(sum, i));
        if (KeepsStates) _states = [.. contributions.SelectMany(one => one.States)];
        _statistics.AddSpread(contributions.SelectMany(one => one.Statistics).ToArray(), values[Model.Parameters.TrainableCount..], _weights);
        (SquaredDistance, SquaredNorm) = (distances[0], norm);
        return values;
    }

    protected override double Apart()
    {
        var sum = 0.0;
        foreach (var distance in _replicas.Outcome.Distances) sum += distance;
        return Apart(sum, _replicas.Outcome.Norm, WorldSize);
    }

    protected override SafetensorsTensor SaveStates(int index, string name)
    {
        var (length, width) = (Model.Parameters.TrainableCount, StatesLength);
        var rows = new float[WorldSize * length];
        for (var rank = 0; rank < WorldSize; rank++) _states.AsSpan(rank * width + index * length, length).CopyTo(rows.AsSpan(rank * length));
        return PerRank.Save(name, rows, WorldSize);
    }

    protected override void RestoreStates(int index, string name, SafetensorsFile file)
    {
        var (length, width) = (Model.Parameters.TrainableCount, StatesLength);
        if (PerRank.RestoreAll(name, length, WorldSize, file, PerRankMerge.Mean) is not { } rows) return;
        for (var rank = 0; rank < WorldSize; rank++) rows.AsSpan(rank * length, length).CopyTo(_states.AsSpan(rank * width + index * length));
    }

    // Of the optimizer, or where each replica keeps its own of all replicas; none where they begin anew.
    private void CopyStates()
    {
        if (_states.Length == 0) _states = new float[StatesLength];
        for (var i = 0; i < Optimizer.States.Count; i++) Optimizer.States[i].CopyTo(_states.AsSpan(i * Model.Parameters.TrainableCount, Model.Parameters.TrainableCount));
    }

    private int StatesLength => Optimizer.States.Count * Model.Parameters.TrainableCount;
}
