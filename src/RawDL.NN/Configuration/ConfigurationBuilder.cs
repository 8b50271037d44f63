using System.Text.Json;

namespace RawDL.NN;

/// <summary>Writes a configuration in C#, each method named as its key in JSON; what it builds went through the same reader, so the same rules hold.</summary>
/// <example><code>
/// var lenet = new ConfigurationBuilder("lenet").Data("mnist").Seed(1).Epochs(3).BatchSize(64)
///     .Optimizer("adam", ("learning_rate", 0.001f))
///     .Layers(new Conv2d(20, 5) { Activation = Activation.Relu() }, new MaxPool2d(2), new Linear(10))
///     .Build();
/// </code></example>
public sealed class ConfigurationBuilder
{
    private readonly SortedDictionary<string, Action<Utf8JsonWriter>> _keys = [];

    /// <summary>Begins a configuration.</summary>
    public ConfigurationBuilder(string name) => _keys["name"] = json => json.WriteString("name", name);

    /// <summary>A data set's name or path.</summary>
    public ConfigurationBuilder Data(string nameOrPath) => Set("data", json => json.WriteString("data", nameOrPath));

    /// <summary>Shape of a sample.</summary>
    public ConfigurationBuilder Input(params int[] extents) => Set("input", json => json.WriteIntegers("input", extents));

    /// <summary>Of everything random.</summary>
    public ConfigurationBuilder Seed(ulong seed) => Set("seed", json => json.WriteNumber("seed", seed));

    /// <summary>Passes over the training data.</summary>
    public ConfigurationBuilder Epochs(int epochs) => Set("epochs", json => json.WriteNumber("epochs", epochs));

    /// <summary>Optimizer steps instead of epochs.</summary>
    public ConfigurationBuilder Steps(int steps) => Set("steps", json => json.WriteNumber("steps", steps));

    /// <summary>Samples per step; 0 for all of them.</summary>
    public ConfigurationBuilder BatchSize(int samples) => Set("batch_size", json => json.WriteNumber("batch_size", samples));

    /// <summary>softmax_cross_entropy, binary_cross_entropy, mean_squared_error or hinge.</summary>
    public ConfigurationBuilder Loss(string name) => Set("loss", json => json.WriteString("loss", name));

    /// <summary>Probability spread over all classes.</summary>
    public ConfigurationBuilder LabelSmoothing(float smoothing) => Set("label_smoothing", json => json.WriteNumber("label_smoothing", smoothing));

    /// <summary>One of <see cref="NN.Optimizer.Names"/> with its options.</summary>
    public ConfigurationBuilder Optimizer(string name, params (string Name, float Value)[] options) =>
        Set("optimizer", json => NamedOptions.Write(json, "optimizer", name, options));

    /// <summary>One of <see cref="LearningRateSchedule.Names"/> with its options.</summary>
    public ConfigurationBuilder Schedule(string name, params (string Name, float Value)[] options) =>
        Set("schedule", json => NamedOptions.Write(json, "schedule", name, options));

    /// <summary>l1, l2, decay, clip_value, clip_norm, clip_norm_per_layer.</summary>
    public ConfigurationBuilder Regularization(params (string Name, float Value)[] options) => SetNumbers("regularization", options);

    /// <summary>standard or none.</summary>
    public ConfigurationBuilder Normalization(string name) => Set("normalization", json => json.WriteString("normalization", name));

    /// <summary>shift, rotation, scale, elastic.</summary>
    public ConfigurationBuilder Augmentation(params (string Name, float Value)[] options) => SetNumbers("augmentation", options);

    /// <summary>Part of the training data to judge the run by.</summary>
    public ConfigurationBuilder Validation(float fraction) => Set("validation", json => json.WriteNumber("validation", fraction));

    /// <summary>every_epochs, every_steps.</summary>
    public ConfigurationBuilder Evaluation(params (string Name, float Value)[] options) => SetNumbers("evaluation", options);

    /// <summary>patience, minimum_improvement, target_accuracy, maximum_seconds.</summary>
    public ConfigurationBuilder EarlyStopping(params (string Name, float Value)[] options) => SetNumbers("early_stopping", options);

    /// <summary>every_epochs, every_steps, keep.</summary>
    public ConfigurationBuilder Checkpoint(params (string Name, float Value)[] options) => SetNumbers("checkpoint", options);

    /// <summary>How several ranks train together.</summary>
    public ConfigurationBuilder Synchronization(SynchronizationOptions options) => Set("synchronization", json =>
    {
        json.WritePropertyName("synchronization");
        options.Write(json);
    });

    /// <summary>The network, in order of work. The layers are only read: each run makes its own.</summary>
    public ConfigurationBuilder Layers(params Layer[] layers) => Set("layers", json => json.WriteLayers("layers", layers));

    /// <summary>The configuration.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; the message names the place.</exception>
    public TrainingConfiguration Build() => TrainingConfiguration.Parse(JsonBytes.Of(json =>
    {
        json.WriteStartObject();
        foreach (var write in _keys.Values) write(json);
        json.WriteEndObject();
    }));

    private ConfigurationBuilder Set(string key, Action<Utf8JsonWriter> write)
    {
        _keys[key] = write;
        return this;
    }

    private ConfigurationBuilder SetNumbers(string key, (string Name, float Value)[] options) => Set(key, json =>
    {
        json.WriteStartObject(key);
        foreach (var (name, value) in options) json.WriteNumber(name, value);
        json.WriteEndObject();
    });
}
