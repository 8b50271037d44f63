using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>A network and its training: what one JSON file says. Unknown keys are errors; what is left out has the defaults given here.</summary>
/// <remarks>Keys: name, data, data_options, input, seed, epochs or steps, batch_size, loss, label_smoothing, optimizer, schedule, regularization, normalization,
/// augmentation, validation, evaluation, early_stopping, checkpoint, synchronization, layers.</remarks>
public sealed record TrainingConfiguration
{
    private const int MaximumBytes = 1 << 20;

    private static readonly (string, LossKind)[] Losses =
    [
        ("softmax_cross_entropy", LossKind.SoftmaxCrossEntropy), ("binary_cross_entropy", LossKind.BinaryCrossEntropy),
        ("mean_squared_error", LossKind.MeanSquaredError), ("hinge", LossKind.Hinge),
    ];

    // The object that was read; only its layers are asked for again.
    private JsonElement _source;

    private TrainingConfiguration() { }

    /// <summary>For people.</summary>
    public string Name { get; init; } = "network";

    /// <summary>A data set's name or path; null where the caller brings the data.</summary>
    public string? Data { get; init; }

    /// <summary>What of the data is used.</summary>
    public DataSelection Selection { get; init; } = new();

    /// <summary>Shape of a sample, where it shall be checked against the data; null takes what comes.</summary>
    public Shape? Input { get; init; }

    /// <summary>Of first values, order of samples, augmentation and dropout.</summary>
    public ulong Seed { get; init; }

    /// <summary>Passes over the training data; not used where <see cref="Steps"/> is given.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Optimizer steps; null for whole epochs.</summary>
    public long? Steps { get; init; }

    /// <summary>Samples per step and process; 0 for all of them, which is full-batch gradient descent.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>What is made small.</summary>
    public LossKind Loss { get; init; }

    /// <summary>Probability spread over all classes by softmax cross-entropy, [0, 1).</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>As for <see cref="NN.Optimizer.Parse"/>.</summary>
    public NamedOptions Optimizer { get; init; } = new("adam");

    /// <summary>As for <see cref="LearningRateSchedule.Parse"/>.</summary>
    public NamedOptions Schedule { get; init; } = new("constant");

    /// <summary>Penalties and clipping.</summary>
    public Regularization Regularization { get; init; } = new();

    /// <summary>What is done to the samples.</summary>
    public NormalizationKind Normalization { get; init; }

    /// <summary>Random changes of training images.</summary>
    public Augmentation Augmentation { get; init; } = new();

    /// <summary>Part of the training data held out to judge the run by, [0, 1); 0 judges by the test data.</summary>
    public float Validation { get; init; }

    /// <summary>How often the run is judged; the end of it always is.</summary>
    public Interval Evaluation { get; init; } = new(1, 0);

    /// <summary>When the run ends early.</summary>
    public EarlyStopping EarlyStopping { get; init; } = new();

    /// <summary>How often the state is saved; an interrupted run always is.</summary>
    public Interval Checkpoint { get; init; } = new(1, 0);

    /// <summary>Periodic checkpoints that stay, ≥ 1; older ones are deleted.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>How several ranks train together.</summary>
    public SynchronizationOptions Synchronization { get; init; } = new();

    /// <summary>Reads a configuration from a file.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; the message names the file and the place.</exception>
    /// <exception cref="IOException">The system could not read.</exception>
    public static TrainingConfiguration Read(string path)
    {
        using var handle = InputFile.Open(path, out var length);
        if (length > MaximumBytes) throw new ConfigurationException($"{path}: expected at most {MaximumBytes} bytes of JSON, got {length}.");
        var bytes = new byte[length];
        InputFile.ReadExactly(handle, bytes, 0, path);
        try
        {
            return Parse(bytes);
        }
        catch (ConfigurationException e)
        {
            throw new ConfigurationException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads a configuration from text.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; the message names the place.</exception>
    public static TrainingConfiguration Parse(string json) => Parse(Encoding.UTF8.GetBytes(json));

    /// <summary>Reads a configuration from UTF-8 bytes; comments and trailing commas are allowed.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; the message names the place.</exception>
    public static TrainingConfiguration Parse(ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8)) json = json[3..];
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            return Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is no valid UTF-16, as "\ud800".
            var place = e is JsonException { LineNumber: { } line, BytePositionInLine: { } column } ? $" in line {line + 1}, byte {column + 1}" : "";
            throw new ConfigurationException($"configuration: expected JSON, got an error{place}.", e);
        }
    }

    /// <summary>A configuration from its object.</summary>
    internal static TrainingConfiguration Read(JsonElement element)
    {
        var source = new ConfigurationObject("", element);
        var configuration = new TrainingConfiguration();
        configuration = configuration with
        {
            Name = source.String("name") ?? configuration.Name,
            Data = source.String("data"),
            Selection = source.Object("data_options") is { } selection ? DataSelection.Read(selection) : configuration.Selection,
            Input = source.Integers("input", 1, Shape.MaxRank - 1) is { } extents ? Checked("input", () => new Shape(extents)) : null,
            Seed = source.Seed("seed") ?? 0,
            Epochs = source.Integer("epochs", configuration.Epochs, 1),
            Steps = source.OptionalInteger("steps", 1),
            BatchSize = source.Integer("batch_size", configuration.BatchSize, 0),
            Loss = source.Choice("loss", LossKind.SoftmaxCrossEntropy, Losses),
            LabelSmoothing = source.Number("label_smoothing", 0, 0, MathF.BitDecrement(1)),
            Optimizer = Named(source, "optimizer", configuration.Optimizer),
            Schedule = Named(source, "schedule", configuration.Schedule),
            Regularization = source.Object("regularization") is { } r ? ReadRegularization(r) : configuration.Regularization,
            Normalization = source.Choice("normalization", NormalizationKind.Standard, ("standard", NormalizationKind.Standard), ("none", NormalizationKind.None)),
            Augmentation = source.Object("augmentation") is { } a ? ReadAugmentation(a) : configuration.Augmentation,
            Validation = source.Number("validation", 0, 0, 0.9f),
            EarlyStopping = source.Object("early_stopping") is { } s ? EarlyStopping.Read(s) : configuration.EarlyStopping,
        };
        if (source.Object("evaluation") is { } evaluation)
        {
            configuration = configuration with { Evaluation = Interval.Read(evaluation, configuration.Evaluation) };
            evaluation.End();
        }
        if (source.Object("checkpoint") is { } checkpoint)
        {
            configuration = configuration with { Checkpoint = Interval.Read(checkpoint, configuration.Checkpoint), KeepCheckpoints = checkpoint.Integer("keep", configuration.KeepCheckpoints, 1) };
            checkpoint.End();
        }
        if (source.Object("synchronization") is { } synchronization) configuration = configuration with { Synchronization = SynchronizationOptions.Read(synchronization) };
        if (source.Take("layers") is null) throw source.Fail("expected 'layers', an array", "none");
        configuration._source = element.Clone();
        source.End();
        configuration.CreateOptimizer().Dispose();
        configuration.CreateSchedule();
        configuration.CreateNetwork();
        return configuration;
    }

    /// <summary>New layers, not bound to a shape yet.</summary>
    public Sequential CreateNetwork()
    {
        var layers = LayerReader.ReadAll(new ConfigurationObject("", _source), "layers")!;
        return layers.Length > 0 ? new Sequential(layers) : throw new ConfigurationException("layers: expected at least one layer, got none.");
    }

    /// <summary>A new optimizer with its regularisation.</summary>
    /// <exception cref="ConfigurationException">Unknown name or option, or a value out of range.</exception>
    public Optimizer CreateOptimizer() => Checked("optimizer", () =>
    {
        var optimizer = NN.Optimizer.Parse(Optimizer.Name, Optimizer.Options);
        optimizer.Regularization = Regularization;
        return optimizer;
    });

    /// <summary>The learning-rate schedule.</summary>
    /// <exception cref="ConfigurationException">Unknown name or option, or a value out of range.</exception>
    public LearningRateSchedule CreateSchedule() => Checked("schedule", () => LearningRateSchedule.Parse(Schedule.Name, Schedule.Options));

    /// <summary>The whole configuration with every default written out; reading it gives the same one.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteString("name", Name);
        if (Data is not null) json.WriteString("data", Data);
        Selection.Write(json);
        if (Input is { } input) json.WriteIntegers("input", input.ToArray());
        json.WriteNumber("seed", Seed);
        if (Steps is { } steps) json.WriteNumber("steps", steps);
        else json.WriteNumber("epochs", Epochs);
        json.WriteNumber("batch_size", BatchSize);
        foreach (var (name, kind) in Losses)
            if (kind == Loss) json.WriteString("loss", name);
        json.WriteNumber("label_smoothing", LabelSmoothing);
        using (var optimizer = CreateOptimizer()) NamedOptions.Write(json, "optimizer", optimizer.Name, optimizer.Options);
        var schedule = CreateSchedule();
        NamedOptions.Write(json, "schedule", schedule.Name, schedule.Options);
        WriteRegularization(json);
        json.WriteString("normalization", Normalization == NormalizationKind.Standard ? "standard" : "none");
        json.WriteStartObject("augmentation");
        json.WriteNumber("shift", Augmentation.Shift);
        json.WriteNumber("rotation", Augmentation.Rotation);
        json.WriteNumber("scale", Augmentation.Scale);
        json.WriteNumber("elastic", Augmentation.Elastic);
        json.WriteEndObject();
        json.WriteNumber("validation", Validation);
        json.WriteStartObject("evaluation");
        Evaluation.Write(json);
        json.WriteEndObject();
        EarlyStopping.Write(json);
        json.WriteStartObject("checkpoint");
        Checkpoint.Write(json);
        json.WriteNumber("keep", KeepCheckpoints);
        json.WriteEndObject();
        json.WritePropertyName("synchronization");
        Synchronization.Write(json);
        json.WriteLayers("layers", CreateNetwork().Children);
        json.WriteEndObject();
    }

    /// <summary>As <see cref="WriteJson"/>, as text.</summary>
    public string ToJson() => Encoding.UTF8.GetString(JsonBytes.Of(WriteJson, ConfigurationJson.Indented));

    private static NamedOptions Named(ConfigurationObject source, string key, NamedOptions fallback) =>
        source.Named(key) is var (name, options) ? new NamedOptions(name, options) : fallback;

    private static Regularization ReadRegularization(ConfigurationObject source)
    {
        var regularization = new Regularization
        {
            L1 = source.Number("l1", 0, 0),
            L2 = source.Number("l2", 0, 0),
            Decay = source.Number("decay", 0, 0),
            ClipValue = source.OptionalNumber("clip_value", float.Epsilon) ?? float.PositiveInfinity,
            ClipNorm = source.OptionalNumber("clip_norm", float.Epsilon) ?? float.PositiveInfinity,
            ClipNormPerLayer = source.OptionalNumber("clip_norm_per_layer", float.Epsilon) ?? float.PositiveInfinity,
        };
        source.End();
        return regularization;
    }

    private static Augmentation ReadAugmentation(ConfigurationObject source)
    {
        var augmentation = new Augmentation(source.Number("shift", 0, 0, 10_000), source.Number("rotation", 0, 0, 180), source.Number("scale", 0, 0, 0.99f), source.Number("elastic", 0, 0, 10_000));
        source.End();
        return augmentation;
    }

    private void WriteRegularization(Utf8JsonWriter json)
    {
        json.WriteStartObject("regularization");
        json.WriteNumber("l1", Regularization.L1);
        json.WriteNumber("l2", Regularization.L2);
        json.WriteNumber("decay", Regularization.Decay);
        if (float.IsFinite(Regularization.ClipValue)) json.WriteNumber("clip_value", Regularization.ClipValue);
        if (float.IsFinite(Regularization.ClipNorm)) json.WriteNumber("clip_norm", Regularization.ClipNorm);
        if (float.IsFinite(Regularization.ClipNormPerLayer)) json.WriteNumber("clip_norm_per_layer", Regularization.ClipNormPerLayer);
        json.WriteEndObject();
    }

    internal static T Checked<T>(string place, Func<T> create)
    {
        try
        {
            return create();
        }
        catch (ArgumentException e)
        {
            throw new ConfigurationException(e.Message.StartsWith(place, StringComparison.OrdinalIgnoreCase) ? e.Message : $"{place}: {e.Message}", e);
        }
    }
}
