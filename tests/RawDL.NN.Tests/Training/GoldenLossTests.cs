using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RawDL.NN.Tests;

/// <summary>LeNet's first ten steps through the trainer, against the losses that PyTorch computes from the same weights and samples in float64.</summary>
public sealed class GoldenLossTests
{
    private const int Batch = 64, Steps = 10, Count = Batch * Steps;

    // Sums in another order move these losses by 2e-7 or less, until a unit or a window of the pooling stands on the edge and another rounding decides
    // otherwise: the scalar kernels meet one on the drawn digits, and the losses from step 7 on are off by 6e-5 to 2.3e-4. Small mistakes are larger: a
    // rate or a momentum 0.1 % off gives 2e-3 or more, a bias that is not trained 2e-3, ten times Adam's epsilon 1e-3.
    private const double Tolerance = 5e-4;

    private static ByteDataset Drawn => Digits.Draw("digits", seed: 0, split: 0, Count);

    [TestCase(1)]
    [TestCase(2)]
    public void Digits_lose_as_in_PyTorch(int threads)
    {
        if (Environment.GetEnvironmentVariable("RAWDL_EXPORT") is { Length: > 0 } folder) Export(folder);
        Compare("digits_losses.txt", Drawn, threads);
    }

    [TestCase(1)]
    [TestCase(2)]
    public void Mnist_loses_as_in_PyTorch(int threads) => Compare("mnist_losses.txt", (ByteDataset)Required.Mnist().Train, threads);

    // What tests/golden/make_mnist_losses.py reads, where it is asked for.
    private static void Export(string folder)
    {
        var (images, labels) = Bytes(Drawn);
        File.WriteAllBytes(Path.Combine(folder, "train-images-idx3-ubyte"), [.. Header(Count, 28, 28), .. images]);
        File.WriteAllBytes(Path.Combine(folder, "train-labels-idx1-ubyte"), [.. Header(Count), .. labels]);
    }

    private static void Compare(string file, ByteDataset data, int threads)
    {
        var golden = OptimizerProbe.Golden(file, 2).ToArray();
        var (images, labels) = Bytes(data);
        Assert.That(Convert.ToHexStringLower(SHA256.HashData((byte[])[.. images, .. labels])), Is.EqualTo(golden[0][1]), "other samples than those of the golden file");
        Assert.That(golden, Has.Length.EqualTo(4));
        foreach (var lines in golden[1..])
        {
            var parts = lines[0].Split('|');
            var expected = Array.ConvertAll(lines[1].Split(' '), text => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture));
            var losses = Train(data, threads, parts[0], [.. OptimizerProbe.Options(parts[1]).Select(option => (option.Key, option.Value))]);
            TestContext.Out.WriteLine($"{parts[0]}: off by {string.Join(' ', losses.Zip(expected, (loss, exact) => $"{Math.Abs(loss / exact - 1):e1}"))}");
            Assert.That(losses, Has.Length.EqualTo(Steps));
            for (var i = 0; i < Steps; i++) Assert.That(losses[i], Is.EqualTo(expected[i]).Within(Tolerance * expected[i]), $"{lines[0]}, step {i + 1}");
        }
    }

    private static double[] Train(ByteDataset data, int threads, string optimizer, (string, float)[] options)
    {
        var configuration = new ConfigurationBuilder("lenet").Seed(1).BatchSize(Batch).Epochs(1).Normalization("none").Optimizer(optimizer, options).Layers(
            new Conv2d(20, 5) { Activation = Activation.Relu() }, new MaxPool2d(2), new Conv2d(50, 5) { Activation = Activation.Relu() }, new MaxPool2d(2),
            new Linear(500) { Activation = Activation.Relu() }, new Linear(10)).Build();
        // A trainer shuffles: the samples lie so that its first epoch has them in the order of the file.
        int[] order = new int[Count], places = new int[Count];
        Permutation.Fill(order, configuration.Seed, RandomStreams.Order);
        for (var i = 0; i < Count; i++) places[order[i]] = i;
        var pair = new DatasetPair(new SubsetDataset(data.Name, data, places), SubsetDataset.First(data, 10));
        var losses = new Losses();
        using var device = new CpuDevice(threads);
        using var trainer = new Trainer(configuration, pair, new TrainerOptions { Device = device, Events = losses });
        trainer.Model.Parameters.CopyFrom(FirstValues(trainer.Model.Parameters));
        trainer.Run();
        return [.. losses.Values];
    }

    // As first_values of make_mnist_losses.py, bit for bit: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) and roundings that IEEE 754 defines.
    private static float[] FirstValues(ParameterSet set)
    {
        var values = new float[set.Count];
        for (var number = 0; number < set.Parameters.Count; number++)
        {
            var parameter = set.Parameters[number];
            if (parameter.Kind != ParameterKind.Weight) continue;
            var bound = Math.Sqrt(6.0 / parameter.FanIn);
            for (var i = 0; i < parameter.Shape.Count; i++)
            {
                var z = (((ulong)number << 32) + (ulong)i + 1) * 0x9E3779B97F4A7C15;
                z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
                z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
                z ^= z >> 31;
                values[set.Offset(parameter) + i] = (float)(((z >> 40) / 8388608.0 - 1) * bound);
            }
        }
        return values;
    }

    private static (byte[] Images, byte[] Labels) Bytes(ByteDataset data)
    {
        var images = new byte[Count * 784];
        var labels = new byte[Count];
        for (var i = 0; i < Count; i++)
        {
            data.Bytes(i).CopyTo(images.AsSpan(i * 784));
            labels[i] = (byte)data.Label(i);
        }
        return (images, labels);
    }

    private static byte[] Header(params int[] extents)
    {
        var header = new byte[4 + 4 * extents.Length];
        (header[2], header[3]) = ((byte)IdxType.UInt8, (byte)extents.Length);
        for (var i = 0; i < extents.Length; i++) BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 + 4 * i), extents[i]);
        return header;
    }

    private sealed class Losses : IRunEvents
    {
        public List<double> Values { get; } = [];

        public void Stepped(in StepProgress progress) => Values.Add(progress.Loss);
    }
}
