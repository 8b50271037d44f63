namespace RawDL.NN.Tests;

/// <summary>The README's examples in C#, each with what it must show.</summary>
public sealed class ExampleTests
{
    private static readonly float[] Corners = [0, 0, 0, 1, 1, 0, 1, 1];

    private static DatasetPair Table(string name, params int[] labels)
    {
        var data = new FloatDataset(name, new Shape(2), Corners, labels, ["false", "true"]);
        return new DatasetPair(data, data);
    }

    private static TrainerResult Train(TrainingConfiguration configuration, DatasetPair data)
    {
        using var device = new CpuDevice();
        using var trainer = new Trainer(configuration, data, new TrainerOptions { Device = device });
        return trainer.Run();
    }

    // One weight per input and a bias: a line through the plane, and the perceptron's question on which side a point lies.
    private static TrainingConfiguration Perceptron(ulong seed) => new ConfigurationBuilder("perceptron").Seed(seed).BatchSize(0).Epochs(500)
        .Normalization("none").Loss("hinge").Optimizer("sgd", ("learning_rate", 0.1f)).Layers(new Linear(1)).Build();

    [Test]
    public void A_perceptron_learns_AND_and_OR()
    {
        Assert.That(Train(Perceptron(1), Table("and", 0, 0, 0, 1)).Evaluation!.Accuracy, Is.EqualTo(1));
        Assert.That(Train(Perceptron(1), Table("or", 0, 1, 1, 1)).Evaluation!.Accuracy, Is.EqualTo(1));
    }

    /// <summary>No line has (0,1), (1,0) on one side and (0,0), (1,1) on the other: b ≤ 0, w₁ + b &gt; 0 and w₂ + b &gt; 0 give w₁ + w₂ + b &gt; −b ≥ 0, so the
    /// fourth point is wrong. Source: Minsky and Papert, Perceptrons, 1969.</summary>
    [Test]
    public void A_perceptron_never_learns_XOR()
    {
        for (ulong seed = 0; seed < 20; seed++)
            Assert.That(Train(Perceptron(seed), Table("xor", 0, 1, 1, 0)).Best!.Value.Accuracy, Is.LessThanOrEqualTo(0.75));
    }

    [Test]
    public void Two_layers_solve_XOR()
    {
        var configuration = new ConfigurationBuilder("xor").Seed(1).BatchSize(0).Epochs(500).Normalization("none").Loss("binary_cross_entropy")
            .Optimizer("adam", ("learning_rate", 0.05f)).Layers(new Linear(8) { Activation = Activation.Tanh(), Initializer = Initializer.XavierUniform }, new Linear(1)).Build();
        Assert.That(Train(configuration, Table("xor", 0, 1, 1, 0)).Evaluation!.Accuracy, Is.EqualTo(1));
    }

    [Test]
    public void Full_batch_gradient_descent_finds_the_line_behind_the_points()
    {
        // y = 3·x₁ − 2·x₂ + 0.5, without noise: the least squares solution is the line itself.
        const int count = 64;
        float[] x = new float[2 * count], y = new float[count];
        for (var i = 0; i < count; i++)
        {
            (x[2 * i], x[2 * i + 1]) = (MathF.Sin(i), MathF.Cos(3 * i));
            y[i] = 3 * x[2 * i] - 2 * x[2 * i + 1] + 0.5f;
        }
        var data = new FloatDataset("line", new Shape(2), x, y, 1);
        var configuration = new ConfigurationBuilder("line").BatchSize(0).Epochs(400).Normalization("none").Loss("mean_squared_error")
            .Optimizer("sgd", ("learning_rate", 0.3f)).Layers(new Linear(1)).Build();
        using var device = new CpuDevice();
        using var trainer = new Trainer(configuration, new DatasetPair(data, data), new TrainerOptions { Device = device });
        var result = trainer.Run();
        Assert.That(result.Step, Is.EqualTo(400), "one step an epoch");
        Assert.That(trainer.Model.Parameters.Values.ToArray(), Is.EqualTo(new[] { 3f, -2f, 0.5f }).Within(1e-4f));
    }

    [Test]
    public void A_multilayer_perceptron_beats_a_linear_model_on_digits()
    {
        var data = Digits.Open(seed: 1, train: 3000, test: 1000);
        var linear = Train(Recipes.Read("linear", data.Train) with { Epochs = 5 }, data).Evaluation!.Accuracy;
        var mlp = Train(Recipes.Read("mlp", data.Train) with { Epochs = 5 }, data).Evaluation!.Accuracy;
        TestContext.Out.WriteLine($"linear {linear:P1}, mlp {mlp:P1}");
        Assert.That(mlp, Is.GreaterThan(linear + 0.1));
    }

    /// <summary>LeNet on the first images of MNIST: 150 steps are enough to see that it learns.</summary>
    [Test]
    public void LeNet_learns_MNIST()
    {
        var data = Required.Mnist();
        var test = SubsetDataset.First(data.Test, 1000);
        var accuracy = Train(Recipes.Read("lenet", data.Train) with { Steps = 150 }, data with { Test = test }).Evaluation!.Accuracy;
        TestContext.Out.WriteLine($"LeNet after 9,600 images {accuracy:P1}");
        Assert.That(accuracy, Is.GreaterThan(0.93));
    }

    /// <summary>Classes of coloured shapes that differ in hue and in direction of their stripes, so that neither colour nor form alone tells them.</summary>
    [Test]
    public void A_small_residual_net_with_batch_norm_learns_coloured_images()
    {
        var configuration = new ConfigurationBuilder("resnet").Epochs(4).BatchSize(32).Optimizer("nesterov", ("learning_rate", 0.05f)).Schedule("one_cycle")
            .Layers(
                new Conv2d(8, 3) { Padding = (1, 1), Bias = false }, new BatchNorm { Activation = Activation.Relu() },
                new Residual(
                    new Conv2d(16, 3) { Padding = (1, 1), Stride = (2, 2), Bias = false }, new BatchNorm { Activation = Activation.Relu() },
                    new Conv2d(16, 3) { Padding = (1, 1), Bias = false }, new BatchNorm())
                {
                    Shortcut = [new Conv2d(16, 1) { Stride = (2, 2), Bias = false }, new BatchNorm()],
                    Activation = Activation.Relu(),
                },
                new GlobalAveragePool(), new Linear(4))
            .Build();
        var accuracy = Train(configuration, new DatasetPair(Stripes(400, 0), Stripes(100, 1))).Evaluation!.Accuracy;
        TestContext.Out.WriteLine($"residual net {accuracy:P1}");
        Assert.That(accuracy, Is.GreaterThan(0.9));
    }

    private static ByteDataset Stripes(int count, int seed)
    {
        var random = new Random(seed);
        var images = new byte[count * 3 * 32 * 32];
        var labels = new int[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = i % 4;
            var (upright, channel, period, phase) = (labels[i] / 2 == 0, labels[i] % 2, random.Next(4, 7), random.Next(6));
            for (var p = 0; p < 3 * 1024; p++)
            {
                var (plane, row, column) = (p / 1024, p / 32 % 32, p % 32);
                var stripe = ((upright ? column : row) + phase) / (period / 2) % 2 == 0;
                images[i * 3072 + p] = (byte)(random.Next(100) + (stripe && plane == channel ? 120 : 0));
            }
        }
        return new ByteDataset($"stripes{seed}", new Shape(3, 32, 32), images, labels, ["upright red", "upright green", "lying red", "lying green"]);
    }
}
