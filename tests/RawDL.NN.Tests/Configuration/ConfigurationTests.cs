using System.Text;

namespace RawDL.NN.Tests;

public sealed class ConfigurationTests
{
    internal const string Full = """
        {
          // every key once
          "name": "all", "data": "mnist", "input": [1, 28, 28], "seed": 18446744073709551615, "epochs": 3, "batch_size": 32,
          "loss": "softmax_cross_entropy", "label_smoothing": 0.1,
          "optimizer": { "name": "adamw", "learning_rate": 0.002, "beta1": 0.8 },
          "schedule": { "name": "cosine", "warmup_epochs": 1 },
          "regularization": { "l1": 1e-6, "l2": 1e-4, "decay": 1e-5, "clip_value": 5, "clip_norm": 10, "clip_norm_per_layer": 8 },
          "normalization": "none", "augmentation": { "shift": 2, "rotation": 10, "scale": 0.1, "elastic": 1.5 }, "validation": 0.1,
          "evaluation": { "every_epochs": 0, "every_steps": 100 },
          "early_stopping": { "patience": 3, "minimum_improvement": 0.001, "target_accuracy": 0.99, "maximum_seconds": 60 },
          "checkpoint": { "every_steps": 50, "keep": 4 },
          "layers": [
            { "type": "conv2d", "name": "conv1", "in_channels": 1, "out_channels": 4, "kernel": [5, 3], "stride": 2, "padding": [1, 0], "initializer": "xavier_uniform", "activation": "relu" },
            { "type": "conv2d", "out_channels": 4, "kernel": 3, "initializer": { "name": "normal", "std": 0.1 }, "activation": { "type": "leaky_relu", "slope": 0.2 } },
            { "type": "residual", "layers": [{ "type": "batch_norm" }, { "type": "tanh" }], "activation": "relu" },
            { "type": "elu", "alpha": 0.7 },
            { "type": "flatten" },
            { "type": "dropout", "rate": 0.3 },
            { "type": "linear", "out_channels": 10, },
          ],
        }
        """;

    private static TrainingConfiguration Parse(string json) => TrainingConfiguration.Parse(json);

    [Test]
    public void Every_key_is_read()
    {
        var c = Parse(Full);
        Assert.Multiple(() =>
        {
            Assert.That((c.Name, c.Data, c.Input, c.Seed, c.Epochs, c.Steps, c.BatchSize), Is.EqualTo(("all", "mnist", (Shape?)new Shape(1, 28, 28), ulong.MaxValue, 3, (long?)null, 32)));
            Assert.That((c.Loss, c.LabelSmoothing, c.Optimizer.Name, c.Optimizer.Options["beta1"]), Is.EqualTo((LossKind.SoftmaxCrossEntropy, 0.1f, "adamw", 0.8f)));
            Assert.That((c.Schedule.Name, c.CreateSchedule().WarmupEpochs), Is.EqualTo(("cosine", 1f)));
            Assert.That(c.Regularization, Is.EqualTo(new Regularization { L1 = 1e-6f, L2 = 1e-4f, Decay = 1e-5f, ClipValue = 5, ClipNorm = 10, ClipNormPerLayer = 8 }));
            Assert.That((c.Normalization, c.Augmentation, c.Validation), Is.EqualTo((NormalizationKind.None, new Augmentation(2, 10, 0.1f, 1.5f), 0.1f)));
            Assert.That((c.Evaluation, c.Checkpoint, c.KeepCheckpoints), Is.EqualTo((new Interval(0, 100), new Interval(0, 50), 4)));
            Assert.That(c.EarlyStopping, Is.EqualTo(new EarlyStopping { Patience = 3, MinimumImprovement = 0.001f, TargetAccuracy = 0.99f, MaximumSeconds = 60 }));
            Assert.That(c.CreateNetwork().Children.Select(l => l.Type), Is.EqualTo(new[] { "conv2d", "conv2d", "residual", "elu", "flatten", "dropout", "linear" }));
        });
    }

    [Test]
    public void What_it_writes_it_reads_again()
    {
        foreach (var configuration in (TrainingConfiguration[])[Parse(Full), .. Recipes.Names.Select(name => Recipes.Read(name))])
        {
            var text = configuration.ToJson();
            Assert.That(Parse(text).ToJson(), Is.EqualTo(text));
        }
    }

    [Test]
    public void The_builder_says_the_same_as_JSON()
    {
        var built = new ConfigurationBuilder("all").Data("mnist").Input(1, 28, 28).Seed(ulong.MaxValue).Epochs(3).BatchSize(32)
            .Loss("softmax_cross_entropy").LabelSmoothing(0.1f)
            .Optimizer("adamw", ("learning_rate", 0.002f), ("beta1", 0.8f)).Schedule("cosine", ("warmup_epochs", 1))
            .Regularization(("l1", 1e-6f), ("l2", 1e-4f), ("decay", 1e-5f), ("clip_value", 5), ("clip_norm", 10), ("clip_norm_per_layer", 8))
            .Normalization("none").Augmentation(("shift", 2), ("rotation", 10), ("scale", 0.1f), ("elastic", 1.5f)).Validation(0.1f)
            .Evaluation(("every_epochs", 0), ("every_steps", 100))
            .EarlyStopping(("patience", 3), ("minimum_improvement", 0.001f), ("target_accuracy", 0.99f), ("maximum_seconds", 60))
            .Checkpoint(("every_steps", 50), ("keep", 4))
            .Layers(
                new Conv2d(4, (5, 3)) { Name = "conv1", InChannels = 1, Stride = (2, 2), Padding = (1, 0), Initializer = Initializer.XavierUniform, Activation = Activation.Relu() },
                new Conv2d(4, 3) { Initializer = Initializer.Normal(0.1f), Activation = Activation.LeakyRelu(0.2f) },
                new Residual(new BatchNorm(), Activation.Tanh()) { Activation = Activation.Relu() },
                Activation.Elu(0.7f), new Flatten(), new Dropout(0.3f), new Linear(10))
            .Build();
        Assert.That(built.ToJson(), Is.EqualTo(Parse(Full).ToJson()));
        Assert.That(new ConfigurationBuilder("s").Steps(7).Layers(new Linear(1)).Build().Steps, Is.EqualTo(7));
    }

    [Test]
    public void What_is_left_out_has_the_documented_defaults()
    {
        var c = Parse("""{ "layers": [{ "type": "linear", "out_channels": 2 }] }""");
        Assert.That((c.Epochs, c.BatchSize, c.Optimizer.Name, c.Schedule.Name, c.Loss, c.Evaluation, c.Checkpoint, c.KeepCheckpoints),
            Is.EqualTo((10, 64, "adam", "constant", LossKind.SoftmaxCrossEntropy, new Interval(1, 0), new Interval(1, 0), 2)));
    }

    private static string Layer(string options) => $$"""{ "layers": [{ {{options}} }] }""";

    private static string Top(string options) => $$"""{ {{options}}, "layers": [{ "type": "linear", "out_channels": 2 }] }""";

    // Named lies: each with the words that its message must have.
    private static readonly (string Json, string Message)[] Hostile =
    [
        ("", "expected JSON"), ("{", "expected JSON"), ("nul", "expected JSON"), ("{}}", "expected JSON"), ("\0", "expected JSON"),
        ("[]", "configuration: expected an object {…}, got '[]'."), ("{}", "expected 'layers', an array, got none"), ("""{"layers": 3}""", "expected layers as an array of objects"),
        ("""{"layers": []}""", "layers: expected at least one layer, got none"), ("""{"layers": [3]}""", "layers[0]: expected an object"),
        (Top("\"layres\": 1"), "expected one of the keys name, data"), (Top("\"seed\": 1, \"seed\": 1"), "expected each key once, got 'seed' twice"),
        (Top("\"seed\": -1"), "expected seed as an integer >= 0"), (Top("\"seed\": 1e400"), "seed"), (Top("\"seed\": \"1\""), "expected seed as an integer >= 0, got '\"1\"'"),
        (Top("\"epochs\": 0"), "expected epochs as an integer >= 1, got '0'."), (Top("\"epochs\": 2.5"), "epochs"), (Top("\"epochs\": 9223372036854775808"), "epochs"),
        (Top("\"steps\": 0"), "steps"), (Top("\"batch_size\": -1"), "batch_size"), (Top("\"label_smoothing\": 1"), "label_smoothing"),
        (Top("\"loss\": \"mse\""), "expected loss as one of softmax_cross_entropy, binary_cross_entropy, mean_squared_error, hinge, got 'mse'."),
        (Top("\"optimizer\": \"adamm\""), "adamm"), (Top("\"optimizer\": \"ad\\nam\""), "got 'ad?am'"), (Top("\"schedule\": {\"name\": \"cosine\", \"e\\nnd\": 1}"), "got 'e?nd'"), (Top("\"optimizer\": {\"name\": \"adam\", \"beta9\": 1}"), "beta9"), (Top("\"optimizer\": {\"name\": \"adam\", \"beta1\": 2}"), "beta1"),
        (Top("\"optimizer\": {\"learning_rate\": 1}"), "optimizer: expected 'name', got none"), (Top("\"optimizer\": {\"name\": \"adam\", \"beta1\": \"x\"}"), "expected 'beta1' as a number"),
        (Top("\"schedule\": \"zigzag\""), "zigzag"), (Top("\"regularization\": {\"l2\": -1}"), "regularization: expected l2 as a number from 0"),
        (Top("\"regularization\": {\"l3\": 1}"), "expected one of the keys l1, l2"), (Top("\"augmentation\": {\"scale\": 2}"), "augmentation: expected scale"),
        (Top("\"normalization\": \"maybe\""), "expected normalization as one of standard, none"), (Top("\"validation\": 1"), "validation"),
        (Top("\"checkpoint\": {\"keep\": 0}"), "checkpoint: expected keep"), (Top("\"evaluation\": {\"every\": 1}"), "evaluation: expected one of the keys every_epochs, every_steps"),
        (Top("\"early_stopping\": {\"target_accuracy\": 1.5}"), "target_accuracy"), (Top("\"input\": [1, 2, 3, 4]"), "input"), (Top("\"input\": [1, -2]"), "input"),
        (Top("\"name\": \"\\ud800\""), "expected JSON"), (Top("\"name\": 3"), "expected name as a string"),
        (Layer("\"type\": \"conv3d\""), "layers[0] (conv3d): expected type as one of linear, conv2d"), (Layer("\"out_channels\": 3"), "layers[0]: expected 'type', got none"),
        (Layer("\"type\": \"conv2d\", \"out_channels\": 3"), "layers[0] (conv2d): expected 'kernel'"), (Layer("\"type\": \"conv2d\", \"kernel\": 3"), "expected 'out_channels', an integer >= 1, got none"),
        (Layer("\"type\": \"conv2d\", \"out_channels\": 3, \"kernel\": 0"), "kernel"), (Layer("\"type\": \"conv2d\", \"out_channels\": 3, \"kernel\": [1, 2, 3]"), "expected kernel as an integer >= 1 or [height, width]"),
        (Layer("\"type\": \"conv2d\", \"out_channels\": 3, \"kernel\": 3, \"strid\": 2"), "layers[0] (conv2d): expected one of the keys type, name"),
        (Layer("\"type\": \"conv2d\", \"name\": \"a.b\", \"out_channels\": 3, \"kernel\": 3"), "expected a name of at most 64 letters"),
        (Layer("\"type\": \"conv2d\", \"name\": \"c1\", \"out_channels\": 3, \"kernel\": 3, \"activation\": \"rleu\""), "layers[0] 'c1' (conv2d): expected activation as one of relu"),
        (Layer("\"type\": \"conv2d\", \"out_channels\": 3, \"kernel\": 3, \"initializer\": \"best\""), "initializer: expected one of"),
        (Layer("\"type\": \"conv2d\", \"out_channels\": 3, \"kernel\": 3, \"initializer\": {\"name\": \"normal\", \"std\": -1}"), "expected std > 0"),
        (Layer("\"type\": \"dropout\", \"rate\": 1"), "rate"), (Layer("\"type\": \"leaky_relu\", \"slope\": -1"), "slope"), (Layer("\"type\": \"relu\", \"slope\": 1"), "expected no option of relu, got 'slope'"),
        (Layer("\"type\": \"linear\", \"out_channels\": 2147483648"), "out_channels"), (Layer("\"type\": \"batch_norm\", \"momentum\": 0"), "momentum"),
        (Deep(8_000), "expected JSON"), (Nested(20), "expected layers at most"),
    ];

    private static string Deep(int depth) => new string('[', depth) + new string(']', depth);

    private static string Nested(int depth)
    {
        var json = """{ "type": "flatten" }""";
        for (var i = 0; i < depth; i++) json = $$"""{ "type": "sequential", "layers": [{{json}}] }""";
        return $$"""{ "layers": [{{json}}] }""";
    }

    [Test]
    public void Every_named_lie_gets_its_one_line()
    {
        foreach (var (json, message) in Hostile)
        {
            var error = Assert.Throws<ConfigurationException>(() => Parse(json), json);
            Assert.That(error!.Message, Does.Contain(message).And.Not.Contain("\n"), json);
        }
        TestContext.Out.WriteLine($"JSON configurations refused with their message: {Hostile.Length}");
    }

    [Test]
    public void A_file_cut_anywhere_is_refused()
    {
        var bytes = Encoding.UTF8.GetBytes(Full.TrimEnd());
        for (var length = 0; length < bytes.Length; length++)
            Assert.That(() => TrainingConfiguration.Parse(bytes.AsMemory(0, length)), Throws.TypeOf<ConfigurationException>(), $"{length} bytes");
        TestContext.Out.WriteLine($"JSON lengths refused: {bytes.Length}");
    }

    [Test, Category("Fuzz")]
    public void Damaged_configurations_are_read_or_refused() =>
        Fuzz.Run("JSON configuration", [Encoding.UTF8.GetBytes(Full), Encoding.UTF8.GetBytes(Recipes.Read("resnet").ToJson())],
            bytes => TrainingConfiguration.Parse(bytes), 100_000, isRefusal: static e => e is ConfigurationException);

    [Test]
    public void A_file_of_a_megabyte_a_missing_file_and_a_directory_are_refused()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "big.json");
        File.WriteAllText(path, Full + new string(' ', 1 << 20));
        Assert.That(() => TrainingConfiguration.Read(path), Throws.TypeOf<ConfigurationException>().With.Message.Contains("expected at most 1048576 bytes"));
        Assert.That(() => TrainingConfiguration.Read(path + "x"), Throws.InstanceOf<IOException>());
        File.WriteAllText(path, "{ \"layers\": 1 }");
        Assert.That(() => TrainingConfiguration.Read(path), Throws.TypeOf<ConfigurationException>().With.Message.StartsWith(path));
    }
}
