namespace RawDL.NN.Tests;

public sealed class ModelTests
{
    private static readonly DatasetPair Data = Digits.Open(seed: 5, train: 60, test: 20);

    private static TrainingConfiguration Network(string loss = "softmax_cross_entropy", int outputs = 10) =>
        new ConfigurationBuilder("m").Seed(1).Loss(loss).Layers(new Conv2d(2, 5), new BatchNorm(), new Linear(outputs)).Build();

    [Test]
    public void A_saved_model_predicts_the_same_bits()
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(1);
        using var model = Model.Create(Network(), Data.Train, device);
        model.Save(folder["m"]);
        using var loaded = Model.Load(folder["m"], device);
        var sample = new float[3 * 784];
        for (var i = 0; i < 3; i++) Data.Test.Read(i, sample.AsSpan(784 * i, 784));
        var probabilities = loaded.Predict(sample);
        Assert.Multiple(() =>
        {
            Assert.That(probabilities, Is.EqualTo(model.Predict(sample)));
            Assert.That(probabilities.Take(10).Sum(), Is.EqualTo(1).Within(1e-5));
            Assert.That(loaded.Parameters.Sha256(), Is.EqualTo(model.Parameters.Sha256()));
            Assert.That(loaded.Normalization, Is.EqualTo(model.Normalization));
            Assert.That(loaded.ClassNames, Is.EqualTo(model.ClassNames));
            Assert.That(loaded.Configuration.ToJson(), Is.EqualTo(model.Configuration.ToJson()));
            Assert.That(() => loaded.Predict(sample.AsSpan(1)), Throws.TypeOf<ShapeException>().With.Message.Contains("multiple of 784"));
        });
    }

    [Test]
    public void A_predictor_gives_one_by_one_what_the_model_gives_at_once()
    {
        using var device = new CpuDevice(2);
        var configuration = new ConfigurationBuilder("m").Seed(1).Layers(new Conv2d(2, 5), new Linear(140) { Activation = Activation.Relu() }, new Linear(10)).Build();
        using var model = Model.Create(configuration, Data.Train, device);
        using var predictor = new Predictor(model);
        var samples = new float[6 * 784];
        for (var i = 0; i < 6; i++) Data.Test.Read(i, samples.AsSpan(784 * i, 784));
        var expected = model.Predict(samples);
        for (var i = 0; i < 4; i++) Assert.That(predictor.Predict(samples.AsSpan(784 * i, 784)), Is.EqualTo(expected[(10 * i)..(10 * i + 10)]), $"sample {i}");
        Assert.That(predictor.Predict(samples), Is.EqualTo(expected));
        Assert.That(() => predictor.Predict(samples.AsSpan(1)), Throws.TypeOf<ShapeException>().With.Message.Contains("multiple of 784"));
        Assert.That(predictor.Predict([]), Is.Empty);
    }

    [Test]
    public void The_file_is_plain_safetensors_with_one_tensor_per_parameter()
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(1);
        using var model = Model.Create(Network(), Data.Train, device);
        model.Save(folder["m"]);
        var file = SafetensorsFile.Read(folder["m"]);
        Assert.That(file.Tensors.Select(t => t.Name), Is.EquivalentTo(new[]
        {
            "conv2d1.weight", "conv2d1.bias", "batch_norm1.scale", "batch_norm1.shift", "batch_norm1.running_mean", "batch_norm1.running_variance", "linear1.weight", "linear1.bias",
        }));
        Assert.That(file["conv2d1.weight"].Extents.ToArray(), Is.EqualTo(new long[] { 2, 1, 5, 5 }));
    }

    [Test]
    public void What_is_no_model_is_refused_in_one_line()
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(1);
        var tensor = SafetensorsTensor.Create("linear1.weight", new Shape(2, 3), new float[6]);
        Write("plain", []);
        Refused("plain", "expected metadata 'rawdl.model' of a model saved by rawdl");
        Write("text", new() { ["rawdl.model"] = "{" });
        Refused("text", "expected a valid description");
        const string layers = """{"layers":[{"type":"linear","out_channels":OUT}]}""";
        const string start = """{"sample":[3],"classes":["a","b"],"targets":0,"mean":[0,0,0],"std":[1,1,1],"configuration":""";
        Write("missing", new() { ["rawdl.model"] = start + layers.Replace("OUT", "2") + "}" });
        Refused("missing", "expected a tensor 'linear1.bias', got none");
        // Terabytes by description, a few bytes in fact.
        Write("huge", new() { ["rawdl.model"] = start.Replace("[3]", "[3]") + """{"layers":[{"type":"linear","out_channels":500000000},{"type":"linear","out_channels":2}]}""" + "}" });
        Refused("huge", "expected tensor 'linear1.weight' [500000000, 3], got [2, 3]");
        Write("nan", new() { ["rawdl.model"] = start.Replace("[0,0,0]", "[0,0,1e99]") + layers.Replace("OUT", "2") + "}" });
        Refused("nan", "expected mean as finite numbers");
        Write("unknown", new() { ["rawdl.model"] = start + layers.Replace("OUT", "2") + ",\"code\":\"x\"}" });
        Refused("unknown", "got 'code'");
        Assert.That(device.LiveBytes, Is.Zero);

        void Write(string name, Dictionary<string, string> metadata) => SafetensorsFile.Write(folder[name], [tensor], metadata);

        void Refused(string name, string words)
        {
            var error = Assert.Throws<RawFileException>(() => Model.Load(folder[name], device));
            Assert.That(error!.Message, Does.Contain(words).And.Not.Contain("\n"));
        }
    }

    [TestCase("softmax_cross_entropy", 10)]
    [TestCase("binary_cross_entropy", 10)]
    [TestCase("hinge", 10)]
    [TestCase("mean_squared_error", 10)]
    [TestCase("mean_squared_error", 1)]
    public void Every_loss_learns(string loss, int outputs)
    {
        using var device = new CpuDevice(1);
        var configuration = new ConfigurationBuilder("m").Loss(loss).Epochs(200).BatchSize(20).Optimizer("adam", ("learning_rate", 0.003f)).Layers(new Linear(32) { Activation = Activation.Tanh() }, new Linear(outputs)).Build();
        using var trainer = new Trainer(configuration, Data, new TrainerOptions { Device = device });
        var before = trainer.Model.Evaluate(Data.Train, new SoloCommunicator());
        trainer.Run();
        var after = trainer.Model.Evaluate(Data.Train, new SoloCommunicator());
        Assert.That(after.Loss, Is.LessThan(0.5 * before.Loss));
        Assert.That(after.Accuracy, Is.GreaterThan(outputs == 1 ? 0.3 : 0.9));
    }
}
