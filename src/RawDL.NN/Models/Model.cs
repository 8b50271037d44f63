namespace RawDL.NN;

/// <summary>A network with its parameters on a device, and all that is needed to use it: normalisation of its inputs and names of its classes.</summary>
public sealed partial class Model : IDisposable
{
    // Constant, so that the sums of an evaluation do not depend on the training's batch size.
    internal const int EvaluationBatch = 250;

    private Model(TrainingConfiguration configuration, Shape sample, IReadOnlyList<string> classNames, int targetCount, Normalization normalization, Device device, SafetensorsFile? file = null)
    {
        Configuration = configuration;
        ClassNames = classNames;
        TargetCount = targetCount;
        Normalization = normalization;
        Device = device;
        if (configuration.Input is { } input && input != sample)
            throw new ShapeException($"input: expected samples {input} as the configuration says, got {sample}.");
        normalization.Require(sample);
        Network = configuration.CreateNetwork();
        Network.Bind(sample);
        CheckOutput(configuration, Network, classNames.Count, targetCount);
        if (file is not null) RequireTensors(file, Network);
        Parameters = ParameterSet.Allocate(Network, device, configuration.Seed);
    }

    /// <summary>What it was made from.</summary>
    public TrainingConfiguration Configuration { get; }

    /// <summary>The layers.</summary>
    public Sequential Network { get; }

    /// <summary>Values and gradients.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>Applied to raw samples before the network.</summary>
    public Normalization Normalization { get; }

    /// <summary>One name per class; empty for a regression.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Values per target of a regression; 0 for classes.</summary>
    public int TargetCount { get; }

    /// <summary>Holds the parameters.</summary>
    public Device Device { get; }

    /// <summary>Whether a sample's outputs and gradients are its own whatever batch it is in: not so with statistics of the batch.</summary>
    internal bool IsSeparable => Parameters.Statistics.Count == 0;

    /// <summary>Shape of one sample.</summary>
    public Shape SampleShape => Network.InputShape;

    /// <summary>Outputs of the network per sample.</summary>
    public int Outputs => Network.OutputShape.Count;

    /// <summary>Values of a prediction per sample: one per class, or the outputs of a regression.</summary>
    public int PredictionWidth => ClassNames.Count > 0 ? ClassNames.Count : Outputs;

    /// <summary>A model with its first values.</summary>
    /// <param name="configuration">The network and its seed.</param>
    /// <param name="train">Gives the shape of a sample, the classes and the normalisation.</param>
    /// <param name="device">Holds the parameters.</param>
    /// <exception cref="ShapeException">A layer does not fit; the message names it and both shapes.</exception>
    public static Model Create(TrainingConfiguration configuration, Dataset train, Device device)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(device);
        var normalization = configuration.Normalization == NormalizationKind.Standard ? Normalization.Compute(train) : Normalization.None(train.SampleShape);
        return new Model(configuration, train.SampleShape, train.ClassNames, train.TargetCount, normalization, device);
    }

    /// <summary>Checks without taking memory that a network can be trained on a data set.</summary>
    /// <exception cref="ShapeException">A layer or the output does not fit; the message names it and both shapes.</exception>
    public static void Check(TrainingConfiguration configuration, Dataset train)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(train);
        var network = configuration.CreateNetwork();
        network.Bind(train.SampleShape);
        CheckOutput(configuration, network, train.Classes, train.TargetCount);
    }

    /// <summary>The outputs [N, …] of a batch [N, …<see cref="SampleShape"/>], normalised already.</summary>
    public Tensor Forward(Tensor x) => Network.Forward(x);

    /// <summary>The mean loss of outputs against the labels or targets of a batch, a scalar on the tape of the outputs.</summary>
    public Tensor Loss(Tensor outputs, Batch batch)
    {
        ArgumentNullException.ThrowIfNull(outputs);
        ArgumentNullException.ThrowIfNull(batch);
        var tape = outputs.Tape!;
        if (Configuration.Loss == LossKind.SoftmaxCrossEntropy) return Loss(outputs, tape.Labels(batch.Labels));
        var targets = tape.Input(Targets(batch), outputs.Shape);
        return Configuration.Loss switch
        {
            LossKind.BinaryCrossEntropy => outputs.BinaryCrossEntropyWithLogits(targets),
            LossKind.Hinge => outputs.Hinge(targets),
            _ => outputs.MeanSquaredError(targets),
        };
    }

    /// <summary>The loss of classes whose labels lie on the device.</summary>
    internal Tensor Loss(Tensor outputs, Tensor labels) => outputs.SoftmaxCrossEntropy(labels, Configuration.LabelSmoothing);

    /// <summary>Runs the model over a data set, each rank over its share; every rank gets the scores of all.</summary>
    /// <exception cref="ShapeException">The samples have another shape.</exception>
    /// <exception cref="ArgumentException">The classes or targets are others.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two batches.</exception>
    public Evaluation Evaluate(Dataset data, ICommunicator communicator, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(communicator);
        var tally = new EvaluationTally(ClassNames);
        Count(data, communicator, tally, cancel);
        return tally.Complete(communicator);
    }

    /// <summary>As <see cref="Evaluate"/>, but adds what it counts.</summary>
    internal void Count(Dataset data, ICommunicator communicator, EvaluationTally tally, CancellationToken cancel)
    {
        Require(data);
        using var loader = new DataLoader(data, new DataLoaderOptions
        {
            BatchSize = EvaluationBatch,
            Order = SampleOrder.Sequential,
            Normalization = Normalization,
            Rank = communicator.Rank,
            Size = communicator.Size,
        });
        using var tape = new Tape(Device, TapeMode.Inference) { FixedWeights = true };
        var scores = new float[ClassNames.Count];
        loader.Start(0);
        while (loader.TryNext(out var batch))
        {
            cancel.ThrowIfCancellationRequested();
            if (batch.Count == 0) continue;
            tape.Reset();
            var outputs = Forward(tape.Input(batch.Inputs, batch.Shape));
            tally.AddLoss(Loss(outputs, batch).Item(), batch.Count);
            if (ClassNames.Count == 0) continue;
            var values = outputs.ToArray();
            for (var i = 0; i < batch.Count; i++)
            {
                Score(values.AsSpan(i * Outputs, Outputs), scores);
                tally.AddPrediction(batch.Labels[i], scores);
            }
        }
    }

    /// <summary>What the model says of raw samples: <see cref="Predictor.Predict"/>, once. Who asks again and again takes a <see cref="Predictor"/>.</summary>
    /// <exception cref="ShapeException">Not a whole number of samples.</exception>
    public float[] Predict(ReadOnlySpan<float> samples)
    {
        using var predictor = new Predictor(this);
        return predictor.Predict(samples);
    }

    /// <summary>Checks that a data set has this model's samples and classes or targets.</summary>
    /// <exception cref="ShapeException">The samples have another shape.</exception>
    /// <exception cref="ArgumentException">The classes or targets are others.</exception>
    public void Require(Dataset data)
    {
        if (data.SampleShape != SampleShape) throw new ShapeException($"{data.Name}: the model expects samples {SampleShape}, got {data.SampleShape}.");
        if (data.Classes != ClassNames.Count || data.TargetCount != TargetCount)
            throw new ArgumentException($"{data.Name}: the model expects {Describe(ClassNames.Count, TargetCount)}, got {Describe(data.Classes, data.TargetCount)}.");

        static string Describe(int classes, int targets) => classes > 0 ? $"{classes} classes" : $"{targets} targets";
    }

    /// <summary>Frees the parameters.</summary>
    public void Dispose() => Parameters.Dispose();

    // One score per class from the outputs, the largest being the prediction.
    private void Score(ReadOnlySpan<float> outputs, Span<float> scores)
    {
        if (outputs.Length == scores.Length)
        {
            outputs.CopyTo(scores);
            return;
        }
        for (var c = 0; c < scores.Length; c++)
        {
            scores[c] = Configuration.Loss == LossKind.MeanSquaredError ? -MathF.Abs(outputs[0] - c) : c * outputs[0];
        }
    }

    internal void Probabilities(ReadOnlySpan<float> outputs, Span<float> result)
    {
        if (Configuration.Loss == LossKind.BinaryCrossEntropy && outputs.Length == 1)
        {
            result[1] = 1 / (1 + MathF.Exp(-outputs[0]));
            result[0] = 1 - result[1];
            return;
        }
        Score(outputs, result);
        // Softmax of the scores: the model's own probabilities for softmax cross-entropy, a ranking for the other losses.
        var largest = float.NegativeInfinity;
        foreach (var score in result) largest = MathF.Max(largest, score);
        var sum = 0f;
        foreach (ref var score in result) sum += score = MathF.Exp(score - largest);
        foreach (ref var score in result) score /= sum;
    }

    private float[] Targets(Batch batch)
    {
        if (TargetCount > 0) return batch.Targets.ToArray();
        var (low, high) = Configuration.Loss == LossKind.Hinge ? (-1f, 1f) : (0f, 1f);
        var targets = new float[batch.Count * Outputs];
        for (var i = 0; i < batch.Count; i++)
        {
            var label = batch.Labels[i];
            if (Outputs == 1) targets[i] = Configuration.Loss == LossKind.MeanSquaredError ? label : label == 1 ? high : low;
            else
                for (var c = 0; c < Outputs; c++) targets[i * Outputs + c] = c == label ? high : low;
        }
        return targets;
    }

    private static void CheckOutput(TrainingConfiguration configuration, Sequential network, int classes, int targets)
    {
        var output = network.OutputShape;
        var (fits, expected) = configuration.Loss switch
        {
            LossKind.SoftmaxCrossEntropy => (classes > 0 && output == new Shape(classes), $"[{classes}]"),
            LossKind.MeanSquaredError when classes == 0 => (output == new Shape(targets), $"[{targets}]"),
            LossKind.MeanSquaredError => (output == new Shape(classes) || output == new Shape(1), $"[{classes}] or [1]"),
            _ => (classes > 0 && (output == new Shape(classes) || (classes == 2 && output == new Shape(1))), classes == 2 ? "[2] or [1]" : $"[{classes}]"),
        };
        if (fits) return;
        var last = network.Children[^1];
        var what = classes > 0 ? $"{classes} classes" : $"{targets} targets";
        if (classes == 0 && configuration.Loss != LossKind.MeanSquaredError)
            throw new ShapeException($"loss: expected mean_squared_error for a data set of {what}, got a loss for classes.");
        throw new ShapeException($"{last.Path} ({last.Type}): expected an output {expected} for {what}, got {output}.");
    }
}
