namespace RawDL.NN;

/// <summary>
/// Synchronous parameter averaging: every rank trains a replica, and after k steps all take w̄ = Σ nᵢ·wᵢ / Σ nᵢ, nᵢ being the samples that rank i trained on in the round.
/// Source: McDonald, Hall and Mann, Distributed training strategies for the structured perceptron, NAACL 2010, with the weights of its section 4.
/// </summary>
/// <remarks>
/// The optimizer's states are averaged alike, kept or reset. Running statistics of batch normalisation are pooled: μ̄ = Σ nᵢ·μᵢ / n and, as variances of a mixture are,
/// Σ nᵢ·(σᵢ² + (μᵢ − μ̄)²) / n. A round ends before its k-th step where the epoch ends, and where the run is judged, saved or over. One step per round, plain SGD or momentum and averaged
/// states give what a single process gives with the samples of all ranks as one batch; Adam and its kin do not, since the mean of squares is not the square of the mean.
/// </remarks>
internal class ParameterAveraging : Synchronizer
{
    private readonly PeriodSchedule _schedule;
    private readonly OuterOptimizer _outer;
    private readonly Reduction _reduction;
    private readonly ICommunicator? _node;
    private readonly Reduction? _nodeReduction;
    private readonly RunningStatistics _statistics;
    private float[] _buffer = [], _before = [], _withheld = [];
    private int _stepsOfRound, _stepsOfNodeRound;
    private long _samplesBeforeNode;

    public ParameterAveraging(SynchronizationOptions options, ICommunicator group, Model model, Optimizer optimizer) : this(options, group, model, optimizer, group.Size) { }

    protected ParameterAveraging(SynchronizationOptions options, ICommunicator group, Model model, Optimizer optimizer, int ranks) : base(options, group, model, optimizer, ranks)
    {
        _schedule = PeriodSchedule.Parse(options.Period);
        _outer = OuterOptimizer.Parse(options.Outer, ranks);
        _outer.Begin(Trainable(model.Parameters.Values.ToArray()));
        _reduction = new Reduction(group, options.Deterministic);
        if (options.NodePeriod > 0)
        {
            _node = options.NodeSize > 0 ? group.Split(group.Rank / options.NodeSize, group.Rank) : group.SplitByNode();
            _nodeReduction = new Reduction(_node, options.Deterministic);
        }
        _statistics = new RunningStatistics(model.Parameters);
        RememberChecksum();
    }

    // Nothing to average, nothing to remember: every step is a meeting.
    private protected virtual bool IsAlone => Group.Size == 1 && _outer.IsMean;

    public override bool StopsAnywhere => IsAlone;

    public override int StepsAlone => IsAlone ? int.MaxValue
        : Math.Min(_schedule.Period - _stepsOfRound, _node is null ? int.MaxValue : Math.Max(1, Options.NodePeriod - _stepsOfNodeRound));

    public override bool EndStep(RunState state, float rate, bool mustMeet)
    {
        _stepsOfRound++;
        _stepsOfNodeRound++;
        if (IsAlone)
        {
            Meet(state, state.Step);
            return true;
        }
        if (!mustMeet && _stepsOfRound < _schedule.Period)
        {
            if (_node is not null && _stepsOfNodeRound >= Options.NodePeriod) AverageNode(Progress.Samples);
            return false;
        }
        EndRound(state, rate);
        return true;
    }

    public override void Publish()
    {
        if (!_outer.IsAhead) return;
        _withheld = Model.Parameters.Values.ToArray();
        var values = (float[])_withheld.Clone();
        _outer.Publish(Trainable(values));
        Model.Parameters.CopyFrom(values);
    }

    public override void Withdraw()
    {
        if (_outer.IsAhead) Model.Parameters.CopyFrom(_withheld);
    }

    public override void Save(RunState state, List<SafetensorsTensor> tensors)
    {
        if (!_outer.IsMean) tensors.Add(SafetensorsTensor.Create("outer.velocity", new Shape(_outer.Velocity.Length), _outer.Velocity));
        if (Options.UpdaterState != UpdaterState.Keep || WorldSize == 1) return;
        for (var i = 0; i < Optimizer.States.Count; i++)
            tensors.Add(SaveStates(i, $"ranks.{Optimizer.StateNames[i]}"));
    }

    public override void Restore(RunState state, SafetensorsFile file)
    {
        _schedule.Restore(state.Round, state.AdaptedPeriod);
        var values = Model.Parameters.Values.ToArray();
        if (!_outer.IsMean)
        {
            var velocity = new float[_outer.Velocity.Length];
            file.Find("outer.velocity")?.CopyTo(velocity);
            _outer.Restore(Trainable(values), velocity);
        }
        if (Options.UpdaterState == UpdaterState.Keep)
            for (var i = 0; i < Optimizer.States.Count; i++)
                RestoreStates(i, $"ranks.{Optimizer.StateNames[i]}", file);
        base.Restore(state, file);
    }

    /// <summary>States of all ranks, where each keeps its own.</summary>
    protected virtual SafetensorsTensor SaveStates(int index, string name) => PerRank.Save(name, Optimizer.States[index].ToArray(), Group);

    /// <summary>Takes up what <see cref="SaveStates"/> left.</summary>
    protected virtual void RestoreStates(int index, string name, SafetensorsFile file)
    {
        if (PerRank.Restore(name, Optimizer.States[index].Count, Group.Rank, Group.Size, file, PerRankMerge.Mean) is { } mine) Optimizer.States[index].CopyFrom(mine);
    }

    /// <summary>The mean of all replicas, weighted by samples, averaged optimizer states already in their places; notes how far the replicas were apart.</summary>
    protected virtual Span<float> Mean(long samples)
    {
        var values = Mix(_reduction, Group, samples);
        (SquaredDistance, SquaredNorm) = RawDL.NN.SquaredDistance.Of(Trainable(_before), Trainable(values));
        return values;
    }

    /// <summary>√(mean of ‖w_i − w̄‖²) / ‖w̄‖ over the ranks, the same bits on all.</summary>
    protected virtual double Apart() => Apart(Group.SumInOrder(SquaredDistance), SquaredNorm, Group.Size);

    protected static double Apart(double sum, double norm, int ranks) => norm > 0 ? Math.Sqrt(sum / ranks / norm) : 0;

    private void EndRound(RunState state, float rate)
    {
        if (Group.Size > 1 && Progress.Failure is null && !double.IsFinite(Model.Parameters.Values.SumOfSquares()))
            Progress.Failure = Divergence.OfParameters(state.Step, Model);
        var samples = Progress.Samples;
        Meet(state, state.Step);
        // Each node first, whose ranks have drifted since they last met: the weights of a round hold between nodes.
        if (_node is not null) AverageNode(samples);
        Transfer("average", () => Average(rate, samples));
        state.Round = _schedule.Round;
        state.AdaptedPeriod = _schedule.Period;
    }

    private void Average(float rate, long samples)
    {
        var sent = _reduction.Bytes;
        var values = Mean(samples);
        var apart = _schedule.IsAdaptive ? Apart() : 0;
        _outer.Step(Trainable(values), rate);
        Model.Parameters.CopyFrom(values);
        if (Options.UpdaterState == UpdaterState.Reset)
            foreach (var state in Optimizer.States) state.Fill(0f);
        _schedule.EndRound(apart);
        (_stepsOfRound, _stepsOfNodeRound, _samplesBeforeNode) = (0, 0, 0);
        SentBytes += _reduction.Bytes - sent;
        RememberChecksum();
    }

    private void AverageNode(long samples) => Transfer("average node", () =>
    {
        var sent = _nodeReduction!.Bytes;
        Model.Parameters.CopyFrom(Mix(_nodeReduction, _node!, samples - _samplesBeforeNode));
        (_stepsOfNodeRound, _samplesBeforeNode) = (0, samples);
        SentBytes += _nodeReduction.Bytes - sent;
    });

    /// <summary>The mean of the group's replicas, weighted by samples, and averaged optimizer states already in their places.</summary>
    private Span<float> Mix(Reduction reduction, ICommunicator group, long samples)
    {
        var count = Model.Parameters.Count;
        var averaged = Options.UpdaterState == UpdaterState.Average ? Optimizer.States : [];
        if (_buffer.Length == 0) (_buffer, _before) = (new float[count + averaged.Count * Model.Parameters.TrainableCount], new float[count]);
        var values = _buffer.AsSpan(0, count);
        Model.Parameters.CopyTo(values);
        values.CopyTo(_before);
        var total = group.SumInOrder(samples);
        // No rank had samples: impossible in a step, but the mean of equals is defined too.
        var weight = (float)(total > 0 ? samples / total : 1.0 / group.Size);
        for (var i = 0; i < averaged.Count; i++) averaged[i].CopyTo(StateOf(i));
        reduction.SumWeighted(_buffer, weight);
        for (var i = 0; i < averaged.Count; i++) averaged[i].CopyFrom(StateOf(i));
        _statistics.AddSpread(reduction, _before.AsSpan(Model.Parameters.TrainableCount), values[Model.Parameters.TrainableCount..], weight);
        return values;
    }

    private Span<float> StateOf(int index) => StateOf(_buffer, index);

    /// <summary>An optimizer state in a vector of parameters and states.</summary>
    protected Span<float> StateOf(float[] vector, int index) =>
        vector.AsSpan(Model.Parameters.Count + index * Model.Parameters.TrainableCount, Model.Parameters.TrainableCount);

    protected Span<float> Trainable(Span<float> values) => values[..Model.Parameters.TrainableCount];
}
