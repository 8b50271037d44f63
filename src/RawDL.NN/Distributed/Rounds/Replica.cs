using System.Diagnostics;

namespace RawDL.NN;

/// <summary>One replica of rounds. It keeps a network and its memory, but nothing of a round: the same beginning gives the same result on any replica, whichever rank's part it does.</summary>
internal sealed class Replica : IDisposable
{
    private readonly Model _model;
    private readonly Optimizer? _optimizer;
    private readonly Tape _tape;
    private readonly DataLoader _loader;
    private readonly Differentiation _differentiation;
    private readonly Part _part;
    private (int Rank, int Epoch, int Position) _next = (0, -1, 0);

    /// <param name="configuration">The run's.</param>
    /// <param name="data">The run's.</param>
    /// <param name="device">Belongs to the caller.</param>
    /// <param name="kind">What its rounds are made of.</param>
    /// <param name="size">Number of replicas.</param>
    public Replica(TrainingConfiguration configuration, DatasetPair data, Device device, RoundKind kind, int size)
    {
        var train = configuration.Validation > 0 ? DatasetPair.Split(data.Train, configuration.Validation, configuration.Seed).Train : data.Train;
        _model = Model.Create(configuration, train, device);
        _tape = new Tape(device) { Seed = configuration.Seed };
        var optimizer = configuration.CreateOptimizer();
        if (kind == RoundKind.Average)
        {
            optimizer.Attach(_model.Parameters);
            _optimizer = optimizer;
        }
        _part = new Part(configuration.Synchronization, _model, optimizer, kind, size);
        _loader = DataLoader.Of(configuration, train, _model, rank: 0, size);
        _differentiation = new Differentiation(_model, _tape, _part, _loader.BatchSize);
    }

    /// <summary>Elements of the vector that <see cref="Run"/> leaves: parameters and averaged states, or gradients.</summary>
    /// <param name="start">The round.</param>
    public int Length(RoundStart start) => _optimizer is null ? _model.Parameters.TrainableCount
        : _model.Parameters.Count + (start.KeepsStates ? 0 : start.States.Length);

    /// <summary>Trainable parameters, the vector's beginning.</summary>
    public int TrainableCount => _model.Parameters.TrainableCount;

    /// <summary>Does the steps of a round.</summary>
    /// <param name="start">What it begins with.</param>
    /// <param name="rank">Whose part it does.</param>
    /// <param name="vector">Receives <see cref="Length"/> elements.</param>
    /// <param name="cancel">Ends it after the step at hand.</param>
    /// <exception cref="InvalidDataException">The beginning is that of another network.</exception>
    public RoundContribution Run(RoundStart start, int rank, Span<float> vector, CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        Begin(start, rank);
        _part.Rank = rank;
        if (_next != (rank, start.Epoch, start.Position)) _loader.StartAs(rank, start.Epoch, start.Position);
        _next = (rank, -1, 0);
        var (position, progress) = (start.Position, _part.Progress);
        (progress.Samples, progress.LossSum, progress.Failure) = (0, 0, null);
        var losses = new double[start.Rates.Length];
        for (var i = 0; i < losses.Length; i++)
        {
            cancel.ThrowIfCancellationRequested();
            if (!_loader.TryNext(out var batch)) throw new InvalidDataException($"round: expected steps of one epoch, got {losses.Length} from sample {start.Position} of {_loader.Dataset.Count} on");
            var step = start.FirstStep + i;
            losses[i] = progress.Failure is null ? _differentiation.Run(batch, step) : double.NaN;
            position += batch.GlobalCount;
            if (_optimizer is null || progress.Failure is not null || batch.Count == 0) continue;
            if (double.IsFinite(_optimizer.GradientNorm())) _optimizer.Step(step, start.Rates[i]);
            else progress.Failure = Divergence.OfBackward(step, _model);
        }
        _model.Device.Synchronize();
        if (_optimizer is not null && progress.Failure is null && !double.IsFinite(_model.Parameters.Values.SumOfSquares()))
            progress.Failure = Divergence.OfParameters(start.FirstStep + losses.Length - 1, _model);
        if (_optimizer is null) _model.Parameters.Gradients.CopyTo(vector);
        else
        {
            _model.Parameters.CopyTo(vector[.._model.Parameters.Count]);
            if (!start.KeepsStates)
                for (var i = 0; i < _optimizer.States.Count && start.States.Length > 0; i++) _optimizer.States[i].CopyTo(vector.Slice(_model.Parameters.Count + i * TrainableCount, TrainableCount));
        }
        if (position < _loader.Dataset.Count) _next = (rank, start.Epoch, position);
        return new RoundContribution
        {
            Rank = rank,
            Samples = progress.Samples,
            LossSum = progress.LossSum,
            ComputeSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds,
            Losses = losses,
            Statistics = _model.Parameters.Statistics.ToArray(),
            States = start.KeepsStates && _optimizer is not null ? [.. _optimizer.States.SelectMany(state => state.ToArray())] : [],
            Failure = progress.Failure,
        };
    }

    public void Dispose()
    {
        _loader.Dispose();
        _differentiation.Dispose();
        _tape.Dispose();
        _optimizer?.Dispose();
        _model.Dispose();
    }

    private void Begin(RoundStart start, int rank)
    {
        var (count, statistics) = (_model.Parameters.Count, _model.Parameters.Statistics.Count);
        var width = (_optimizer?.States.Count ?? 0) * TrainableCount;
        var first = start.KeepsStates ? rank * width : 0;
        if (start.Values.Length != count || start.Rates.Length < 1 || (start.States.Length > 0 && start.States.Length < first + width)
            || (start.Statistics.Length > 0 && start.Statistics.Length < (rank + 1) * statistics))
            throw new InvalidDataException($"round: expected {count} parameters and {width} values of optimizer states, got {start.Values.Length} and {start.States.Length}");
        _model.Parameters.CopyFrom(start.Values);
        if (start.Statistics.Length > 0) _model.Parameters.Statistics.CopyFrom(start.Statistics.AsSpan(rank * statistics, statistics));
        for (var i = 0; _optimizer is not null && i < _optimizer.States.Count; i++)
        {
            if (start.States.Length == 0) _optimizer.States[i].Fill(0f);
            else _optimizer.States[i].CopyFrom(start.States.AsSpan(first + i * TrainableCount, TrainableCount));
        }
    }

    // A rank that meets nobody inside a round.
    private sealed class Part(SynchronizationOptions options, Model model, Optimizer optimizer, RoundKind kind, int size)
        : Synchronizer(options, new SoloCommunicator(), model, optimizer)
    {
        public int Rank { get; set; }

        public override (int Rank, int Size) Shard => (Rank, size);

        public override int Divisor(Batch batch) => kind == RoundKind.Gradients ? batch.GlobalCount : batch.Count;

        public override bool EndStep(RunState state, float rate, bool mustMeet) => true;
    }
}
