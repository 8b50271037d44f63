using System.Diagnostics;

namespace RawDL.NN;

/// <summary>Runs a configuration over data: steps, evaluations, checkpoints. Full-batch, mini-batch and stochastic descent differ by the batch size alone.</summary>
/// <remarks>The parameters after step n are a function of the configuration, the data and the number of ranks: not of threads, time, or of where the run
/// was interrupted and resumed. The one exception is a stop by time.</remarks>
public sealed class Trainer : IDisposable
{
    private readonly TrainerOptions _options;
    private readonly IRunEvents _events;
    private readonly DatasetPair _data;
    private readonly Dataset _judge;
    private readonly DataLoader _loader;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly Tape _tape;
    private readonly Stopwatch _watch = new();
    private RunState _state = new();
    private double _earlierSeconds;
    private (long Step, Evaluation Evaluation)? _judged;

    /// <summary>Prepares a run.</summary>
    /// <exception cref="ConfigurationException">The configuration does not fit the data.</exception>
    /// <exception cref="ShapeException">A layer does not fit; the message names it and both shapes.</exception>
    public Trainer(TrainingConfiguration configuration, DatasetPair data, TrainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        (Configuration, _options, _data, _events) = (configuration, options, data, options.Events ?? new Silence());
        var train = data.Train;
        _judge = data.Test;
        if (configuration.Validation > 0) (train, _judge) = DatasetPair.Split(data.Train, configuration.Validation, configuration.Seed);
        Model = Model.Create(configuration, train, options.Device);
        _optimizer = configuration.CreateOptimizer();
        _tape = new Tape(options.Device) { Seed = configuration.Seed };
        try
        {
            Model.Require(data.Test);
            _optimizer.Attach(Model.Parameters);
            _schedule = configuration.CreateSchedule();
            _loader = new DataLoader(train, new DataLoaderOptions
            {
                BatchSize = configuration.BatchSize,
                Seed = configuration.Seed,
                Normalization = Model.Normalization,
                Augmentation = configuration.Augmentation,
                Rank = options.Communicator.Rank,
                Size = options.Communicator.Size,
            });
        }
        catch
        {
            _tape.Dispose();
            _optimizer.Dispose();
            Model.Dispose();
            throw;
        }
        TotalSteps = configuration.Steps ?? (long)configuration.Epochs * _loader.BatchesPerEpoch;
    }

    /// <summary>What is run.</summary>
    public TrainingConfiguration Configuration { get; }

    /// <summary>The model in training; belongs to the trainer.</summary>
    public Model Model { get; }

    /// <summary>Steps of the whole run.</summary>
    public long TotalSteps { get; }

    /// <summary>Steps done.</summary>
    public long Step => _state.Step;

    /// <summary>Runs from where the folder's newest whole checkpoint stands, or from the beginning, to the end.</summary>
    /// <param name="cancel">Ends the run after the step at hand, with a checkpoint.</param>
    /// <exception cref="TrainingDivergedException">A NaN or an infinity; the last checkpoint stays.</exception>
    /// <exception cref="IOException">The folder could not be written.</exception>
    public TrainerResult Run(CancellationToken cancel = default)
    {
        if (_options.Folder is { IsResumed: true } folder) Restore(folder);
        _watch.Restart();
        _earlierSeconds = _state.Seconds;
        var perEpoch = _loader.BatchesPerEpoch;
        _events.Started(new RunStart(TotalSteps, (int)((TotalSteps + perEpoch - 1) / perEpoch), _state.Step, perEpoch, Model.Parameters.TrainableCount,
            _loader.Dataset.Count, _data.Test.Count, Model.Device.ToString(), _state.Step > 0));
        _loader.Start((int)(_state.Step / perEpoch), (int)(_state.Step % perEpoch));
        // A run that was interrupted while it was judged.
        if (_state.Step > 0 && !IsOver && Configuration.Evaluation.IsDue(_state.Step, perEpoch) && !Judge(cancel)) return Interrupt();
        while (!IsOver)
        {
            if (cancel.IsCancellationRequested) return Interrupt();
            TakeStep();
            if (_state.Step % perEpoch == 0 || _state.Step == TotalSteps) EndEpoch();
            if (Configuration.EarlyStopping.MaximumSeconds is { } limit && Elapsed >= limit) _state.StopReason = FormattableString.Invariant($"time: {limit} s are over");
            if (!IsOver && Configuration.Evaluation.IsDue(_state.Step, perEpoch) && !Judge(cancel)) return Interrupt();
            if (!IsOver && Configuration.Checkpoint.IsDue(_state.Step, perEpoch)) SaveCheckpoint();
        }
        return Judge(cancel) ? Finish() : Interrupt();
    }

    /// <summary>Frees the model, the optimizer's states and the step's memory.</summary>
    public void Dispose()
    {
        _loader.Dispose();
        _tape.Dispose();
        _optimizer.Dispose();
        Model.Dispose();
    }

    private bool IsOver => _state.Step >= TotalSteps || _state.StopReason is not null;

    private double Elapsed => _earlierSeconds + _watch.Elapsed.TotalSeconds;

    private int Epoch => (int)((Math.Max(_state.Step, 1) - 1) / _loader.BatchesPerEpoch) + 1;

    private double ImagesPerSecond => _state.TrainingSeconds > 0 ? _state.Samples / _state.TrainingSeconds : 0;

    private void TakeStep()
    {
        var started = Stopwatch.GetTimestamp();
        if (!_loader.TryNext(out var batch))
        {
            _loader.Start((int)(_state.Step / _loader.BatchesPerEpoch));
            _loader.TryNext(out batch);
        }
        var step = _state.Step + 1;
        _tape.Reset();
        _tape.Step = (ulong)step;
        Model.Parameters.ZeroGradients();
        var input = _tape.Input(batch.Inputs, batch.Shape);
        var loss = Model.Loss(Model.Forward(input), batch);
        var value = loss.Item();
        if (!float.IsFinite(value)) throw Divergence.OfForward(step, Model, input, value);
        _tape.Backward(loss);
        if (!double.IsFinite(_optimizer.GradientNorm())) throw Divergence.OfBackward(step, Model);
        var rate = _schedule.Rate(step, TotalSteps, _loader.BatchesPerEpoch, _optimizer.LearningRate);
        _optimizer.Step(step, rate);
        _options.Device.Synchronize();

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        _state.Step = step;
        _state.TrainingSeconds += seconds;
        _state.EpochSeconds += seconds;
        _state.Samples += batch.Count;
        _state.EpochSamples += batch.Count;
        _state.EpochLossSum += (double)value * batch.Count;
        _events.Stepped(new StepProgress(step, TotalSteps, Epoch, value, _state.EpochLossSum / _state.EpochSamples, rate, ImagesPerSecond,
            TimeSpan.FromSeconds(_state.TrainingSeconds / step * (TotalSteps - step))));
    }

    private void EndEpoch()
    {
        var loss = _state.EpochLossSum / _state.EpochSamples;
        var rate = _schedule.Rate(_state.Step, TotalSteps, _loader.BatchesPerEpoch, _optimizer.LearningRate);
        var speed = _state.EpochSeconds > 0 ? _state.EpochSamples / _state.EpochSeconds : 0;
        _state.History.AddTraining(new LossPoint(_state.Step, (double)_state.Step / _loader.BatchesPerEpoch, loss, double.NaN));
        _options.Folder?.AddMetric(json =>
        {
            json.WriteStartObject();
            json.WriteString("event", "epoch");
            json.WriteNumber("epoch", Epoch);
            json.WriteNumber("step", _state.Step);
            json.WriteNumber("train_loss", loss);
            json.WriteNumber("learning_rate", rate);
            json.WriteNumber("images_per_second", speed);
            json.WriteNumber("seconds", Elapsed);
            json.WriteEndObject();
        });
        _events.EpochEnded(new EpochProgress(Epoch, _state.Step, loss, rate, speed, _state.EpochSeconds));
        (_state.EpochSeconds, _state.EpochSamples, _state.EpochLossSum) = (0, 0, 0);
    }

    // Once per step at most; false when cancelled.
    private bool Judge(CancellationToken cancel)
    {
        if (_judged?.Step == _state.Step) return true;
        var counted = _state.History.Evaluation.Count > 0 && _state.History.Evaluation[^1].Step == _state.Step;
        if (counted && !IsOver) return true;
        Evaluation evaluation;
        try
        {
            evaluation = Model.Evaluate(_judge, _options.Communicator, cancel);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        _judged = (_state.Step, evaluation);
        // A resumed run that is over already is judged again, not counted again.
        if (counted) return true;
        var point = new LossPoint(_state.Step, (double)_state.Step / _loader.BatchesPerEpoch, evaluation.Loss, evaluation.Accuracy);
        var best = _state.Best is not { } earlier || (evaluation.Classes > 0 ? point.Accuracy > earlier.Accuracy : point.Loss < earlier.Loss);
        _state.History.AddEvaluation(point);
        if (best) _state.Best = point;
        Consider(Configuration.EarlyStopping, point);
        if (_options.Folder is { } folder)
        {
            if (best) Model.Save(folder.BestPath);
            folder.AddMetric(json =>
            {
                json.WriteStartObject();
                json.WriteString("event", "evaluation");
                json.WriteString("data", _judge.Name);
                json.WriteNumber("epoch", Epoch);
                json.WriteNumber("step", _state.Step);
                Evaluation.WriteNumber(json, "loss", evaluation.Loss);
                Evaluation.WriteNumber(json, "accuracy", evaluation.Accuracy);
                json.WriteNumber("seconds", Elapsed);
                json.WriteEndObject();
            });
        }
        _events.Evaluated(Epoch, _state.Step, evaluation, best);
        return true;
    }

    private void Consider(EarlyStopping rule, LossPoint point)
    {
        _state.Stale = point.Loss < _state.SmallestLoss - rule.MinimumImprovement ? 0 : _state.Stale + 1;
        _state.SmallestLoss = Math.Min(_state.SmallestLoss, point.Loss);
        if (rule.Patience > 0 && _state.Stale >= rule.Patience)
            _state.StopReason ??= FormattableString.Invariant($"patience: {_state.Stale} evaluations without a smaller loss than {_state.SmallestLoss:g4}");
        if (rule.TargetAccuracy is { } target && point.Accuracy >= target)
            _state.StopReason ??= FormattableString.Invariant($"target: accuracy {point.Accuracy:f4} reached {target}");
    }

    private void SaveCheckpoint()
    {
        if (_options.Folder is not { } folder) return;
        // What follows from here on would be lost with it.
        if (!double.IsFinite(Model.Parameters.Values.SumOfSquares())) throw Divergence.OfParameters(_state.Step, Model);
        _state.Seconds = Elapsed;
        var path = folder.CheckpointPath(_state.Step);
        Checkpoint.Save(path, Model, _optimizer, _state);
        folder.Prune(Configuration.KeepCheckpoints);
        _events.CheckpointSaved(path, _state.Step);
    }

    private void Restore(RunFolder folder)
    {
        foreach (var step in folder.CheckpointSteps())
        {
            try
            {
                _state = Checkpoint.Load(folder.CheckpointPath(step), Model, _optimizer);
                break;
            }
            catch (RawFileException e)
            {
                _events.Warned($"{e.Message}; trying an older checkpoint.");
                Model.Parameters.Initialize(Configuration.Seed);
                foreach (var state in _optimizer.States) state.Fill(0f);
            }
        }
        folder.CutMetrics(_state.Step);
    }

    private TrainerResult Interrupt()
    {
        SaveCheckpoint();
        return Result(RunStatus.Interrupted, _judged?.Evaluation);
    }

    private TrainerResult Finish()
    {
        SaveCheckpoint();
        var evaluation = ReferenceEquals(_judge, _data.Test) ? _judged!.Value.Evaluation : Model.Evaluate(_data.Test, _options.Communicator);
        var result = Result(_state.StopReason is null ? RunStatus.Completed : RunStatus.EarlyStopped, evaluation);
        if (_options.Folder is { } folder)
        {
            Model.Save(folder.ModelPath);
            result.Save(folder);
        }
        _events.Finished(result);
        return result;
    }

    private TrainerResult Result(RunStatus status, Evaluation? evaluation) => new()
    {
        Status = status,
        StopReason = _state.StopReason,
        Evaluation = evaluation,
        Best = _state.Best,
        Step = _state.Step,
        Epochs = (int)(_state.Step / _loader.BatchesPerEpoch),
        Seconds = Elapsed,
        TrainingSeconds = _state.TrainingSeconds,
        ImagesPerSecond = ImagesPerSecond,
        Parameters = Model.Parameters.TrainableCount,
        ParametersSha256 = Model.Parameters.Sha256(),
        WorldSize = _options.Communicator.Size,
        Device = Model.Device.ToString(),
        Data = _data.Train.Name,
        Configuration = Configuration,
        History = _state.History,
    };

    private sealed class Silence : IRunEvents;
}
