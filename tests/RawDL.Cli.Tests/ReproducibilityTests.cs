using System.Diagnostics;
using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary>The parameters at the end of a run are a function of its configuration: not of threads, interruptions or kills, nor of 512-bit vectors.</summary>
[Category("Program")]
public sealed class ReproducibilityTests
{
    // Everything that draws random numbers or keeps a state: dropout, running statistics, augmentation, the optimizer, the schedule.
    private const string Network = """
        {
          "batch_size": 32, "steps": 240, "seed": 5,
          "optimizer": { "name": "adam", "learning_rate": 0.003 }, "schedule": { "name": "one_cycle" },
          "augmentation": { "shift": 2, "rotation": 10 },
          "evaluation": { "every_steps": 100 }, "checkpoint": { "every_steps": 25 },
          "layers": [
            { "type": "conv2d", "out_channels": 6, "kernel": 5 },
            { "type": "batch_norm", "activation": "relu" },
            { "type": "max_pool2d", "kernel": 2 },
            { "type": "dropout", "rate": 0.2 },
            { "type": "linear", "out_channels": 10 }
          ]
        }
        """;

    private string _config = "", _sha256 = "";

    [OneTimeSetUp]
    public void Train_undisturbed()
    {
        _config = TrainedRun.Fresh("net.json");
        File.WriteAllText(_config, Network);
        _sha256 = Sha256(Rawdl.Call(Line("run")));
    }

    [TestCase("1")]
    [TestCase("2")]
    public void The_same_command_gives_the_same_parameters_with_any_number_of_threads(string threads) =>
        Assert.That(Sha256(Rawdl.Call([.. Line("run"), "--threads", threads])), Is.EqualTo(_sha256));

    [Test]
    public void Another_seed_gives_others() => Assert.That(Sha256(Rawdl.Call([.. Line("run"), "--seed", "6"])), Is.Not.EqualTo(_sha256));

    // On a processor without AVX-512 both runs are the same.
    [TestCase("lenet")]
    [TestCase("mlp")]
    [TestCase("resnet")]
    [TestCase("sprint")]
    public void With_and_without_AVX512_the_parameters_are_the_same(string model)
    {
        Assert.That(With("1"), Is.EqualTo(With("0")));

        string With(string switched) => Sha256(Rawdl.Run(new Dictionary<string, string?> { ["DOTNET_EnableAVX512"] = switched }, "train", "--model", model, "--data", "digits",
            "--train-size", "200", "--test-size", "50", "--steps", "4", "--batch", "37", "--out", TrainedRun.Fresh("run"), "--json"));
    }

    [TestCase("INT", 130)]
    [TestCase("TERM", 143)]
    public void An_interrupted_run_leaves_a_checkpoint_and_goes_on(string signal, int code)
    {
        var line = Line("run");
        using var process = Begin(line, out var folder);
        using (var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"])) kill.WaitForExit();
        var run = Rawdl.Finish(process);
        Assert.That((int)run.Code, Is.EqualTo(code), run.Error);
        Assert.That(run.Error, Does.Contain($"go on with: rawdl train --resume {folder}"));
        using var outcome = JsonDocument.Parse(run.Out);
        var step = outcome.RootElement.GetProperty("steps").GetInt64();
        Assert.That(outcome.RootElement.GetProperty("status").GetString(), Is.EqualTo("interrupted"));
        Assert.That(File.Exists(Path.Combine(folder, "checkpoints", $"step-{step:D10}.safetensors")));
        CheckResume(folder);
    }

    [Test]
    public void A_killed_run_goes_on_from_its_last_checkpoint()
    {
        using var process = Begin(Line("run"), out var folder);
        process.Kill();
        var run = Rawdl.Finish(process);
        Assert.That((int)run.Code, Is.EqualTo(137));
        Assert.That(File.Exists(Path.Combine(folder, "model.safetensors")), Is.False);
        CheckResume(folder);
    }

    [Test]
    public void A_run_that_is_over_keeps_its_parameters_when_resumed()
    {
        var line = Line("run");
        Assert.That(Sha256(Rawdl.Call(line)), Is.EqualTo(_sha256));
        CheckResume(line[Array.IndexOf(line, "--out") + 1]);
    }

    private void CheckResume(string folder)
    {
        Assert.That(Sha256(Rawdl.Call("train", "--resume", folder, "--json", "--quiet")), Is.EqualTo(_sha256));
        var steps = File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(text => JsonDocument.Parse(text).RootElement)
            .Where(e => e.GetProperty("event").GetString() == "evaluation").Select(e => e.GetProperty("step").GetInt64());
        Assert.That(steps, Is.EqualTo(new[] { 100, 200, 240 }));
    }

    private string[] Line(string name) =>
        ["train", "--config", _config, "--data", "digits", "--train-size", "300", "--test-size", "50", "--out", TrainedRun.Fresh(name), "--json"];

    // A process in the middle of its run: it has a checkpoint, and is some steps further.
    private static Process Begin(string[] line, out string folder)
    {
        folder = line[Array.IndexOf(line, "--out") + 1];
        var process = Rawdl.Start(new Dictionary<string, string?>(), [.. line, "--threads", "1"]);
        var checkpoints = Path.Combine(folder, "checkpoints");
        while (!process.HasExited && !(Directory.Exists(checkpoints) && Directory.EnumerateFiles(checkpoints, "step-*.safetensors").Any())) Thread.Sleep(5);
        return process;
    }

    private static string Sha256(Rawdl run) => run.Json().GetProperty("parameters_sha256").GetString()!;
}
