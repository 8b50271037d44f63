using System.Diagnostics;
using System.Text.Json;

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
    private readonly Synchronizer _synchronizer;
    private readonly Tape _tape;
    private readonly Differentiation _differentiation;
    private readonly ResidentTraining? _resident;
    private readonly IStepRunner? _runner;
    private readonly Stopwatch _watch = new();
    private readonly List<Action<Utf8JsonWriter>> _rounds = [];
    private readonly int _globalBatch;
    private RunState _state = new();
    private bool _isLoaderBehind;
    private double _earlierSeconds;
    private (long Step, Evaluation Evaluation)? _judged;

    /// <summary>Prepares a run. Every rank makes its trainer.</summary>
    /// <exception cref="ConfigurationException">The configuration does not fit the data.</exception>
    /// <exception cref="ShapeException">A layer does not fit; the message names it and both shapes.</exception>
    /// <exception cref="CommunicationException">A rank has another program, network, configuration or data.</exception>
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
            Handshake.Check(options.Communicator, configuration, Model, data.Train);
            _synchronizer = options.Strategy?.Invoke(Model, _optimizer) ?? Synchronizer.Create(configuration.Synchronization, options, Model, _optimizer);
            _synchronizer.Timeline = options.Trace is null ? null : new Timeline(options.Rounds?.Shards ?? 0);
            _loader = DataLoader.Of(configuration, train, Model, _synchronizer.Shard.Rank, _synchronizer.Shard.Size);
            _synchronizer.Bind(_loader);
            _differentiation = new Differentiation(Model, _tape, _synchronizer, _loader.BatchSize);
            _runner = _synchronizer as IStepRunner;
            if (_runner is null && options.RepeatsSteps) _runner = _resident = ResidentTraining.Create(Model, _optimizer, _loader, _tape, _synchronizer.Shard.Rank * _loader.BatchSize);
        }
        catch
        {
            _loader?.Dispose();
            _synchronizer?.Dispose();
            _tape.Dispose();
            _optimizer.Dispose();
            Model.Dispose();
            throw;
        }
        _globalBatch = (int)Math.Min((long)_loader.BatchSize * _synchronizer.Shard.Size, int.MaxValue);
        TotalSteps = StepsFrom(_state);
        if (options.Folder is not null && _synchronizer.WorldSize > 1) _synchronizer.Report.RoundEnded = round => _rounds.Add(round.Write);
    }

    /// <summary>What is run.</summary>
    public TrainingConfiguration Configuration { get; }

    /// <summary>The model in training; belongs to the trainer.</summary>
    public Model Model { get; }

    /// <summary>Steps of the whole run.</summary>
    public long TotalSteps { get; private set; }

    /// <summary>Steps done.</summary>
    public long Step => _state.Step;

    /// <summary>Runs from where the folder's newest whole checkpoint stands, or from the beginning, to the end. Every rank calls it.</summary>
    /// <param name="cancel">Ends the run with a checkpoint, after the step at hand, or with several ranks where they meet next.</param>
    /// <exception cref="TrainingDivergedException">A NaN or an infinity on any rank; the last checkpoint stays.</exception>
    /// <exception cref="CommunicationException">The ranks do not fit together any more.</exception>
    /// <exception cref="IOException">The folder could not be written.</exception>
    public TrainerResult Run(CancellationToken cancel = default)
    {
        Restore();
        _watch.Restart();
        _earlierSeconds = _state.Seconds;
        _state.IsStopWanted = false;
        TotalSteps = StepsFrom(_state);
        _events.Started(new RunStart(TotalSteps, Configuration.Steps is null ? Configuration.Epochs : (int)Math.Ceiling((double)TotalSteps / _loader.BatchesPerEpoch), _state.Step,
            _loader.BatchesPerEpoch, Model.Parameters.TrainableCount, _loader.Dataset.Count, _data.Test.Count, Model.Device.ToString(), _state.Step > 0));
        _isLoaderBehind = true;
        // A run that was interrupted while it was judged.
        if (_state.Step > 0 && !IsOver && Configuration.Evaluation.IsDue(_state.Step, EndedEpoch) && !Judge(cancel)) return Interrupt();
        while (!IsOver)
        {
            if (_state.IsStopWanted || (cancel.IsCancellationRequested && _synchronizer.StopsAnywhere)) return Interrupt();
            if (!TakeSteps(cancel)) continue;
            if (_state.Position == 0 || _state.Step == TotalSteps) EndEpoch();
            if (_state.IsTimeOver) _state.StopReason = FormattableString.Invariant($"time: {Configuration.EarlyStopping.MaximumSeconds} s are over");
            if (!IsOver && Configuration.Evaluation.IsDue(_state.Step, EndedEpoch) && !Judge(cancel)) return Interrupt();
            if (!IsOver && Configuration.Checkpoint.IsDue(_state.Step, EndedEpoch)) SaveCheckpoint();
        }
        _synchronizer.Conclude(_state, cancel);
        return Judge(cancel) ? Finish() : Interrupt();
    }

    /// <summary>Frees the model, the optimizer's states and the step's memory.</summary>
    public void Dispose()
    {
        _loader.Dispose();
        _resident?.Dispose();
        _synchronizer.Dispose();
        _differentiation.Dispose();
        _tape.Dispose();
        _optimizer.Dispose();
        Model.Dispose();
    }

    private bool IsOver => _state.Step >= TotalSteps || _state.StopReason is not null;

    private double Elapsed => _earlierSeconds + _watch.Elapsed.TotalSeconds;

    // The epoch of the last step, from 1; that of the first before it.
    private int Epoch => _state.Position == 0 && _state.Step > 0 ? _state.Epoch : _state.Epoch + 1;

    private int EndedEpoch => _state.Position == 0 ? _state.Epoch : 0;

    private double EpochsDone => _state.Epoch + (double)_state.Position / _loader.Dataset.Count;

    private double ImagesPerSecond => _state.TrainingSeconds > 0 ? (_state.Samples + (double)_synchronizer.Progress.Samples * _synchronizer.Shard.Size) / _state.TrainingSeconds : 0;

    // Steps of the whole run, as many ranks as now doing what is left of it.
    private long StepsFrom(RunState state) => Configuration.Steps ?? (state.Epoch >= Configuration.Epochs ? state.Step
        : state.Step + _loader.BatchesFrom(state.Position) + (Configuration.Epochs - state.Epoch - 1L) * _loader.BatchesPerEpoch);

    // The rate follows the data, so that a run goes on at the rate it had when the number of ranks, hence of steps, changes; with the same ranks it follows the steps.
    private float Rate => RateAfter(_state.Step, _state.Epoch, _state.Position);

    private float RateAfter(long step, int epoch, int position) => Configuration.Steps is { } steps
        ? _schedule.Rate(step, steps, _loader.BatchesPerEpoch, _optimizer.LearningRate)
        : _schedule.Rate((long)epoch * _loader.BatchesPerEpoch + ((long)position + _globalBatch - 1) / _globalBatch,
            (long)Configuration.Epochs * _loader.BatchesPerEpoch, _loader.BatchesPerEpoch, _optimizer.LearningRate);

    // True when the ranks have met after the last of the steps.
    private bool TakeSteps(CancellationToken cancel) =>
        _runner is not null && StepsWithoutHost(_runner) is var count and > 0 && TakeSteps(_runner, count, cancel) is { } met ? met : TakeStep(cancel);

    // Steps up to the next place where the host or another rank has something to do.
    private int StepsWithoutHost(IStepRunner runner)
    {
        if (_synchronizer.Progress.Failure is not null) return 0;
        var most = Math.Min(Math.Min(runner.MostSteps, _synchronizer.StepsAlone), (int)Math.Min(TotalSteps - _state.Step, int.MaxValue));
        var count = 0;
        while (count < most && _loader.Counts(_state.Position, count) is { Own: > 0 } batch)
        {
            count++;
            if (batch.Global < _globalBatch || IsDue(_state.Step + count)) break;
        }
        return count;

        bool IsDue(long step) => Configuration.Evaluation.IsDue(step, 0) || Configuration.Checkpoint.IsDue(step, 0);
    }

    // Null when the first of the steps has to be done by the host, which finds out what is not finite.
    private bool? TakeSteps(IStepRunner runner, int count, CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        var (first, place) = (_state.Step, _state.Position);
        Span<float> rates = new float[count], losses = new float[count];
        var (epoch, position) = (_state.Epoch, place);
        for (var i = 0; i < count; i++)
        {
            position += _loader.Counts(place, i).Global;
            if (position >= _loader.Dataset.Count) (epoch, position) = (epoch + 1, 0);
            rates[i] = RateAfter(first + i + 1, epoch, position);
        }
        int done;
        try
        {
            done = runner.Run(first + 1, _state.Epoch, place, rates, losses);
        }
        catch (OperationCanceledException)
        {
            return !(_state.IsStopWanted = true);
        }
        CountCompute(started, runner.Span);
        _isLoaderBehind = true;
        if (done == 0) return null;
        var share = (Stopwatch.GetTimestamp() - started) / done;
        var met = false;
        for (var i = 0; i < done; i++)
        {
            var (own, global) = _loader.Counts(place, i);
            _synchronizer.Progress.Samples += own;
            _synchronizer.Progress.LossSum += (double)losses[i] * own;
            Heed(cancel);
            Advance(_state.Step + 1, global);
            // As if the step had begun its share of the time ago.
            met = Conclude(losses[i], rates[i], Stopwatch.GetTimestamp() - share);
        }
        return met;
    }

    private void Heed(CancellationToken cancel)
    {
        _synchronizer.Progress.WantsStop = cancel.IsCancellationRequested;
        _synchronizer.Progress.TimeIsOver = Configuration.EarlyStopping.MaximumSeconds is { } limit && Elapsed >= limit;
    }

    // True when the ranks have met after the step.
    private bool TakeStep(CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        if (_isLoaderBehind)
        {
            _isLoaderBehind = false;
            _loader.Start(_state.Epoch, _state.Position);
            _runner?.Forget();
        }
        _synchronizer.BeginStep();
        var computing = Stopwatch.GetTimestamp();
        if (!_loader.TryNext(out var batch))
        {
            _loader.Start(_state.Epoch);
            _loader.TryNext(out batch);
        }
        var progress = _synchronizer.Progress;
        var step = _state.Step + 1;
        var loss = progress.Failure is null ? _differentiation.Run(batch, step) : double.NaN;
        Heed(cancel);
        CountCompute(computing);
        _synchronizer.EndBackward(_state, step);
        var updated = Stopwatch.GetTimestamp();
        if (progress.Failure is null && _synchronizer.Updates(batch.Count) && !double.IsFinite(_optimizer.GradientNorm())) _synchronizer.Fail(Divergence.OfBackward(step, Model));
        Advance(step, batch.GlobalCount);
        var rate = Rate;
        if (progress.Failure is null && _synchronizer.Updates(batch.Count)) _optimizer.Step(step, rate);
        _options.Device.Synchronize();
        CountCompute(updated);

        return Conclude(loss, rate, started);
    }

    private bool Conclude(double loss, float rate, long started)
    {
        var (step, endedEpoch, progress) = (_state.Step, EndedEpoch, _synchronizer.Progress);
        var met = _synchronizer.EndStep(_state, rate,
            endedEpoch > 0 || step == TotalSteps || Configuration.Evaluation.IsDue(step, endedEpoch) || Configuration.Checkpoint.IsDue(step, endedEpoch));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        _state.TrainingSeconds += seconds;
        _state.EpochSeconds += seconds;
        _events.Stepped(new StepProgress(step, TotalSteps, Epoch, loss, (_state.EpochLossSum + progress.LossSum) / Math.Max(1, _state.EpochSamples + progress.Samples), rate, ImagesPerSecond,
            TimeSpan.FromSeconds(_state.TrainingSeconds / step * (TotalSteps - step))));
        return met;
    }

    private void CountCompute(long started, string span = "compute")
    {
        _synchronizer.Progress.ComputeSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        _synchronizer.Timeline?.Add(span, started);
    }

    private void Advance(long step, int samples)
    {
        _state.Step = step;
        _state.Position += samples;
        if (_state.Position < _loader.Dataset.Count) return;
        _state.Epoch++;
        _state.Position = 0;
    }

    private void EndEpoch()
    {
        var loss = _state.EpochLossSum / _state.EpochSamples;
        var rate = Rate;
        var speed = _state.EpochSeconds > 0 ? _state.EpochSamples / _state.EpochSeconds : 0;
        _state.History.AddTraining(new LossPoint(_state.Step, EpochsDone, loss, double.NaN));
        AddMetric(json =>
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
        if (_judged?.Step == _state.Step || !_synchronizer.Judges) return true;
        var counted = _state.History.Evaluation.Count > 0 && _state.History.Evaluation[^1].Step == _state.Step;
        if (counted && !IsOver) return true;
        _synchronizer.Publish();
        try
        {
            // Several ranks finish what they began together, and stop where they meet next.
            var evaluation = Evaluate(_judge, _synchronizer.Group.Size == 1 ? cancel : CancellationToken.None);
            _judged = (_state.Step, evaluation);
            // A resumed run that is over already is judged again, not counted again.
            if (!counted) Count(evaluation);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        finally
        {
            _synchronizer.Withdraw();
        }
    }

    private Evaluation Evaluate(Dataset data, CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        var evaluation = Model.Evaluate(data, _synchronizer.Group, cancel);
        _synchronizer.Timeline?.Add("evaluate", started);
        return evaluation;
    }

    private void Count(Evaluation evaluation)
    {
        var point = new LossPoint(_state.Step, EpochsDone, evaluation.Loss, evaluation.Accuracy);
        var best = _state.Best is not { } earlier || (evaluation.Classes > 0 ? point.Accuracy > earlier.Accuracy : point.Loss < earlier.Loss || double.IsNaN(earlier.Loss));
        _state.History.AddEvaluation(point);
        if (best) _state.Best = point;
        Consider(Configuration.EarlyStopping, point);
        if (_options.Folder is { } folder)
        {
            if (best) Model.Save(folder.BestPath);
            AddMetric(json =>
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
    }

    private void Consider(EarlyStopping rule, LossPoint point)
    {
        _state.Stale = point.Loss < _state.SmallestLoss - rule.MinimumImprovement ? 0 : _state.Stale + 1;
        if (point.Loss < _state.SmallestLoss) _state.SmallestLoss = point.Loss;
        if (rule.Patience > 0 && _state.Stale >= rule.Patience)
            _state.StopReason ??= FormattableString.Invariant($"patience: {_state.Stale} evaluations without a smaller loss than {_state.SmallestLoss:g4}");
        if (rule.TargetAccuracy is { } target && point.Accuracy >= target)
            _state.StopReason ??= FormattableString.Invariant($"target: accuracy {point.Accuracy:f4} reached {target}");
    }

    private void SaveCheckpoint()
    {
        // What follows from here on would be lost with it.
        if (!double.IsFinite(Model.Parameters.Values.SumOfSquares())) throw Divergence.OfParameters(_state.Step, Model);
        var more = new List<SafetensorsTensor>();
        _synchronizer.Save(_state, more);
        if (_options.Folder is not { } folder) return;
        var started = Stopwatch.GetTimestamp();
        _state.Seconds = Elapsed;
        var path = folder.CheckpointPath(_state.Step);
        Checkpoint.Save(path, Model, _optimizer, _state, more);
        folder.Prune(Configuration.KeepCheckpoints);
        WriteRounds();
        _synchronizer.Timeline?.Add("checkpoint", started);
        _events.CheckpointSaved(path, _state.Step);
    }

    // Rank 0 reads the newest whole checkpoint and gives its bytes to all: the others need not see the folder.
    private void Restore()
    {
        var file = _options.Folder is { IsResumed: true } folder ? LoadCheckpoint(folder) : null;
        var world = _options.Communicator;
        if (world.Size > 1)
        {
            var bytes = world.BroadcastBytes(file is null ? [] : InputFile.ReadAll(file.Path), 0);
            if (world.Rank != 0 && bytes.Length > 0)
            {
                file = SafetensorsFile.Parse(bytes, "checkpoint of rank 0");
                _state = Checkpoint.Load(file, Model, _optimizer);
            }
        }
        if (file is not null) _synchronizer.Restore(_state, file);
    }

    private SafetensorsFile? LoadCheckpoint(RunFolder folder)
    {
        foreach (var step in folder.CheckpointSteps())
        {
            try
            {
                var file = SafetensorsFile.Read(folder.CheckpointPath(step));
                _state = Checkpoint.Load(file, Model, _optimizer);
                folder.CutMetrics(step);
                return file;
            }
            catch (RawFileException e)
            {
                _events.Warned($"{e.Message}; trying an older checkpoint.");
            }
        }
        Model.Parameters.Initialize(Configuration.Seed);
        foreach (var state in _optimizer.States) state.Fill(0f);
        folder.CutMetrics(0);
        return null;
    }

    private TrainerResult Interrupt()
    {
        _state.IsStopWanted = true;
        _synchronizer.Conclude(_state, CancellationToken.None);
        SaveCheckpoint();
        End();
        // Nobody leaves before the checkpoint is safe: a rank that ends early takes the others with it.
        _synchronizer.Group.Barrier();
        return Result(RunStatus.Interrupted, _judged?.Evaluation);
    }

    private TrainerResult Finish()
    {
        SaveCheckpoint();
        End();
        _synchronizer.Publish();
        var evaluation = _judged is null || ReferenceEquals(_judge, _data.Test) ? _judged?.Evaluation : Evaluate(_data.Test, CancellationToken.None);
        var result = Result(_state.StopReason is null ? RunStatus.Completed : RunStatus.EarlyStopped, evaluation);
        if (_options.Folder is { } folder)
        {
            Model.Save(folder.ModelPath);
            result.Save(folder);
        }
        _events.Finished(result);
        return result;
    }

    private void End()
    {
        _synchronizer.Close(_state);
        WriteRounds();
        if (_options.Trace is { } path) _synchronizer.Timeline!.Save(path, _synchronizer.Group);
    }

    // Rounds may be short: their lines wait for the next of another kind.
    private void WriteRounds()
    {
        if (_rounds.Count > 0) _options.Folder?.AddMetrics(_rounds);
        _rounds.Clear();
    }

    private void AddMetric(Action<Utf8JsonWriter> write)
    {
        _rounds.Add(write);
        WriteRounds();
    }

    private TrainerResult Result(RunStatus status, Evaluation? evaluation) => new()
    {
        Status = status,
        StopReason = _state.StopReason,
        Evaluation = evaluation,
        Best = _state.Best,
        Step = _state.Step,
        Epochs = _state.Epoch,
        Seconds = Elapsed,
        TrainingSeconds = _state.TrainingSeconds,
        ImagesPerSecond = ImagesPerSecond,
        Parameters = Model.Parameters.TrainableCount,
        ParametersSha256 = Model.Parameters.Sha256(),
        WorldSize = _synchronizer.WorldSize,
        Device = Model.Device.ToString(),
        Data = _data.Train.Name,
        Configuration = Configuration,
        History = _state.History,
        Communication = _synchronizer.WorldSize > 1 ? _synchronizer.Report : null,
    };

    private sealed class Silence : IRunEvents;
}
