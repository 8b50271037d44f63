namespace RawDL.NN.Tests;

/// <summary>Sixty-four ranks in one process learn by each strategy what no linear model can: two products of signs, four classes.</summary>
[Category("Ranks")]
public sealed class ConvergenceTests
{
    private static readonly DatasetPair Data = new(Draw("train", 6400, 1), Draw("test", 1000, 2));

    private static FloatDataset Draw(string name, int count, ulong stream)
    {
        var random = new RandomStream(5, stream);
        var (samples, labels) = (new float[4 * count], new int[count]);
        for (var i = 0; i < count; i++)
        {
            var x = samples.AsSpan(4 * i, 4);
            // Away from the borders, so that a good model is right everywhere.
            foreach (ref var value in x) value = random.NextFloat(0.1f, 1) * (random.NextInt(2) == 0 ? 1 : -1);
            labels[i] = (x[0] * x[1] > 0 ? 1 : 0) + (x[2] * x[3] > 0 ? 2 : 0);
        }
        return new FloatDataset(name, new Shape(4), samples, labels, Dataset.NumberedClasses(4));
    }

    private static IEnumerable<TestCaseData> Strategies()
    {
        // A hundred samples a rank, ten steps of ten an epoch.
        yield return Case("average 1", new() { Period = "1" });
        yield return Case("average 5", new() { Period = "5" });
        yield return Case("average schedule", new() { Period = "1x50,2x50,10" });
        yield return Case("average adaptive", new() { Period = "adaptive:0.05:10" });
        yield return Case("average kept states", new() { Period = "5", UpdaterState = UpdaterState.Keep });
        yield return Case("average in a fixed order", new() { Period = "5", Deterministic = true });
        yield return Case("average nodes", new() { Period = "5", NodePeriod = 1, NodeSize = 8 });
        yield return Case("block momentum", new() { Period = "5", Outer = new NamedOptions("block_momentum", ("momentum", 0.5f)), UpdaterState = UpdaterState.Reset });
        yield return Case("nesterov block momentum", new() { Period = "5", Outer = new NamedOptions("nesterov_block_momentum", ("momentum", 0.5f)), UpdaterState = UpdaterState.Reset });
        yield return Case("slowmo", new() { Period = "5", Outer = new NamedOptions("slowmo") });
        yield return Case("diloco", new() { Period = "5", Outer = new NamedOptions("diloco"), UpdaterState = UpdaterState.Keep });
        yield return Case("gradients", new() { Kind = SynchronizationKind.Gradients });
        yield return Case("gradients bfloat16", new() { Kind = SynchronizationKind.Gradients, Wire = WireFormat.BFloat16 });
        yield return Case("gradients float16", new() { Kind = SynchronizationKind.Gradients, Wire = WireFormat.Float16 });
        yield return Case("gradients threshold", new() { Kind = SynchronizationKind.Gradients, Compression = GradientCompression.Threshold, Threshold = 0.001f });
        yield return Case("gradients one bit", new() { Kind = SynchronizationKind.Gradients, Compression = GradientCompression.OneBit });

        static TestCaseData Case(string name, SynchronizationOptions options) => new TestCaseData(options).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Strategies))]
    public void Learns_on_64_ranks(SynchronizationOptions options)
    {
        var configuration = new ConfigurationBuilder("test").Seed(1).BatchSize(10).Epochs(25).Evaluation(("every_epochs", 25)).Optimizer("adam", ("learning_rate", 0.02f)).Schedule("one_cycle").Synchronization(options)
            .Layers(new Linear(64) { Activation = Activation.Tanh() }, new Linear(4)).Build();
        var result = RankRuns.Train(64, configuration, Data)[0].Result;
        TestContext.Out.WriteLine($"accuracy {result.Evaluation!.Accuracy}, divergence {result.Communication!.Divergence}");
        Assert.That(result.Evaluation.Accuracy, Is.GreaterThan(0.96));
    }
}
