namespace RawDL.NN;

/// <summary>Synchronous data-parallel descent: every step takes the mean gradient over the samples of all ranks, so that all replicas make the same step.</summary>
/// <remarks>
/// Plain float32 gradients travel in buckets, which are views of the flat gradient buffer from its end to its beginning: as soon as the backward pass has completed the parameters of
/// a bucket its sum is started, and goes on under the rest of the pass where the library can. In a fixed order, in 16 bits or compressed, the sum is made after the pass.
/// A rank without samples in a step adds zeros. Running statistics of batch normalisation are each rank's own; they are pooled as <see cref="RunningStatistics"/> says where ranks must meet: at the end of
/// an epoch and where the run is judged, saved or over. Source of the buckets: Li et al., PyTorch distributed, VLDB 2020, section 3.2.
/// </remarks>
internal sealed unsafe class GradientAllReduce : Synchronizer
{
    private readonly GradientReduction _reduction;
    private readonly Reduction _statisticsReduction;
    private readonly RunningStatistics _statistics;
    private readonly List<(int Start, int Count)> _buckets = [];
    private readonly ICommunicationRequest?[] _requests;
    private readonly int[] _missing;
    private readonly float[] _gradients;
    private readonly Staging? _staging;
    private int _fetched, _started;
    private long _samplesOfStatistics;

    public GradientAllReduce(SynchronizationOptions options, ICommunicator group, Model model, Optimizer optimizer) : base(options, group, model, optimizer)
    {
        _reduction = GradientReduction.Create(options, group, model.Parameters);
        _statisticsReduction = new Reduction(group, options.Deterministic);
        _statistics = new RunningStatistics(model.Parameters);
        _staging = group.Size > 1 && !options.Deterministic && _reduction is PlainReduction ? model.Device.CreateStaging(model.Parameters.Gradients, group.ReadsDeviceMemory) : null;
        _gradients = _staging is not null || group.Size == 1 ? [] : new float[model.Parameters.TrainableCount];
        CutBuckets();
        _requests = new ICommunicationRequest?[_buckets.Count];
        _missing = new int[_buckets.Count];
        RememberChecksum();
    }

    private Tensor Statistics => Model.Parameters.Statistics;

    public override int Divisor(Batch batch) => batch.GlobalCount;

    public override bool AddsInOrder => _staging is null;

    public override bool Updates(int samples) => true;

    public override void Fail(TrainingDivergedException failure) => throw failure;

    public override void BeginLastPart(Tape tape)
    {
        if (_staging is null) return;
        for (var bucket = 0; bucket < _missing.Length; bucket++) _missing[bucket] = _buckets[bucket].Count;
        tape.Passed = layer => Complete((Layer)layer);
    }

    public override void EndBackward(RunState state, long step)
    {
        _samplesOfStatistics += Progress.Samples;
        if (_staging is not null) StartUpTo(_buckets.Count, wait: true);
        try
        {
            Meet(state, step);
        }
        finally
        {
            if (_staging is not null) Transfer("reduce", Finish);
        }
        if (Group.Size > 1 && _staging is null) Transfer("reduce", Reduce);
    }

    public override bool EndStep(RunState state, float rate, bool mustMeet)
    {
        if (mustMeet) AverageStatistics();
        RememberChecksum();
        return true;
    }

    public override void Save(RunState state, List<SafetensorsTensor> tensors)
    {
        if (_reduction.Residual.Length > 0) tensors.Add(PerRank.Save("ranks.residual", _reduction.Residual, Group));
        if (Statistics.Count > 0 && Group.Size > 1) tensors.Add(PerRank.Save("ranks.statistics", [.. Statistics.ToArray(), _samplesOfStatistics], Group));
    }

    public override void Restore(RunState state, SafetensorsFile file)
    {
        PerRank.Restore("ranks.residual", _reduction.Residual.Length, Group.Rank, Group.Size, file, PerRankMerge.Sum)?.CopyTo(_reduction.Residual, 0);
        if (PerRank.Restore("ranks.statistics", Statistics.Count + 1, Group.Rank, Group.Size, file, PerRankMerge.Mean) is { } statistics)
        {
            Statistics.CopyFrom(statistics.AsSpan(0, Statistics.Count));
            _samplesOfStatistics = (long)statistics[^1];
        }
        base.Restore(state, file);
    }

    public override void Dispose() => _staging?.Dispose();

    // From the last parameter to the first, as backward passes complete them; borders lie between parameters.
    private void CutBuckets()
    {
        var parameters = Model.Parameters;
        var end = parameters.TrainableCount;
        for (var i = parameters.Parameters.Count - 1; i >= 0; i--)
        {
            if (!parameters.Parameters[i].IsTrainable) continue;
            var start = parameters.Offset(parameters.Parameters[i]);
            if (4L * (end - start) < Options.BucketBytes && start > 0) continue;
            if (end > start) _buckets.Add((start, end - start));
            end = start;
        }
    }

    private void Complete(Layer layer)
    {
        foreach (var parameter in layer.Parameters)
        {
            if (!parameter.IsTrainable) continue;
            parameter.Value.EndGradient();
            var offset = Model.Parameters.Offset(parameter);
            var bucket = _buckets.FindIndex(b => offset >= b.Start);
            if (bucket >= 0) _missing[bucket] -= parameter.Shape.Count;
        }
        var ready = _started;
        while (ready < _buckets.Count && _missing[ready] == 0) ready++;
        StartUpTo(ready, wait: false);
        for (var bucket = 0; bucket < _started; bucket++) _requests[bucket]?.Test();
    }

    // In the order of the buckets, as on every rank; a bucket whose gradients are still on their way is started by a later call.
    private void StartUpTo(int end, bool wait)
    {
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        for (; _fetched < end; _fetched++) _staging!.Fetch(_buckets[_fetched].Start, _buckets[_fetched].Count);
        for (; _started < end && _staging!.IsFetched(wait); _started++)
        {
            var (start, count) = _buckets[_started];
            _requests[_started] = Group.StartAllReduceSum(_staging.Address + start, count);
            SentBytes += Reduction.RingBytes(count, Group.Size);
        }
        TransferSeconds += System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private void Finish()
    {
        for (var bucket = 0; bucket < _started; bucket++)
        {
            _requests[bucket]!.Wait();
            _requests[bucket] = null;
            _staging!.Return(_buckets[bucket].Start, _buckets[bucket].Count);
        }
        (_fetched, _started) = (0, 0);
    }

    private void Reduce()
    {
        var sent = _reduction.Bytes;
        Model.Parameters.Gradients.CopyTo(_gradients);
        _reduction.Sum(_gradients);
        Model.Parameters.Gradients.CopyFrom(_gradients);
        SentBytes += _reduction.Bytes - sent;
    }

    private void AverageStatistics()
    {
        if (Statistics.Count > 0 && Group.Size > 1) Transfer("statistics", () =>
        {
            var weight = (float)(_samplesOfStatistics / Group.SumInOrder(_samplesOfStatistics));
            var own = Statistics.ToArray();
            var pooled = (float[])own.Clone();
            _statisticsReduction.SumWeighted(pooled, weight);
            _statistics.AddSpread(_statisticsReduction, own, pooled, weight);
            Statistics.CopyFrom(pooled);
        });
        _samplesOfStatistics = 0;
    }
}
