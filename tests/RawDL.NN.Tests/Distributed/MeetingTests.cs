using System.Text.Json;

namespace RawDL.NN.Tests;

/// <summary>What ranks must find out together: failures, wishes to stop, replicas that differ, a run that another number of ranks goes on with.</summary>
[Category("Ranks")]
public sealed class MeetingTests
{
    private static readonly DatasetPair Data = RankRuns.Digits150;

    private static readonly SynchronizationOptions[] Strategies =
    [
        new() { Period = "3" },
        new() { Period = "1x2,3", Outer = new NamedOptions("diloco"), Deterministic = true },
        new() { Period = "2", Outer = new NamedOptions("nesterov_block_momentum"), UpdaterState = UpdaterState.Keep },
        new() { Period = "adaptive:0.02:4" },
        new() { Period = "4", NodePeriod = 2, NodeSize = 2, UpdaterState = UpdaterState.Reset },
        new() { Kind = SynchronizationKind.Gradients },
        new() { Kind = SynchronizationKind.Gradients, Wire = WireFormat.BFloat16 },
        new() { Kind = SynchronizationKind.Gradients, Compression = GradientCompression.Threshold, Threshold = 0.01f },
        new() { Kind = SynchronizationKind.Gradients, Compression = GradientCompression.OneBit },
    ];

    private static ConfigurationBuilder Network(SynchronizationOptions options) => new ConfigurationBuilder("test").Seed(3).BatchSize(8).Epochs(3)
        .Optimizer("adam", ("learning_rate", 0.005f)).Schedule("one_cycle").Augmentation(("shift", 2)).Synchronization(options)
        .Layers(new Conv2d(4, 5) { Stride = (2, 2) }, new BatchNorm { Activation = Activation.Relu() }, new Dropout(0.2f), new Linear(10));

    [TestCaseSource(nameof(Strategies))]
    public void A_nan_on_one_rank_ends_all_with_its_words(SynchronizationOptions options)
    {
        var configuration = Network(options).Build();
        var failures = new Exception?[4];
        Assert.That(() => InProcessCommunicator.Run(4, group =>
        {
            using var device = new CpuDevice(1);
            var poison = new RankRuns.AfterStep(_ => { });
            Trainer? trainer = null;
            var events = group.Rank == 2 ? new RankRuns.AfterStep(step => { if (step == 4) trainer!.Model.Parameters.Parameters[0].Value.Fill(float.NaN); }) : poison;
            using (trainer = new Trainer(configuration, Data, new TrainerOptions { Device = device, Communicator = group, Events = events }))
            {
                try
                {
                    trainer.Run();
                }
                catch (Exception e)
                {
                    failures[group.Rank] = e;
                }
            }
        }), Throws.Nothing);
        foreach (var failure in failures)
        {
            // Values of a rank that nobody touched through training: seen as a failed step, or as a replica that differs, whichever is looked at first.
            if (failure is ReplicaException replica) Assert.That(replica.Message, Does.StartWith("replicas: expected the same parameters on all ranks").And.Contain("on rank 2"));
            else Assert.That(failure, Is.TypeOf<TrainingDivergedException>().With.Message.Contains("rank 2: training diverged"));
        }
        Assert.That(failures.Select(f => f!.Message).Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public void A_loss_that_overflows_on_one_rank_ends_all_before_it_is_averaged()
    {
        // One sample of enormous pixels, without normalisation: only the rank that gets it sees an infinity.
        var samples = new float[40 * 4];
        Array.Fill(samples, 0.5f);
        samples.AsSpan(17 * 4, 4).Fill(1e38f);
        var labels = new int[40];
        for (var i = 0; i < 40; i++) labels[i] = i % 2;
        var train = new FloatDataset("huge", new Shape(4), samples, labels, Dataset.NumberedClasses(2));
        var data = new DatasetPair(train, new FloatDataset("test", new Shape(4), samples[..40], labels[..10], Dataset.NumberedClasses(2)));
        foreach (var options in Strategies)
        {
            var configuration = new ConfigurationBuilder("test").Normalization("none").BatchSize(4).Epochs(1).Optimizer("sgd", ("learning_rate", 0.01f))
                .Synchronization(options with { NodeSize = 0, NodePeriod = 0 }).Layers(new Linear(64), new Linear(2)).Build();
            var failures = new Exception?[3];
            InProcessCommunicator.Run(3, group =>
            {
                using var device = new CpuDevice(1);
                using var trainer = new Trainer(configuration, data, new TrainerOptions { Device = device, Communicator = group });
                try
                {
                    trainer.Run();
                }
                catch (TrainingDivergedException e)
                {
                    failures[group.Rank] = e;
                }
            });
            Assert.That(failures, Has.All.TypeOf<TrainingDivergedException>(), options.ToString());
            Assert.That(failures.Select(f => f!.Message).Distinct().Count(), Is.EqualTo(1));
        }
    }

    [TestCase(SynchronizationKind.Average)]
    [TestCase(SynchronizationKind.Gradients)]
    public void A_replica_that_differs_is_found_at_the_next_meeting(SynchronizationKind kind)
    {
        var configuration = Network(new SynchronizationOptions { Kind = kind, Period = "1" }).Build();
        var failures = new Exception?[3];
        InProcessCommunicator.Run(3, group =>
        {
            using var device = new CpuDevice(1);
            Trainer? trainer = null;
            // One bit of one parameter between two steps; what averaging would hide is compared before it.
            var events = new RankRuns.AfterStep(step =>
            {
                if (step != 5 || group.Rank != 1) return;
                var values = trainer!.Model.Parameters.Values.ToArray();
                values[7] = MathF.BitIncrement(values[7]);
                trainer.Model.Parameters.CopyFrom(values);
            });
            using (trainer = new Trainer(configuration, Data, new TrainerOptions { Device = device, Communicator = group, Events = events }))
            {
                try
                {
                    trainer.Run();
                }
                catch (ReplicaException e)
                {
                    failures[group.Rank] = e;
                }
            }
        });
        if (kind == SynchronizationKind.Gradients)
            Assert.That(failures, Has.All.TypeOf<ReplicaException>().And.All.Message.Contains("on rank 1"));
    }

    [Test]
    public void Ranks_that_run_something_else_are_told_so_before_the_first_step()
    {
        (string Expected, Func<int, (TrainingConfiguration, DatasetPair)> Of)[] cases =
        [
            ("ranks: expected the seed of rank 0 on every rank (3), got another on rank 1 (4).", rank => (Network(new()).Seed(rank == 1 ? 4u : 3u).Build(), Data)),
            ("ranks: expected the configuration of rank 0 on every rank", rank => (Network(new()).Epochs(rank == 1 ? 4 : 3).Build(), Data)),
            ("ranks: expected the training data of rank 0 on every rank (150 samples [1, 28, 28] of 10 classes), got another on rank 1 (151 samples [1, 28, 28] of 10 classes).",
                rank => (Network(new()).Build(), rank == 1 ? Digits.Open(seed: 5, train: 151, test: 40) : Data)),
        ];
        foreach (var (expected, of) in cases)
        {
            var messages = new string?[2];
            InProcessCommunicator.Run(2, group =>
            {
                using var device = new CpuDevice(1);
                var (configuration, data) = of(group.Rank);
                try
                {
                    new Trainer(configuration, data, new TrainerOptions { Device = device, Communicator = group }).Dispose();
                }
                catch (CommunicationException e)
                {
                    messages[group.Rank] = e.Message;
                }
            });
            Assert.That(messages, Has.All.StartsWith(expected));
        }
    }

    [TestCaseSource(nameof(Strategies))]
    public void Interrupted_on_one_rank_and_resumed_a_run_ends_with_the_same_bits(SynchronizationOptions options)
    {
        var configuration = Network(options).Build();
        var whole = RankRuns.Train(4, configuration, Data)[0];
        foreach (var stop in (int[])[1, 4, 8, 11])
        {
            using var place = new TemporaryFolder();
            using var source = new CancellationTokenSource();
            long stopped;
            using (var folder = RunFolder.Create(place["run"], configuration))
            {
                // Rank 3 is told to stop; all do where they meet next.
                var outcomes = RankRuns.Train(4, configuration, Data, folder,
                    (rank, _) => rank == 3 ? new RankRuns.AfterStep(step => { if (step == stop) source.Cancel(); }) : null, rank => rank == 3 ? source.Token : default);
                Assert.That(outcomes.Select(o => o.Result.Status), Has.All.EqualTo(RunStatus.Interrupted));
                stopped = outcomes[0].Result.Step;
                Assert.That(stopped, Is.InRange(stop, stop + 5));
            }
            using var resumed = RunFolder.Resume(place["run"], out var same);
            var result = RankRuns.Train(4, same, Data, resumed)[0].Result;
            Assert.That(result.ParametersSha256, Is.EqualTo(whole.Result.ParametersSha256), $"stopped after step {stopped}");
            Assert.That(result.History.Training, Is.EqualTo(whole.Result.History.Training));
        }
    }

    [TestCaseSource(nameof(Strategies))]
    public void Another_number_of_ranks_goes_on_with_every_sample_that_is_left(SynchronizationOptions options)
    {
        var configuration = Network(options with { NodeSize = 1 }).Build();
        foreach (var (before, after) in ((int, int)[])[(4, 1), (4, 3), (1, 4), (3, 2)])
        {
            using var place = new TemporaryFolder();
            using var source = new CancellationTokenSource();
            using (var folder = RunFolder.Create(place["run"], configuration))
                RankRuns.Train(before, configuration, Data, folder, (_, _) => new RankRuns.AfterStep(step => { if (step >= 4) source.Cancel(); }), _ => source.Token);
            using var resumed = RunFolder.Resume(place["run"], out var same);
            var result = RankRuns.Train(after, same, Data, resumed)[0].Result;
            Assert.That((result.Status, result.Epochs, result.WorldSize), Is.EqualTo((RunStatus.Completed, 3, after)));
            // The epoch's mean is over all its samples, those before the resume counted.
            Assert.That(result.History.Training.Select(p => p.Epoch), Is.EqualTo(new[] { 1.0, 2, 3 }));
            Assert.That(Samples(resumed), Is.EqualTo(3 * 150));
        }
    }

    private static long Samples(RunFolder folder)
    {
        var steps = folder.CheckpointSteps();
        var file = SafetensorsFile.Read(folder.CheckpointPath(steps[0]));
        using var state = JsonDocument.Parse(file.Metadata["rawdl.training"]);
        return state.RootElement.GetProperty("samples").GetInt64();
    }

    [Test]
    public void A_run_of_ranks_leaves_rounds_report_and_timeline()
    {
        using var place = new TemporaryFolder();
        var configuration = Network(new SynchronizationOptions { Period = "2" }).Build();
        using var folder = RunFolder.Create(place["run"], configuration);
        var result = RankRuns.Train(4, configuration, Data, folder, trace: place["trace.json"])[0].Result;
        var report = result.Communication!;
        Assert.Multiple(() =>
        {
            // Five steps an epoch: rounds of 2, 2 and 1; and the last meeting.
            Assert.That(report.Rounds, Is.EqualTo(10));
            Assert.That(report.CommunicationShare, Is.InRange(0, 1));
            Assert.That(report.StragglerIndex, Is.GreaterThanOrEqualTo(1));
            Assert.That(report.Divergence, Is.GreaterThan(0));
            Assert.That(report.ToText(), Does.Contain("rank   samples").And.Contain("communication"));
            Assert.That(result.ToText(), Does.Contain(report.ToText()));
        });
        var rounds = File.ReadLines(folder.MetricsPath).Select(line => JsonDocument.Parse(line).RootElement).Where(e => e.GetProperty("event").GetString() == "round").ToArray();
        Assert.That(rounds.Select(r => r.GetProperty("step").GetInt64()), Is.EqualTo(new long[] { 2, 4, 5, 7, 9, 10, 12, 14, 15 }));
        foreach (var round in rounds)
            foreach (var name in (string[])["compute_seconds", "wait_seconds", "transfer_seconds", "bytes"])
                Assert.That(round.GetProperty(name).GetArrayLength(), Is.EqualTo(4));
        using var summary = JsonDocument.Parse(File.ReadAllBytes(folder.SummaryPath));
        Assert.That(summary.RootElement.GetProperty("communication").GetProperty("per_rank").GetArrayLength(), Is.EqualTo(4));
        Assert.That(summary.RootElement.GetProperty("communication").GetProperty("per_rank").EnumerateArray().Sum(r => r.GetProperty("samples").GetDouble()), Is.EqualTo(450));

        using var trace = JsonDocument.Parse(File.ReadAllBytes(place["trace.json"]));
        var spans = trace.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => e.GetProperty("ph").GetString() == "X").ToArray();
        foreach (var rank in (int[])[0, 1, 2, 3])
            foreach (var name in (string[])["compute", "wait", "average", "evaluate"])
                Assert.That(spans.Any(s => s.GetProperty("pid").GetInt32() == rank && s.GetProperty("name").GetString() == name), Is.True, $"{name} of rank {rank}");
        Assert.That(spans.All(s => s.GetProperty("ts").GetDouble() >= 0 && s.GetProperty("dur").GetDouble() >= 0), Is.True);
    }

    [Test]
    public void The_time_limit_of_rank_0_ends_all()
    {
        var configuration = Network(new SynchronizationOptions { Period = "2" }).Epochs(1000).EarlyStopping(("maximum_seconds", 0.5f)).Build();
        var outcomes = RankRuns.Train(3, configuration, Data);
        Assert.That(outcomes.Select(o => o.Result.Status), Has.All.EqualTo(RunStatus.EarlyStopped));
        Assert.That(outcomes.Select(o => o.Result.Step).Distinct().Count(), Is.EqualTo(1));
    }
}
