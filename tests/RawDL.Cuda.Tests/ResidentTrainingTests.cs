using RawDL.NN;

namespace RawDL.Cuda.Tests;

/// <summary>Whole training runs on the emulated device: against the CPU, and repeated on the device against step by step.</summary>
public sealed class ResidentTrainingTests
{
    private const string Network = """
        {
          "name": "small", "seed": 3, "epochs": 2, "batch_size": 16,
          "layers": [
            { "type": "conv2d", "out_channels": 4, "kernel": 5, "activation": "relu" },
            { "type": "max_pool2d", "kernel": 2 },
            { "type": "linear", "out_channels": 16, "activation": "relu" },
            { "type": "dropout", "rate": 0.25 },
            { "type": "linear", "out_channels": 10 }
          ]
        }
        """;

    private static readonly DatasetPair s_data = Datasets.Open("digits", new DataOptions { TrainSize = 72, TestSize = 20 });

    // AdamW has a decay that follows the rate: segments of its own in every step.
    [TestCase("adam"), TestCase("adamw"), TestCase("momentum")]
    public void Repeated_steps_have_the_bits_of_single_ones(string optimizer)
    {
        var configuration = Configure(optimizer) with { Augmentation = new Augmentation(Shift: 1, Rotation: 8, Scale: 0.08f) };
        var (repeated, losses) = Train(configuration, repeats: true);
        var (single, _) = Train(configuration with { Augmentation = new Augmentation() }, repeats: false);
        // Without augmentation the batches are the host's to the bit.
        var (plain, _) = Train(configuration with { Augmentation = new Augmentation() }, repeats: true);
        Assert.That(plain, Is.EqualTo(single));
        Assert.That(repeated, Is.Not.EqualTo(single));
        Assert.That(losses, Has.Count.EqualTo(10).And.All.GreaterThan(0));
    }

    [Test]
    public void A_run_on_the_device_follows_that_on_the_cpu()
    {
        var configuration = Configure("adam");
        var (_, losses) = Train(configuration, repeats: true);
        using var cpu = new CpuDevice(2);
        var expected = Losses(configuration, cpu, repeats: false, out _);
        for (var i = 0; i < losses.Count; i++) Assert.That(losses[i], Is.EqualTo(expected[i]).Within(1e-4).Percent.Or.EqualTo(expected[i]).Within(1e-4), $"step {i + 1}");
    }

    [Test]
    public void A_loss_that_is_not_finite_names_the_layer_and_changes_nothing()
    {
        var configuration = Configure("sgd") with { Optimizer = new NamedOptions("sgd").With("learning_rate", 1e30f) };
        using var device = CudaDevices.OpenEmulated(new CudaOptions());
        using var trainer = new Trainer(configuration, s_data, new TrainerOptions { Device = device });
        var failure = Assert.Throws<TrainingDivergedException>(() => trainer.Run());
        Assert.That(failure!.Message, Does.Contain("not finite"));
        Assert.That(failure.Step, Is.GreaterThan(1));
    }

    [Test]
    public void Without_memory_for_the_model_there_is_one_line_and_the_checkpoint_stays()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "memory-" + Guid.NewGuid().ToString("N")[..8]);
        try
        {
            var configuration = Configure("adam") with { Epochs = 1 };
            using (var folder = RunFolder.Create(path, configuration)) Run(folder, configuration, null);
            using (var folder = RunFolder.Resume(path, out var resumed))
            {
                var failure = Assert.Throws<CudaException>(() => Run(folder, resumed with { Epochs = 2 }, 64 << 10));
                Assert.That(failure!.IsOutOfMemory);
                Assert.That(failure.Message, Does.Match("expected \\d+ free bytes, got \\d+$"));
            }
            using (var folder = RunFolder.Resume(path, out var resumed)) Assert.That(Run(folder, resumed with { Epochs = 2 }, null).Step, Is.EqualTo(10));
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }

        static TrainerResult Run(RunFolder folder, TrainingConfiguration configuration, long? limit)
        {
            using var device = CudaDevices.OpenEmulated(new CudaOptions { MemoryLimit = limit });
            using var trainer = new Trainer(configuration, s_data, new TrainerOptions { Device = device, Folder = folder });
            return trainer.Run();
        }
    }

    [Test]
    public void Data_that_do_not_fit_are_sent_batch_by_batch()
    {
        var data = Datasets.Open("digits", new DataOptions { TrainSize = 4000, TestSize = 16 });
        var configuration = Configure("momentum") with { Steps = 3, BatchSize = 4 };
        var bits = new List<string>();
        foreach (var limit in (long?[])[null, 3 << 20])
        {
            using var device = CudaDevices.OpenEmulated(new CudaOptions { MemoryLimit = limit });
            using var trainer = new Trainer(configuration, data, new TrainerOptions { Device = device });
            trainer.Run();
            bits.Add(trainer.Model.Parameters.Sha256());
        }
        Assert.That(bits[1], Is.EqualTo(bits[0]));
    }

    private static TrainingConfiguration Configure(string optimizer) => TrainingConfiguration.Parse(System.Text.Encoding.UTF8.GetBytes(Network)) with { Optimizer = new NamedOptions(optimizer) };

    private static (string Sha256, List<double> Losses) Train(TrainingConfiguration configuration, bool repeats)
    {
        using var device = CudaDevices.OpenEmulated(new CudaOptions());
        var losses = Losses(configuration, device, repeats, out var sha256);
        return (sha256, losses);
    }

    private static List<double> Losses(TrainingConfiguration configuration, Device device, bool repeats, out string sha256)
    {
        var recorder = new Recorder();
        using var trainer = new Trainer(configuration, s_data, new TrainerOptions { Device = device, RepeatsSteps = repeats, Events = recorder });
        trainer.Run();
        sha256 = trainer.Model.Parameters.Sha256();
        return recorder.Losses;
    }

    private sealed class Recorder : IRunEvents
    {
        public List<double> Losses { get; } = [];

        public void Stepped(in StepProgress progress) => Losses.Add(progress.Loss);
    }
}
