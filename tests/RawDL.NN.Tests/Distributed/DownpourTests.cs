namespace RawDL.NN.Tests;

/// <summary>Parameter servers and their clients as threads: what they learn, who may fail, and what is refused.</summary>
[Category("Ranks")]
public sealed class DownpourTests
{
    // One process reaches 0.88 by plain descent; how asynchronous clients interleave differs from run to run.
    private const int TrainCount = 4001;
    private const double Learned = 0.8;
    private static readonly DatasetPair Data = Digits.Open(seed: 5, train: TrainCount, test: 500);

    private static readonly SynchronizationOptions Downpour = new() { Kind = SynchronizationKind.Downpour };

    private static ConfigurationBuilder Network(SynchronizationOptions options) => new ConfigurationBuilder("test").Seed(3).BatchSize(16).Epochs(5).Synchronization(options)
        .Optimizer("sgd", ("learning_rate", 0.05f)).Layers(new Conv2d(8, 5) { Stride = (2, 2), Activation = Activation.Relu() }, new Linear(64) { Activation = Activation.Relu() }, new Linear(10));

    // What a test gives one of the ranks, by its number.
    private sealed record Part(RunFolder? Folder = null, IRunEvents? Events = null, CancellationToken Cancel = default);

    private static RankOutcome[] Run(int ranks, TrainingConfiguration configuration, Func<int, Part>? part = null)
    {
        var outcomes = new RankOutcome[ranks];
        InProcessCommunicator.Run(ranks, world =>
        {
            using var device = new CpuDevice(1);
            var mine = part?.Invoke(world.Rank) ?? new Part();
            outcomes[world.Rank] = DistributedTraining.Run(configuration, Data, new TrainerOptions { Device = device, Communicator = world, Folder = mine.Folder, Events = mine.Events }, mine.Cancel);
        });
        return outcomes;
    }

    private static double Samples(TrainerResult result)
    {
        using var document = System.Text.Json.JsonDocument.Parse(JsonBytes.Of(result.WriteJson));
        var sum = 0.0;
        foreach (var rank in document.RootElement.GetProperty("communication").GetProperty("per_rank").EnumerateArray()) sum += rank.GetProperty("samples").GetDouble();
        return sum;
    }

    [TestCase(4, 1, 1, 1)]
    [TestCase(5, 2, 2, 3)]
    [TestCase(2, 1, 1, 1)]
    public void Clients_learn_and_lose_no_sample(int ranks, int servers, int fetch, int push)
    {
        var outcomes = Run(ranks, Network(Downpour with { Servers = servers, FetchPeriod = fetch, PushPeriod = push }).Build());
        var result = outcomes[0].Result!;
        TestContext.Out.WriteLine(result.Communication!.ToText());
        Assert.Multiple(() =>
        {
            Assert.That(result.Evaluation!.Accuracy, Is.GreaterThanOrEqualTo(Learned));
            Assert.That(result.WorldSize, Is.EqualTo(ranks));
            Assert.That(Samples(result), Is.EqualTo(5 * TrainCount));
            Assert.That(result.ImagesPerSecond * result.TrainingSeconds, Is.EqualTo(5.0 * TrainCount).Within(0.01));
            Assert.That(result.Communication!.Staleness.Sum(), Is.EqualTo(result.Communication.Rounds * servers));
            Assert.That(result.Communication.LostClients, Is.Empty);
            Assert.That(outcomes.Select(outcome => outcome.Status), Is.All.EqualTo(RunStatus.Completed));
            Assert.That(outcomes.Select(outcome => outcome.Result is not null), Is.EqualTo(outcomes.Select((_, rank) => rank < ranks - servers)));
        });
    }

    [Test]
    public void One_client_with_the_servers_rule_and_rate_descends_as_one_process_does()
    {
        var server = new NamedOptions("sgd", ("learning_rate", 0.05f));
        using var place = new TemporaryFolder();
        var downpour = Network(Downpour with { Server = server, Servers = 3 }).Epochs(2).Schedule("cosine").Build();
        var alone = Network(new SynchronizationOptions()).Epochs(2).Schedule("cosine").Build();
        using (var folder = RunFolder.Create(place["downpour"], downpour)) Run(4, downpour, rank => new Part(rank == 0 ? folder : null));
        using (var folder = RunFolder.Create(place["alone"], alone)) Run(1, alone, _ => new Part(folder));
        var (left, right) = (Values(place["downpour"]), Values(place["alone"]));
        // The local step may use fused operations, the server does not.
        Assert.That(left, Is.EqualTo(right).Within(1e-5f));
    }

    [Test]
    public void The_others_begin_after_the_warm_start()
    {
        const int Steps = 20;
        var (first, early) = (0L, false);
        var outcomes = Run(4, Network(Downpour with { WarmStart = Steps }).Epochs(1).Build(), rank => new Part(Events: new OnStep(step =>
        {
            if (rank == 0) Interlocked.Exchange(ref first, step);
            // The last step of client 0 frees them before it tells of itself.
            else if (Interlocked.Read(ref first) < Steps - 1) early = true;
        })));
        Assert.That(early, Is.False);
        Assert.That(Samples(outcomes[0].Result!), Is.EqualTo(TrainCount));
    }

    [Test]
    public void A_client_that_fails_is_named_and_the_others_finish()
    {
        var outcomes = Run(4, Network(Downpour).Build(), rank => new Part(Events: rank == 2 ? new OnStep(step => { if (step == 9) throw new TimeoutException("no data"); }) : null));
        Assert.Multiple(() =>
        {
            Assert.That(outcomes[2].Failure, Is.TypeOf<TimeoutException>());
            Assert.That(outcomes[2].Result, Is.Null);
            Assert.That(outcomes[0].Result!.Communication!.LostClients, Is.EqualTo(new[] { "client 2 left: no data" }));
            Assert.That(outcomes[0].Result!.Status, Is.EqualTo(RunStatus.Completed));
            Assert.That(outcomes[1].Result!.Step, Is.EqualTo(outcomes[0].Result!.Step));
            Assert.That(outcomes[0].Result!.Evaluation!.Accuracy, Is.GreaterThanOrEqualTo(Learned));
        });
    }

    [Test]
    public void A_silent_client_is_taken_for_dead_and_told_when_it_speaks_again()
    {
        var outcomes = Run(3, Network(Downpour with { ClientTimeout = 1 }).Build(), rank => new Part(Events: rank == 1 ? new OnStep(step => { if (step == 5) Thread.Sleep(3000); }) : null));
        Assert.Multiple(() =>
        {
            Assert.That(outcomes[1].Failure, Is.TypeOf<CommunicationException>().With.Message.Contains("client 1").And.Message.Contains("client_timeout"));
            Assert.That(outcomes[0].Result!.Communication!.LostClients, Is.EqualTo(new[] { "client 1 silent for 1 s" }));
        });
    }

    [Test]
    public void A_diverging_client_0_ends_the_run()
    {
        var configuration = Network(Downpour).Optimizer("sgd", ("learning_rate", 1e30f)).Build();
        Assert.That(() => Run(2, configuration), Throws.TypeOf<TrainingDivergedException>());
    }

    [Test]
    public void Client_0_stops_all_and_other_numbers_of_clients_and_servers_go_on()
    {
        using var place = new TemporaryFolder();
        var configuration = Network(Downpour with { Servers = 2 }).Build();
        using (var folder = RunFolder.Create(place["run"], configuration))
        using (var source = new CancellationTokenSource())
        {
            var outcomes = Run(5, configuration, rank => rank == 0 ? new Part(folder, new OnStep(step => { if (step == 30) source.Cancel(); }), source.Token) : new Part());
            Assert.That(outcomes.Select(outcome => outcome.Status), Is.All.EqualTo(RunStatus.Interrupted));
            Assert.That(outcomes[0].Result!.Step, Is.EqualTo(30));
        }
        var file = SafetensorsFile.Read(Path.Combine(place["run"], "checkpoints", "step-0000000030.safetensors"));
        var squares = new float[file["downpour.squares"].Extents[0]];
        file["downpour.squares"].CopyTo(squares);
        Assert.That(squares.Count(square => square > 0), Is.GreaterThan(squares.Length / 2));

        using var resumed = RunFolder.Resume(place["run"], out var same);
        var result = Run(3, same with { Synchronization = same.Synchronization with { Servers = 1 } }, rank => new Part(rank == 0 ? resumed : null))[0].Result!;
        Assert.That((result.Status, result.Epochs), Is.EqualTo((RunStatus.Completed, 5)));
        Assert.That(result.Evaluation!.Accuracy, Is.GreaterThanOrEqualTo(Learned));
        Assert.That(File.ReadAllLines(resumed.MetricsPath).Count(line => line.Contains("\"event\":\"evaluation\"", StringComparison.Ordinal)), Is.EqualTo(5));
    }

    [Test]
    public void An_early_stop_leaves_the_parameters_that_were_judged()
    {
        using var place = new TemporaryFolder();
        var configuration = Network(Downpour).EarlyStopping(("target_accuracy", 0.3f)).Build();
        using var folder = RunFolder.Create(place["run"], configuration);
        var outcomes = Run(4, configuration, rank => new Part(rank == 0 ? folder : null));
        Assert.That(outcomes[0].Result!.Status, Is.EqualTo(RunStatus.EarlyStopped));
        using var device = new CpuDevice(1);
        using var model = Model.Load(folder.ModelPath, device);
        Assert.That(model.Evaluate(Data.Test, new SoloCommunicator()).Loss, Is.EqualTo(outcomes[0].Result!.Evaluation!.Loss).Within(1e-9));
    }

    [TestCase(1, 1, "expected 2 ranks or more for 1 server and a client, got 1")]
    [TestCase(3, 3, "expected 4 ranks or more for 3 servers and a client, got 3")]
    public void Too_few_ranks_are_refused(int ranks, int servers, string message) =>
        Assert.That(() => Run(ranks, Network(Downpour with { Servers = servers }).Build()), Throws.TypeOf<ConfigurationException>().With.Message.Contains(message).And.Message.Not.Contains("\n"));

    [Test]
    public void A_trainer_without_servers_is_refused()
    {
        using var device = new CpuDevice(1);
        Assert.That(() => new Trainer(Network(Downpour).Build(), Data, new TrainerOptions { Device = device }), Throws.TypeOf<ConfigurationException>().With.Message.Contains("downpour"));
        Assert.That(device.LiveBytes, Is.Zero);
    }

    [TestCase(99, 16, "expected another message from client 0 at this time, got tag 99")]
    [TestCase((int)DownpourTag.Push, 16, "expected another message from client 0 at this time, got Push")]
    [TestCase((int)DownpourTag.Fetch, 17, "expected Fetch with 0 values from rank 0, got 1")]
    [TestCase((int)DownpourTag.Initialize, 3, "expected Initialize with 0 values from rank 0, got -13")]
    [TestCase((int)DownpourTag.Initialize, 21, "expected Initialize with 0 parameters and their squares of 0, got 5 values")]
    [TestCase((int)DownpourTag.Leave, 16, "expected another message from client 0 at this time, got Leave")]
    public void A_server_refuses_what_no_client_sends(int tag, int length, string message) =>
        Assert.That(() => InProcessCommunicator.Run(2, world =>
        {
            if (world.Rank == 1) ParameterServer.Serve(world, Downpour);
            else
            {
                world.Send<float>(new float[length], 1, tag);
                world.Barrier();
            }
        }), Throws.TypeOf<CommunicationException>().With.Message.EqualTo($"downpour: {message}"));

    [Test]
    public void A_client_refuses_what_no_server_sends()
    {
        var configuration = Network(Downpour).Build();
        Assert.That(() => InProcessCommunicator.Run(2, world =>
        {
            using var device = new CpuDevice(1);
            if (world.Rank == 0)
            {
                DistributedTraining.Run(configuration, Data, new TrainerOptions { Device = device, Communicator = world });
                return;
            }
            Handshake.Check(world, configuration);
            world.Split(1, 1);
            world.Send<float>(new float[DownpourHeader.Length + 1], 0, (int)DownpourTag.Parameters);
            world.Barrier();
        }), Throws.TypeOf<CommunicationException>().With.Message.Match("^downpour: expected Parameters with [0-9]+ values from rank 1, got 1$"));
    }

    [Test]
    public void A_push_that_is_not_finite_loses_its_client_and_not_the_parameters()
    {
        var options = Downpour with { Server = new NamedOptions("sgd", ("learning_rate", 1f)) };
        InProcessCommunicator.Run(3, world =>
        {
            var message = new float[DownpourHeader.Length + 3];
            if (world.Rank == 2)
            {
                ParameterServer.Serve(world, options);
                return;
            }
            if (world.Rank == 0)
            {
                new DownpourHeader { Version = 3 }.Write(message);
                world.Send<float>(message, 2, (int)DownpourTag.Initialize);
                world.Send<float>(message.AsSpan(0, DownpourHeader.Length), 2, (int)DownpourTag.Go);
                world.Send<float>([0f], 1, 1000);
                world.Send<float>(message.AsSpan(0, DownpourHeader.Length), 2, (int)DownpourTag.FetchLast);
                world.Receive<float>(message, 2, (int)DownpourTag.Parameters);
                Assert.That(message[DownpourHeader.Length..], Is.All.EqualTo(0f));
                message.AsSpan().Clear();
                world.Send<float>(message.AsSpan(0, DownpourHeader.Length), 2, (int)DownpourTag.Shutdown);
                var report = new float[100];
                world.Receive<float>(report, 2, (int)DownpourTag.Report);
                Assert.That(DownpourHeader.Text(report.AsSpan(DownpourHeader.Length + 20)), Is.EqualTo("1 pushed a gradient or rate that is not finite\n"));
                return;
            }
            world.Receive<float>(new float[1], 0, 1000);
            new DownpourHeader { Rate = 1 }.Write(message);
            message[^1] = float.NaN;
            world.Send<float>(message, 2, (int)DownpourTag.Push);
            world.Receive<float>(message, 2, (int)DownpourTag.Stop);
            Assert.That(DownpourHeader.Read(message).Version, Is.EqualTo(1));
            world.Receive<float>(message, 2, (int)DownpourTag.End);
        });
    }

    private static float[] Values(string folder)
    {
        using var device = new CpuDevice(1);
        using var model = Model.Load(Path.Combine(folder, "model.safetensors"), device);
        return model.Parameters.Values.ToArray();
    }

    private sealed class OnStep(Action<long> act) : IRunEvents
    {
        public void Stepped(in StepProgress progress) => act(progress.Step);
    }
}
