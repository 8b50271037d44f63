using System.Text.Json;

namespace RawDL.NN.Tests;

/// <summary>Runs over small drawn digits: what a run leaves, how it ends, and that an interrupted one ends with the same bits.</summary>
public sealed class TrainerTests
{
    private static readonly DatasetPair Data = Digits.Open(seed: 5, train: 150, test: 40);

    // Everything that has a state: batch norm, dropout, augmentation, an optimizer with two moments, a schedule.
    private static ConfigurationBuilder Network() => new ConfigurationBuilder("test").Seed(3).BatchSize(32).Epochs(3)
        .Optimizer("adam", ("learning_rate", 0.005f)).Schedule("one_cycle").Augmentation(("shift", 2), ("rotation", 10))
        .Layers(new Conv2d(4, 5) { Stride = (2, 2) }, new BatchNorm { Activation = Activation.Relu() }, new Dropout(0.2f), new Linear(10));

    private static TrainerResult Run(TrainingConfiguration configuration, RunFolder? folder = null, IRunEvents? events = null, int threads = 1, CancellationToken cancel = default)
    {
        var device = new CpuDevice(threads);
        TrainerResult result;
        using (var trainer = new Trainer(configuration, Data, new TrainerOptions { Device = device, Folder = folder, Events = events })) result = trainer.Run(cancel);
        device.Dispose();
        Assert.That(device.LiveBytes, Is.Zero);
        return result;
    }

    [Test]
    public void The_same_seed_gives_the_same_bits_for_any_number_of_threads_and_another_seed_others()
    {
        var hash = Run(Network().Build()).ParametersSha256;
        Assert.Multiple(() =>
        {
            Assert.That(Run(Network().Build(), threads: 2).ParametersSha256, Is.EqualTo(hash));
            Assert.That(Run(Network().Build(), threads: 3).ParametersSha256, Is.EqualTo(hash));
            Assert.That(Run(Network().Seed(4).Build()).ParametersSha256, Is.Not.EqualTo(hash));
        });
    }

    [Test]
    public void A_run_stopped_after_any_step_and_resumed_ends_with_the_same_bits()
    {
        // 150 samples in batches of 32: five steps an epoch, the last one short.
        var configuration = Network().Checkpoint(("every_epochs", 0), ("keep", 1)).Build();
        var whole = Run(configuration);
        Assert.That(whole.Step, Is.EqualTo(15));
        for (var stop = 1; stop < 15; stop++)
        {
            using var place = new TemporaryFolder();
            using (var source = new CancellationTokenSource())
            using (var folder = RunFolder.Create(place["run"], configuration))
            {
                var interrupted = Run(configuration, folder, new StopAfter(stop, source), cancel: source.Token);
                Assert.That((interrupted.Status, interrupted.Step), Is.EqualTo((RunStatus.Interrupted, (long)stop)));
            }
            using var resumed = RunFolder.Resume(place["run"], out var same);
            var result = Run(same, resumed);
            Assert.That(result.ParametersSha256, Is.EqualTo(whole.ParametersSha256), $"stopped after step {stop}");
            Assert.That(result.History.Training, Is.EqualTo(whole.History.Training));
            Assert.That(result.History.Evaluation, Is.EqualTo(whole.History.Evaluation));
            Assert.That(Events(resumed), Is.EqualTo(new[] { "epoch 5", "evaluation 5", "epoch 10", "evaluation 10", "epoch 15", "evaluation 15" }));
        }
    }

    [Test]
    public void A_killed_run_goes_on_from_its_newest_whole_checkpoint()
    {
        using var place = new TemporaryFolder();
        var configuration = Network().Checkpoint(("every_epochs", 0), ("every_steps", 2), ("keep", 3)).Build();
        var whole = Run(configuration);
        using (var folder = RunFolder.Create(place["run"], configuration))
            Assert.That(() => Run(configuration, folder, new ThrowAfter(9)), Throws.TypeOf<TimeoutException>());
        Assert.That(Checkpoints(place), Is.EqualTo(new[] { "step-0000000004", "step-0000000006", "step-0000000008" }));

        var newest = Path.Combine(place["run"], "checkpoints", "step-0000000008.safetensors");
        var bytes = File.ReadAllBytes(newest);
        bytes[^5] ^= 1;
        File.WriteAllBytes(newest, bytes);
        var warnings = new Warnings();
        using (var folder = RunFolder.Resume(place["run"], out var same))
            Assert.That(Run(same, folder, warnings).ParametersSha256, Is.EqualTo(whole.ParametersSha256));
        Assert.That(warnings.Lines, Has.Count.EqualTo(1).And.Some.Contains("the file is damaged"));
    }

    [Test]
    public void Without_a_whole_checkpoint_a_killed_run_begins_anew()
    {
        using var place = new TemporaryFolder();
        var configuration = Network().Checkpoint(("every_steps", 3)).Build();
        using (var folder = RunFolder.Create(place["run"], configuration))
            Assert.That(() => Run(configuration, folder, new ThrowAfter(4)), Throws.TypeOf<TimeoutException>());
        File.WriteAllText(Path.Combine(place["run"], "checkpoints", "step-0000000003.safetensors"), "cut");
        using var resumed = RunFolder.Resume(place["run"], out var same);
        Assert.That(Run(same, resumed).ParametersSha256, Is.EqualTo(Run(configuration).ParametersSha256));
    }

    [Test]
    public void A_finished_run_leaves_its_files_and_a_model_that_evaluates_alike()
    {
        using var place = new TemporaryFolder();
        var configuration = Network().Data("digits").Build();
        using var folder = RunFolder.Create(place["run"], configuration);
        var result = Run(configuration, folder);
        using var summary = JsonDocument.Parse(File.ReadAllBytes(folder.SummaryPath));
        var root = summary.RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(root.GetProperty("accuracy").GetDouble(), Is.EqualTo(result.Evaluation!.Accuracy));
            Assert.That(root.GetProperty("loss").GetDouble(), Is.EqualTo(result.Evaluation.Loss));
            Assert.That(root.GetProperty("parameters_sha256").GetString(), Is.EqualTo(result.ParametersSha256));
            Assert.That(root.GetProperty("seed").GetUInt64(), Is.EqualTo(3));
            Assert.That(root.GetProperty("world_size").GetInt32(), Is.EqualTo(1));
            Assert.That(root.GetProperty("epochs").GetInt32(), Is.EqualTo(3));
            Assert.That(root.GetProperty("images_per_second").GetDouble(), Is.GreaterThan(0));
            Assert.That(root.GetProperty("seconds").GetDouble(), Is.GreaterThan(0));
            Assert.That(root.GetProperty("device").GetString(), Does.StartWith("cpu"));
            Assert.That(root.GetProperty("configuration").GetProperty("batch_size").GetInt32(), Is.EqualTo(32));
            Assert.That(File.ReadAllText(folder.ReportPath), Does.Contain("Accuracy:").And.Contain(result.ParametersSha256));
            Assert.That(Checkpoints(place), Is.EqualTo(new[] { "step-0000000010", "step-0000000015" }));
        });
        using var device = new CpuDevice(1);
        foreach (var (path, accuracy) in ((string, double)[])[(folder.ModelPath, result.Evaluation!.Accuracy), (folder.BestPath, result.Best!.Value.Accuracy)])
        {
            using var model = Model.Load(path, device);
            Assert.That(model.Evaluate(Data.Test, new SoloCommunicator()).Accuracy, Is.EqualTo(accuracy));
        }
        folder.Dispose();
        Assert.That(() => RunFolder.Create(place["run"], configuration), Throws.TypeOf<RunFolderException>().With.Message.Contains("--resume"));
        // Resuming what is over changes nothing.
        using var again = RunFolder.Resume(place["run"], out var same);
        Assert.That(Run(same, again).ParametersSha256, Is.EqualTo(result.ParametersSha256));
        Assert.That(Events(again), Has.Length.EqualTo(6));
    }

    [Test]
    public void One_process_at_a_time_works_in_a_folder_and_a_folder_with_other_things_is_left_alone()
    {
        using var place = new TemporaryFolder();
        using var folder = RunFolder.Create(place["run"], Network().Build());
        Assert.That(() => RunFolder.Resume(place["run"], out _), Throws.TypeOf<RunFolderException>().With.Message.Contains("in use"));
        Assert.That(() => RunFolder.Resume(place["nothing"], out _), Throws.TypeOf<RunFolderException>().With.Message.Contains("no such folder"));
        File.WriteAllText(place["file"], "");
        Assert.That(() => RunFolder.Create(place.Path, Network().Build()), Throws.TypeOf<RunFolderException>().With.Message.Contains("other files"));
        Assert.That(() => RunFolder.Create(place["file"], Network().Build()), Throws.TypeOf<RunFolderException>().With.Message.Contains("got a file"));
    }

    [Test]
    public void A_folder_is_waited_for_while_a_process_that_was_killed_lets_it_go()
    {
        using var place = new TemporaryFolder();
        var folder = RunFolder.Create(place["run"], Network().Build());
        using var timer = new Timer(_ => folder.Dispose(), null, 200, Timeout.Infinite);
        using var resumed = RunFolder.Resume(place["run"], out var _);
        Assert.That(resumed.IsResumed);
    }

    [Test]
    public void A_loss_that_overflowed_is_remembered_as_none([Values(double.PositiveInfinity, double.NaN)] double loss)
    {
        var state = new RunState { Best = new LossPoint(1, 0.5, loss, 0.25) };
        state.History.AddTraining(new LossPoint(1, 1, loss, double.NaN));
        using var json = JsonDocument.Parse(JsonBytes.Of(state.Write));
        var read = RunState.Read(json.RootElement);
        Assert.That((read.Best, read.History.Training[0]), Is.EqualTo((new LossPoint(1, 0.5, double.NaN, 0.25), new LossPoint(1, 1, double.NaN, double.NaN))));
    }

    [Test]
    public void Epochs_are_steps_and_a_whole_batch_is_one_step_an_epoch()
    {
        Assert.That(Run(Network().Steps(10).Build()).ParametersSha256, Is.EqualTo(Run(Network().Epochs(2).Build()).ParametersSha256));
        Assert.That(Run(Network().BatchSize(0).Build()).Step, Is.EqualTo(3));
        Assert.That(Run(Network().BatchSize(1).Epochs(1).Build()).Step, Is.EqualTo(150));
        var partial = Run(Network().Steps(7).Build());
        Assert.That((partial.Epochs, partial.History.Training.Count, partial.History.Evaluation[^1].Step), Is.EqualTo((1, 2, 7L)));
    }

    [Test]
    public void Early_stopping_ends_by_target_by_patience_and_by_time()
    {
        var target = Run(Network().EarlyStopping(("target_accuracy", 0)).Build());
        Assert.That((target.Status, target.Step, target.StopReason), Is.EqualTo((RunStatus.EarlyStopped, 5L, "target: accuracy " + target.Evaluation!.Accuracy.ToString("f4") + " reached 0")));
        var patience = Run(Network().EarlyStopping(("patience", 2), ("minimum_improvement", 100)).Epochs(9).Build());
        Assert.That((patience.Status, patience.Step), Is.EqualTo((RunStatus.EarlyStopped, 15L)));
        Assert.That(patience.StopReason, Does.StartWith("patience: 2 evaluations"));
        var time = Run(Network().EarlyStopping(("maximum_seconds", 0)).Build());
        Assert.That((time.Status, time.Step), Is.EqualTo((RunStatus.EarlyStopped, 1L)));
        Assert.That(time.StopReason, Does.StartWith("time"));
    }

    [Test]
    public void With_validation_the_run_is_judged_by_held_out_training_samples_and_scored_by_the_test_samples()
    {
        using var place = new TemporaryFolder();
        var configuration = Network().Validation(0.2f).Build();
        using var folder = RunFolder.Create(place["run"], configuration);
        var result = Run(configuration, folder);
        Assert.That(result.Step, Is.EqualTo(3 * 4));
        Assert.That(result.Evaluation!.Count, Is.EqualTo(40));
        Assert.That(File.ReadAllText(folder.MetricsPath), Does.Contain("digits/train/test"));
    }

    [TestCase("sgd", 1e30f, "the output of layer")]
    [TestCase("adam", 3e38f, "not finite")]
    public void A_run_that_diverges_names_step_and_layer_and_keeps_its_last_checkpoint(string optimizer, float rate, string words)
    {
        using var place = new TemporaryFolder();
        var configuration = new ConfigurationBuilder("wild").BatchSize(50).Epochs(40).Optimizer(optimizer, ("learning_rate", rate)).Checkpoint(("every_steps", 1), ("keep", 1))
            .Layers(new Linear(8) { Activation = Activation.Relu(), Name = "hidden" }, new Linear(10) { Name = "out" }).Build();
        using var folder = RunFolder.Create(place["run"], configuration);
        var error = Assert.Throws<TrainingDivergedException>(() => Run(configuration, folder))!;
        TestContext.Out.WriteLine(error.Message);
        Assert.That(error.Message, Does.Contain($"in step {error.Step} ").And.Contain(words));
        Assert.That(error.Layer, Does.StartWith("hidden").Or.StartsWith("out"));
        using var device = new CpuDevice(1);
        foreach (var name in Checkpoints(place))
            using (var model = Model.Load(Path.Combine(place["run"], "checkpoints", name + ".safetensors"), device))
                Assert.That(model.Parameters.Values.ToArray(), Has.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void From_the_second_epoch_on_training_allocates_nothing_on_the_device()
    {
        using var device = new CpuDevice(2);
        var counts = new List<long>();
        using var trainer = new Trainer(Network().Epochs(4).Evaluation(("every_epochs", 100)).Build(), Data, new TrainerOptions { Device = device, Events = new Count(device, counts) });
        trainer.Run();
        Assert.That(counts, Has.Count.EqualTo(4));
        Assert.That(counts[3], Is.EqualTo(counts[0]));
    }

    // A batch at once; in parts whose gradients add up as a tree.
    [TestCase(32)]
    [TestCase(64)]
    public void A_step_allocates_no_managed_memory(int batchSize)
    {
        using var device = new CpuDevice(2);
        var bytes = new StepBytes();
        var network = Network().Epochs(8).BatchSize(batchSize).Evaluation(("every_epochs", 100));
        if (batchSize > device.GradientPart) network.Layers(new Conv2d(4, 5) { Stride = (2, 2), Activation = Activation.Relu() }, new Dropout(0.2f), new Linear(10));
        using var trainer = new Trainer(network.Build(), Data, new TrainerOptions { Device = device, Events = bytes });
        trainer.Run();
        Assert.That(bytes.Steps, Is.GreaterThan(10));
        Assert.That(bytes.Most, Is.Zero);
    }

    [Test]
    public void Data_that_does_not_fit_is_refused_before_the_first_step()
    {
        using var device = new CpuDevice(1);
        var options = new TrainerOptions { Device = device };
        Assert.That(() => new Trainer(Network().Input(3, 28, 28).Build(), Data, options), Throws.TypeOf<ShapeException>().With.Message.Contains("[3, 28, 28]").And.Message.Contains("[1, 28, 28]"));
        Assert.That(() => new Trainer(new ConfigurationBuilder("n").Layers(new Linear(7) { Name = "last" }).Build(), Data, options),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("last (linear): expected an output [10] for 10 classes, got [7]."));
        var other = new DatasetPair(Data.Train, new FloatDataset("t", new Shape(1, 28, 28), new float[784], [0], ["a"]));
        Assert.That(() => new Trainer(Network().Build(), other, options), Throws.ArgumentException.With.Message.Contains("10 classes, got 1 classes"));
        Assert.That(device.LiveBytes, Is.Zero);
    }

    private static string[] Checkpoints(TemporaryFolder place) =>
        [.. Directory.GetFiles(Path.Combine(place["run"], "checkpoints"), "step-*").Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    private static string[] Events(RunFolder folder) => [.. File.ReadLines(folder.MetricsPath).Select(line =>
    {
        using var document = JsonDocument.Parse(line);
        return $"{document.RootElement.GetProperty("event").GetString()} {document.RootElement.GetProperty("step").GetInt64()}";
    })];

    private sealed class StopAfter(long step, CancellationTokenSource source) : IRunEvents
    {
        public void Stepped(in StepProgress progress)
        {
            if (progress.Step == step) source.Cancel();
        }
    }

    // As good as a kill: nothing of the trainer runs after it.
    private sealed class ThrowAfter(long step) : IRunEvents
    {
        public void Stepped(in StepProgress progress)
        {
            if (progress.Step == step) throw new TimeoutException();
        }
    }

    private sealed class Warnings : IRunEvents
    {
        public List<string> Lines { get; } = [];

        public void Warned(string message) => Lines.Add(message);
    }

    private sealed class Count(Device device, List<long> counts) : IRunEvents
    {
        public void EpochEnded(EpochProgress epoch) => counts.Add(device.Allocations);
    }

    // What a step makes on the training thread, the first epoch and the first step of each excepted.
    private sealed class StepBytes : IRunEvents
    {
        private int _epoch;
        private long _last;

        public int Steps { get; private set; }

        public long Most { get; private set; }

        public void Stepped(in StepProgress progress)
        {
            if (progress.Epoch > 1 && progress.Epoch == _epoch) (Steps, Most) = (Steps + 1, Math.Max(Most, GC.GetAllocatedBytesForCurrentThread() - _last));
            (_epoch, _last) = (progress.Epoch, GC.GetAllocatedBytesForCurrentThread());
        }
    }
}
