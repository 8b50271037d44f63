using System.Text.Json;

namespace RawDL.NN.Tests;

/// <summary>Rounds on replicas that keep nothing give the bits of ranks that meet.</summary>
public sealed class RoundsTests
{
    private static readonly DatasetPair Data = RankRuns.Digits150;

    private static ConfigurationBuilder Network(string optimizer, SynchronizationOptions options, int batch, params Layer[] layers) =>
        new ConfigurationBuilder("test").Seed(3).BatchSize(batch).Epochs(2).Optimizer(optimizer, ("learning_rate", optimizer == "adam" ? 0.002f : 0.05f)).Synchronization(options with { Deterministic = true })
            .Layers(layers.Length > 0 ? layers : [new Conv2d(4, 5) { Stride = (2, 2), Activation = Activation.Relu() }, new Dropout(0.2f), new Linear(10)]);

    private static (TrainerResult Result, float[] Values) Train(TrainingConfiguration configuration, IRoundExecutor rounds, RunFolder? folder = null, CancellationToken cancel = default, string? trace = null)
    {
        using var device = new CpuDevice(1);
        using var trainer = new Trainer(configuration, Data, new TrainerOptions { Device = device, Rounds = rounds, Folder = folder, Trace = trace });
        var result = trainer.Run(cancel);
        return (result, trainer.Model.Parameters.Values.ToArray());
    }

    private static IEnumerable<TestCaseData> Strategies()
    {
        SynchronizationOptions average = new() { Period = "3" }, gradients = new() { Kind = SynchronizationKind.Gradients };
        yield return new TestCaseData(2, Network("momentum", average, 16).Build()).SetArgDisplayNames("average");
        yield return new TestCaseData(3, Network("adam", average, 10).Build()).SetArgDisplayNames("average, 3 of unequal length");
        yield return new TestCaseData(1, Network("adam", average, 32).Build()).SetArgDisplayNames("average of one");
        yield return new TestCaseData(4, Network("adagrad", average with { Period = "1" }, 8).Build()).SetArgDisplayNames("average each step");
        yield return new TestCaseData(4, Network("sgd", average with { Period = "1" }, 8).Build()).SetArgDisplayNames("average each step, linear");
        yield return new TestCaseData(2, Network("adam", average with { UpdaterState = UpdaterState.Keep }, 16).Build()).SetArgDisplayNames("keep");
        yield return new TestCaseData(2, Network("adam", average with { UpdaterState = UpdaterState.Reset }, 16).Build()).SetArgDisplayNames("reset");
        yield return new TestCaseData(2, Network("momentum", average with { Outer = new NamedOptions("slowmo") }, 16).Build()).SetArgDisplayNames("slowmo");
        yield return new TestCaseData(2, Network("momentum", average with { Outer = new NamedOptions("nesterov_block_momentum") }, 16).Build()).SetArgDisplayNames("nesterov_block_momentum");
        yield return new TestCaseData(2, Network("momentum", average with { Period = "adaptive:0.02:8" }, 4).Build()).SetArgDisplayNames("adaptive");
        yield return new TestCaseData(2, Network("momentum", average with { Period = "1x2,4" }, 8).Build()).SetArgDisplayNames("schedule");
        yield return new TestCaseData(3, Network("adam", gradients, 10).Build()).SetArgDisplayNames("gradients");
        yield return new TestCaseData(2, Network("adam", gradients with { Accumulation = 2 }, 8).Build()).SetArgDisplayNames("gradients, accumulated");
        Layer[] normed = [new Conv2d(4, 5) { Stride = (2, 2) }, new BatchNorm(), new Linear(10)];
        yield return new TestCaseData(3, Network("momentum", average, 10, normed).Build()).SetArgDisplayNames("average with running statistics");
        normed = [new Conv2d(4, 5) { Stride = (2, 2) }, new BatchNorm(), new Linear(10)];
        yield return new TestCaseData(3, Network("momentum", gradients, 10, normed).Build()).SetArgDisplayNames("gradients with running statistics");
    }

    [TestCaseSource(nameof(Strategies))]
    public void Rounds_have_the_bits_of_ranks(int shards, TrainingConfiguration configuration)
    {
        var ranks = RankRuns.Train(shards, configuration, Data)[0];
        using var executor = new LocalRounds(configuration, Data, shards, seed: 7);
        var (result, values) = Train(configuration, executor);
        Assert.That(values, Is.EqualTo(ranks.Values));
        Assert.That(result.Step, Is.EqualTo(ranks.Result.Step));
        // Ranks judge together, and add up their losses in another order.
        Assert.That(result.History.Evaluation.Select(point => (point.Step, point.Accuracy)), Is.EqualTo(ranks.Result.History.Evaluation.Select(point => (point.Step, point.Accuracy))));
        Assert.That(result.History.Evaluation[^1].Loss, Is.EqualTo(ranks.Result.History.Evaluation[^1].Loss).Within(1e-5));
        Assert.That(result.WorldSize, Is.EqualTo(shards));
        Assert.That(result.History.Training[^1].Loss, Is.EqualTo(ranks.Result.History.Training[^1].Loss).Within(1e-12));
        if (shards == 1) return;
        Assert.That(result.Communication!.Divergence, Is.EqualTo(ranks.Result.Communication!.Divergence).Within(1e-12));
        Assert.That(executor.Descriptions[^1], Does.Match(@"^epoch 2/2, round \d+, loss \d\.\d{4}$"));
    }

    // A checkpoint of ranks goes on in rounds and the other way round.
    [TestCaseSource(nameof(Strategies))]
    public void Ranks_and_rounds_take_up_each_others_checkpoints(int shards, TrainingConfiguration configuration)
    {
        configuration = configuration with { Checkpoint = new Interval(0, 2) };
        var whole = RankRuns.Train(shards, configuration, Data)[0];
        using var folder = new TemporaryFolder();
        using (var executor = new LocalRounds(configuration, Data, shards) { Before = round => { if (round == 2) throw new OperationCanceledException(); } })
        using (var run = RunFolder.Create(folder["rounds"], configuration))
            Assert.That(Train(configuration, executor, run).Result.Status, Is.EqualTo(RunStatus.Interrupted));
        using (var run = RunFolder.Resume(folder["rounds"], out var resumed))
            Assert.That(RankRuns.Train(shards, resumed, Data, run)[0].Values, Is.EqualTo(whole.Values), "rounds, then ranks");
        using (var source = new CancellationTokenSource())
        using (var run = RunFolder.Create(folder["ranks"], configuration))
            RankRuns.Train(shards, configuration, Data, run, (_, _) => new RankRuns.AfterStep(step => { if (step == 3) source.Cancel(); }), _ => source.Token);
        using (var executor = new LocalRounds(configuration, Data, shards))
        using (var run = RunFolder.Resume(folder["ranks"], out var resumed))
            Assert.That(Train(resumed, executor, run).Values, Is.EqualTo(whole.Values), "ranks, then rounds");
    }

    // One clock is far behind and one far ahead.
    [TestCase(SynchronizationKind.Average, "average")]
    [TestCase(SynchronizationKind.Gradients, "update")]
    public void A_trace_shows_every_replica_inside_its_round(SynchronizationKind kind, string applied)
    {
        var configuration = Network("adam", new() { Kind = kind, Period = kind == SynchronizationKind.Average ? "3" : "1" }, 16).Build();
        using var place = new TemporaryFolder();
        using var folder = RunFolder.Create(place["run"], configuration);
        using LocalRounds executor = new(configuration, Data, 2) { Clock = rank => 1e17 * rank }, plain = new(configuration, Data, 2);
        Assert.That(Train(configuration, executor, folder, trace: place["trace.json"]).Values, Is.EqualTo(Train(configuration, plain).Values));
        using var trace = JsonDocument.Parse(File.ReadAllBytes(place["trace.json"]));
        var events = trace.RootElement.GetProperty("traceEvents").EnumerateArray().ToLookup(e => e.GetProperty("ph").GetString());
        Assert.That(events["M"].Select(e => (e.GetProperty("pid").GetInt32(), e.GetProperty("args").GetProperty("name").GetString())), Is.EqualTo(new[] { (0, "rank 0"), (1, "rank 1"), (2, "driver") }));
        var spans = events["X"].ToLookup(e => (e.GetProperty("pid").GetInt32(), e.GetProperty("name").GetString()!), e => (Start: e.GetProperty("ts").GetDouble(), Length: e.GetProperty("dur").GetDouble()));
        Assert.That(spans.Select(group => group.Key).Where(key => key.Item1 == 2).Select(key => key.Item2), Is.EquivalentTo(new[] { "round", "wait", applied, "evaluate", "checkpoint", "empty rounds" }));
        var rounds = spans[(2, "round")].ToArray();
        Assert.That(rounds, Has.Length.EqualTo(executor.Descriptions.Count));
        foreach (var rank in (int[])[0, 1])
            foreach (var name in (string[])["fetch", "compute", "push"])
                Assert.That(spans[(rank, name)].Zip(rounds, (one, round) => one.Start >= round.Start && one.Start + one.Length <= round.Start + round.Length), Is.All.True.And.Exactly(rounds.Length).Items, $"{name} of rank {rank}");
    }

    [Test]
    public void A_replica_that_diverges_ends_the_run_with_its_words()
    {
        var configuration = Network("sgd", new() { Period = "3" }, 16).Optimizer("sgd", ("learning_rate", 1e30f)).Build();
        using var executor = new LocalRounds(configuration, Data, 2);
        Assert.That(() => Train(configuration, executor), Throws.TypeOf<TrainingDivergedException>().With.Message.Match("^rank [01]: training diverged: expected finite values, but in step [123] "));
    }

    [Test]
    public void What_rounds_cannot_do_is_one_line()
    {
        Assert.That(Refusal(new() { NodePeriod = 2 }), Does.Contain("node_period: expected 0 in rounds"));
        Assert.That(Refusal(new() { Kind = SynchronizationKind.Gradients, Wire = WireFormat.BFloat16 }), Does.Contain("wire: expected float32 in rounds"));
        Assert.That(Refusal(new() { Kind = SynchronizationKind.Gradients, Compression = GradientCompression.OneBit }), Does.Contain("compression: expected none in rounds"));
        Assert.That(Refusal(new() { Kind = SynchronizationKind.Downpour }), Does.Contain("downpour: expected ranks"));

        static string Refusal(SynchronizationOptions options)
        {
            var configuration = Network("sgd", options, 16).Build();
            using var executor = new LocalRounds(configuration, Data, 2);
            return Assert.Throws<ConfigurationException>(() => Train(configuration, executor))!.Message;
        }
    }

    [Test]
    public void Damaged_bytes_are_refused()
    {
        byte[] buffer = [];
        var start = new RoundStart { Kind = RoundKind.Average, FirstStep = 1, Epoch = 0, Position = 0, Rates = [1], Weights = [1], Values = [1, 2, 3] }.Encode(ref buffer).ToArray();
        var report = new RoundContribution { Rank = 0, Samples = 1, LossSum = 1, ComputeSeconds = 1, Losses = [1], Statistics = [1], Place = "here" }.Encode();
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var (a, b) = ((byte[])start.Clone(), (byte[])report.Clone());
            (a[random.Next(a.Length)], b[random.Next(b.Length)]) = ((byte)random.Next(256), (byte)random.Next(256));
            Refused(() => RoundStart.Decode(a[..random.Next(a.Length + 1)]));
            Refused(() => RoundContribution.Decode(b[..random.Next(b.Length + 1)]));
        }

        static void Refused(Action decode)
        {
            try
            {
                decode();
            }
            catch (InvalidDataException)
            {
                // The only way to fail.
            }
        }
    }
}
