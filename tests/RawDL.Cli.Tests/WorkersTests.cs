using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary>Ranks as threads of one process.</summary>
[Category("Program")]
public sealed class WorkersTests
{
    private static string[] Training(params string[] rest) =>
        ["train", "--train-size", "120", "--test-size", "30", "--steps", "6", "--batch", "8", "--seed", "2", "--json", "--out", TrainedRun.Fresh("run"), .. rest];

    [Test]
    public void Self_test_checks_every_collective([Values(1, 2, 5)] int workers)
    {
        var result = Rawdl.Call("selftest", "--collectives", "--workers", $"{workers}", "--max-bytes", "64", "--json").Json();
        Assert.That(result.GetProperty("ranks").GetInt32(), Is.EqualTo(workers));
        Assert.That(result.GetProperty("collective_failures").GetArrayLength(), Is.Zero);
        if (workers == 1) return;
        foreach (var timing in result.GetProperty("collective_timings").EnumerateArray())
        {
            var factor = timing.GetProperty("collective").GetString() switch { "all_reduce" => 2.0 * (workers - 1) / workers, "broadcast" => 1, _ => (double)(workers - 1) / workers };
            var algorithm = timing.GetProperty("algbw_gb_per_second").GetDouble();
            Assert.That(algorithm, Is.EqualTo(timing.GetProperty("bytes").GetInt64() / timing.GetProperty("microseconds").GetDouble() / 1000).Within(2e-4));
            Assert.That(timing.GetProperty("busbw_gb_per_second").GetDouble(), Is.EqualTo(algorithm * factor).Within(2e-4));
        }
    }

    [Test]
    public void Self_test_prints_tables()
    {
        var run = Rawdl.Call("selftest", "--collectives", "--workers", "2", "--max-bytes", "4");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
        Assert.That(run.Out, Does.Contain("checks on each of 2 ranks as threads: all passed").And.Contain("busbw GB/s"));
    }

    [TestCase("--period 2")]
    [TestCase("--sync average --period 1x2,2x1,3 --updater-state reset --deterministic")]
    [TestCase("--outer diloco --outer-lr 0.5 --outer-momentum 0.8 --node-period 1")]
    [TestCase("--sync gradients")]
    [TestCase("--sync gradients --wire bfloat16 --accumulate 2")]
    [TestCase("--sync gradients --compression threshold")]
    public void Ranks_train_together(string options)
    {
        var (one, other) = (Rawdl.Call(Training([.. options.Split(' '), "--workers", "2"])), Rawdl.Call(Training([.. options.Split(' '), "--workers", "2", "--threads", "2"])));
        Assert.That(one.Json().GetProperty("communication").GetProperty("ranks").GetInt32(), Is.EqualTo(2));
        Assert.That(one.Error.Split("Run: "), Has.Length.EqualTo(2), one.Error);
        Assert.That(other.Json().GetProperty("parameters_sha256").GetString(), Is.EqualTo(one.Json().GetProperty("parameters_sha256").GetString()), "threads changed the result");
    }

    [Test]
    public void Servers_and_clients_train_and_another_number_of_each_goes_on()
    {
        var line = Training("--sync", "downpour", "--workers", "4", "--servers", "2", "--push-period", "2", "--warm-start", "2", "--server", "sgd", "--server-lr", "0.01");
        var first = Rawdl.Call(line).Json();
        Assert.That((first.GetProperty("world_size").GetInt32(), first.GetProperty("communication").GetProperty("per_rank").GetArrayLength()), Is.EqualTo((4, 2)));
        Assert.That(first.GetProperty("configuration").GetProperty("synchronization").GetProperty("server").GetProperty("learning_rate").GetDouble(), Is.EqualTo(0.01).Within(1e-8));
        var folder = line[Array.IndexOf(line, "--out") + 1];
        var second = Rawdl.Call("train", "--resume", folder, "--steps", "8", "--servers", "1", "--workers", "4", "--json").Json();
        Assert.That((second.GetProperty("steps").GetInt64(), second.GetProperty("communication").GetProperty("per_rank").GetArrayLength()), Is.EqualTo((8L, 3)));
    }

    [Test]
    public void A_process_alone_is_no_server_and_leaves_no_folder()
    {
        var line = Training("--sync", "downpour");
        var run = Rawdl.Call(line);
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(run.Error, Does.Contain("downpour: expected 2 ranks or more for 1 server and a client, got 1"));
        Assert.That(Directory.Exists(line[Array.IndexOf(line, "--out") + 1]), Is.False);
    }

    [Test]
    public void A_run_goes_on_with_another_number_of_ranks()
    {
        var line = Training("--workers", "2", "--trace");
        var folder = line[Array.IndexOf(line, "--out") + 1];
        // In a folder that comes with the run.
        line = [.. line, Path.Combine(folder, "trace.json")];
        Assert.That(Rawdl.Call(line).Code, Is.EqualTo(ExitCode.Ok));
        using (var trace = JsonDocument.Parse(File.ReadAllBytes(line[^1])))
            Assert.That(trace.RootElement.GetProperty("traceEvents").GetArrayLength(), Is.GreaterThan(10));
        foreach (var workers in (int[])[3, 1])
        {
            var run = Rawdl.Call("train", "--resume", folder, "--steps", $"{9 - workers}", "--workers", $"{workers}", "--json");
            Assert.That(run.Json().GetProperty("world_size").GetInt32(), Is.EqualTo(workers));
        }
    }

    [Test]
    public void A_failure_of_ranks_is_told_once()
    {
        var run = Rawdl.Call(Training("--workers", "3", "--optimizer", "sgd", "--lr", "1e6"));
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Diverged, "")), run.Error);
        Assert.That(run.Error.Split("rawdl: "), Has.Length.EqualTo(2), run.Error);
    }

    [Test]
    public void Ranks_share_the_processors([Values(1, 2, 3)] int ranks) =>
        InProcessCommunicator.Run(ranks, communicator => Assert.That(ProcessorShare.Of(communicator.SplitByNode()), Is.EqualTo(Math.Max(1, Environment.ProcessorCount / ranks))));

    [Test]
    public void Plan_follows_a_given_link()
    {
        var plan = Rawdl.Call("plan", "--train-size", "100", "--test-size", "10", "--batch", "8", "--seconds", "0.1", "--optimizer", "sgd",
            "--bandwidth", "2", "--latency", "50", "--ranks", "8", "--share", "10", "--json").Json();
        var bytes = plan.GetProperty("round_bytes").GetInt64();
        Assert.That(bytes, Is.EqualTo(4 * 431_080));
        // A ring of 8, and the meeting before it.
        Assert.That(plan.GetProperty("round_seconds").GetDouble(), Is.EqualTo(14 * (50e-6 + bytes / 8.0 / 2e9) + 7 * 50e-6).Within(1e-9));
        Assert.That(plan.GetProperty("periods").EnumerateArray().Select(row => row.GetProperty("period").GetInt32()), Is.EqualTo(new[] { 1, 2, 5, 10, 20, 50, 100, 200 }));
        Assert.That(plan.GetProperty("recommended_period").GetInt64(), Is.Positive);
    }

    [Test]
    public void Plan_measures_threads()
    {
        var run = Rawdl.Call("plan", "--train-size", "100", "--test-size", "10", "--batch", "8", "--seconds", "0.1", "--workers", "2");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
        Assert.That(run.Out, Does.Contain("link measured between 2 ranks as threads").And.Contain("Average:  --sync average --period "));
    }

    [Test]
    public void The_recommended_period_is_the_smallest_below_the_share([Values(0.001, 0.01, 0.05, 0.3)] double share, [Values(1e-5, 1e-3, 0.02, 1)] double round)
    {
        var plan = new AveragingPlan(4, 64, Step: 0.02, Backward: 0.01, 1000, round, 1000, round, 1e-6);
        var period = plan.Recommend(share);
        Assert.That(plan.Share(period), Is.LessThan(share));
        if (period > 1) Assert.That(plan.Share(period - 1), Is.GreaterThanOrEqualTo(share));
        Assert.That(plan.BeatsGradients(period), Is.EqualTo(round * (1 - 1.0 / period) > 0.01));
    }
}
