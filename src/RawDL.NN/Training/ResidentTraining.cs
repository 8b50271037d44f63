using System.Diagnostics;

namespace RawDL.NN;

/// <summary>The trainer's step on a device that repeats it without the host: the batches are drawn there from the data set's bytes, and the rates are planned ahead.</summary>
internal sealed class ResidentTraining : IStepRunner, IDisposable
{
    // So many steps that they take about a quarter of a second.
    private const int FewestSteps = 16;
    private const double Seconds = 0.25;

    private readonly Model _model;
    private readonly Optimizer _optimizer;
    private readonly DataLoader _loader;
    private readonly Tape _tape;
    private readonly ResidentStep _step;
    private readonly Action _work;
    private readonly int _row;
    private int _batch, _epoch = -1, _first, _used;

    private ResidentTraining(Model model, Optimizer optimizer, DataLoader loader, Tape tape, int row, ResidentStep step)
    {
        (_model, _optimizer, _loader, _tape, _row, _step) = (model, optimizer, loader, tape, row, step);
        _work = Work;
    }

    /// <summary>Null where the host has to take part: the device repeats nothing, the samples are not bytes, the loss has targets of its own, or a norm is clipped.
    /// The row is the first of this rank in the step of all.</summary>
    public static ResidentTraining? Create(Model model, Optimizer optimizer, DataLoader loader, Tape tape, int row)
    {
        var configuration = model.Configuration;
        if (configuration.Loss != LossKind.SoftmaxCrossEntropy || configuration.Synchronization.Accumulation > 1 || !optimizer.IsPlannable) return null;
        return model.Device.CreateResidentStep(() => Data(model, loader.Dataset)) is { } step ? new ResidentTraining(model, optimizer, loader, tape, row, step) : null;
    }

    public int MostSteps { get; private set; } = FewestSteps;

    public int Run(long firstStep, int epoch, int position, ReadOnlySpan<float> rates, Span<float> losses)
    {
        var started = Stopwatch.GetTimestamp();
        if (_epoch != epoch || _first > position)
        {
            (_epoch, _first, _used) = (epoch, position, 0);
            _step.Begin(_loader.OwnOrder(epoch, position), 0, firstStep, epoch);
        }
        else
        {
            _step.Begin([], _used, firstStep, epoch);
        }
        for (var i = 0; i < rates.Length; i++) _optimizer.Plan(_step, firstStep + i, rates[i]);
        for (var i = 0; i < rates.Length; i++) _step.Run(_batch = _loader.Counts(position, i).Own, _work);
        var done = _step.End(losses);
        for (var i = 0; i < done; i++) _used += _loader.Counts(position, i).Own;
        if (done > 0) MostSteps = (int)Math.Clamp(Seconds * done / Math.Max(1e-9, Stopwatch.GetElapsedTime(started).TotalSeconds), FewestSteps, Math.Min(2L * MostSteps, ResidentStep.MostSteps));
        return done;
    }

    public void Forget() => _epoch = -1;

    public void Dispose() => _step.Dispose();

    private static ResidentData? Data(Model model, Dataset dataset)
    {
        if (dataset.Bytes() is not { } bytes) return null;
        var labels = new int[dataset.Count];
        for (var i = 0; i < labels.Length; i++) labels[i] = dataset.Label(i);
        var (sample, augmentation) = (dataset.SampleShape, model.Configuration.Augmentation);
        var geometry = new GatherGeometry(model.Configuration.Seed, 0, sample[0], sample.Rank > 1 ? sample[1] : 1, sample.Rank > 2 ? sample[2] : 1, labels.Length, 0, 0,
            augmentation.Shift, augmentation.Rotation, augmentation.Scale, augmentation.Elastic);
        return new ResidentData(geometry, bytes, labels, model.Normalization.Mean, Array.ConvertAll(model.Normalization.Std, deviation => 1f / deviation));
    }

    private void Work()
    {
        _tape.Reset();
        // The number of the step comes from the device.
        (_tape.Step, _tape.FirstRow) = (0, _row);
        var input = _tape.Allocate(_model.SampleShape.Batched(_batch));
        var labels = _tape.Allocate(new Shape(_batch));
        _step.Gather(input, labels);
        _model.Parameters.ZeroGradients();
        var loss = _model.Loss(_model.Forward(input), labels);
        _step.KeepLoss(loss);
        _tape.Backward(loss);
        _step.CheckGradients(_model.Parameters.Gradients);
        _optimizer.Step(_step);
    }
}
