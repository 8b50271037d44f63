using System.Diagnostics;
using RawDL.Spark.Tests;
using RawDL.TestKit;

namespace RawDL.Cli.Tests;

/// <summary>Ranks inside a real Spark: the training of mpiexec, whatever happens to them.</summary>
[Category("Spark")]
[Platform("Linux")]
[NonParallelizable]
public sealed class RanksTests
{
    private const string Network = """
        {
          "batch_size": 16, "steps": 900, "seed": 5,
          "optimizer": { "name": "momentum", "learning_rate": 0.01 },
          "evaluation": { "every_steps": 300 }, "checkpoint": { "every_steps": 50 },
          "layers": [
            { "type": "conv2d", "out_channels": 4, "kernel": 5, "activation": "relu" },
            { "type": "max_pool2d", "kernel": 2 },
            { "type": "linear", "out_channels": 10 }
          ]
        }
        """;

    private string _run = "", _network = "";

    [SetUp]
    public void Choose_a_folder()
    {
        (_run, _network) = (TrainedRun.Fresh("run"), TrainedRun.Fresh("net.json"));
        File.WriteAllText(_network, Network);
    }

    // One submission for all of it: the ranks end within a second, the stage comes again from a checkpoint, and the bits are those of an undisturbed mpiexec.
    [TestCase("rank", @"rank [01] was lost \(exit code 137\)")]
    [TestCase("executor", @"SparkException: Job aborted due to stage failure: [^\n]+")]
    public void A_killed_rank_or_executor_changes_nothing(string victim, string lost)
    {
        string[] training = ["train", "--config", _network, "--data", "digits", "--train-size", "500", "--test-size", "50", "--period", "5", "--deterministic"];
        var undisturbed = Mpiexec.Run("mpich", 2, null, [.. training, "--threads", "1", "--json", "--out", TrainedRun.Fresh("mpiexec")]).Json();
        var folder = TrainedRun.Fresh("spark");
        using var job = Submit(folder, "local-cluster[2,1,1024]", [], [.. training, "--spark-mode", "ranks", "--out", _run]);
        while (!job.HasExited && Ranks(folder).Count < 2) Thread.Sleep(20);
        while (!job.HasExited && !Checkpoints().Any()) Thread.Sleep(5);
        var ranks = Ranks(folder);
        Assert.That(ranks, Has.Count.EqualTo(2), "the run ended before its first checkpoint");
        var rank = ranks[TestContext.CurrentContext.Random.Next(2)];
        JobProcesses.Kill(victim == "rank" ? rank : ParentOf(ParentOf(rank)));
        var clock = Stopwatch.StartNew();
        while (Ranks(folder).Intersect(ranks).Any()) Thread.Sleep(5);
        TestContext.Out.WriteLine($"all ranks gone after {clock.ElapsedMilliseconds} ms");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(3)));
        var run = Rawdl.Finish(job);
        Assert.That((int)run.Code, Is.Zero, run.Out + run.Error);
        Assert.That(run.Out, Does.Match($"warning: ranks: {lost}; submitting the stage again, 1 of 3"));
        Assert.That(run.Out, Does.Match("Going on at step [0-9]+ of 900 steps"));
        using var summary = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(_run, "summary.json")));
        Assert.That(summary.RootElement.GetProperty("parameters_sha256").GetString(), Is.EqualTo(undisturbed.GetProperty("parameters_sha256").GetString()));
        Assert.That(summary.RootElement.GetProperty("communication").GetProperty("ranks").GetInt32(), Is.EqualTo(2));
        Assert.That(File.ReadLines(Path.Combine(_run, "metrics.jsonl")).Count(line => line.Contains("\"evaluation\"", StringComparison.Ordinal)), Is.EqualTo(3));
        Assert.That(run.Out, Does.Contain(File.ReadAllText(Path.Combine(_run, "report.txt"))));
        Assert.That(Rawdl.Call("eval", _run, "--quiet", "--json").Json().GetProperty("accuracy").GetDouble(), Is.EqualTo(summary.RootElement.GetProperty("accuracy").GetDouble()));
        Assert.That(Ranks(folder), Is.Empty);
    }

    [Test]
    public void A_driver_told_to_end_gets_a_checkpoint()
    {
        var folder = TrainedRun.Fresh("spark");
        using var job = Submit(folder, "local[2]", [], ["train", "--config", _network, "--steps", "1000000", "--data", "digits", "--train-size", "500", "--test-size", "50", "--spark-mode", "ranks", "--out", _run]);
        while (!job.HasExited && !Checkpoints().Any()) Thread.Sleep(20);
        // The driver, and not the JVM around it or the ranks.
        var driver = JobProcesses.Find(_run).Select(found => found.Id).Single(id => File.ReadAllText($"/proc/{id}/cmdline").StartsWith(Program, StringComparison.Ordinal) && !Ranks(folder).Contains(id));
        using (var kill = Process.Start("kill", ["-TERM", $"{driver}"])) kill.WaitForExit();
        var run = Rawdl.Finish(job);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Terminated), run.Out + run.Error);
        Assert.That(run.Out, Does.Contain($"go on with: rawdl train --resume {_run}"));
        Assert.That(Ranks(folder), Is.Empty);
        var step = long.Parse(Path.GetFileNameWithoutExtension(Checkpoints().Max()!)["step-".Length..]);
        var more = Rawdl.Call("train", "--resume", _run, "--steps", $"{step + 5}", "--threads", "1", "--json", "--quiet").Json();
        Assert.That(more.GetProperty("steps").GetInt64(), Is.EqualTo(step + 5));
    }

    [Test]
    public void A_trace_has_the_events_of_mpiexec()
    {
        string[] training = ["train", "--config", _network, "--steps", "20", "--data", "digits", "--train-size", "200", "--test-size", "50", "--period", "5", "--quiet"];
        string trace = TrainedRun.Fresh("trace.json"), expected = TrainedRun.Fresh("trace.json");
        Assert.That(Mpiexec.Run("mpich", 2, null, [.. training, "--out", TrainedRun.Fresh("mpiexec"), "--trace", expected]).Code, Is.EqualTo(ExitCode.Ok));
        using var job = Submit(TrainedRun.Fresh("spark"), "local[2]", [], [.. training, "--spark-mode", "ranks", "--out", _run, "--trace", trace]);
        var run = Rawdl.Finish(job);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Out + run.Error);
        Assert.That(TraceSpans.Read(trace), Is.EqualTo(TraceSpans.Read(expected)));
        Assert.That(File.Exists(Path.Combine(_run, "trace.json")), Is.False);
    }

    [TestCase("--shards 3", "", "", "ranks: 3 ranks need as many slots, the cluster has 2; submit with --master local[3]")]
    [TestCase("", "spark.dynamicAllocation.enabled=true", "", "ranks: expected executors that stay, got spark.dynamicAllocation.enabled=true; submit with --conf spark.dynamicAllocation.enabled=false")]
    [TestCase("", "", "libabsent.so.1", "ranks: expected an MPI library of the MPICH family on ")]
    public void What_cannot_work_is_told_in_one_line(string words, string setting, string library, string line)
    {
        var folder = TrainedRun.Fresh("spark");
        string[] more = words.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        using var job = Submit(folder, "local[2]", setting.Length > 0 ? [setting] : [], ["train", "--train-size", "100", "--test-size", "10", "--spark-mode", "ranks", .. more, "--out", _run], library);
        var run = Rawdl.Finish(job);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Communication), run.Out + run.Error);
        Assert.That(run.Out, Does.Contain($"rawdl: {line}"));
        Assert.That(run.Out, Does.Not.Contain("submitting the stage again"));
        Assert.That(Ranks(folder), Is.Empty);
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "rawdl");

    // What the driver says comes out at spark-submit's standard output.
    private static Process Submit(string folder, string master, string[] settings, string[] words, string library = "")
    {
        var home = SparkInstallation.Of("3.5.9").Home;
        Directory.CreateDirectory(folder);
        var job = Path.Combine(folder, "job.py");
        File.WriteAllText(job, "");
        string[] all = [$"spark.pyspark.python={Program}", $"spark.pyspark.driver.python={Program}", "spark.ui.enabled=false", $"spark.local.dir={folder}", .. settings];
        var start = new ProcessStartInfo(Path.Combine(home, "bin/spark-submit"), ["--master", master, .. all.SelectMany(s => (string[])["--conf", s]), job, .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        (start.Environment["SPARK_HOME"], start.Environment["SPARK_LOCAL_IP"], start.Environment["RAWDL_MPI_LIB"]) = (home, "127.0.0.1", library);
        return Process.Start(start)!;
    }

    // They run in folders of Spark's.
    private static List<int> Ranks(string folder) =>
        [.. JobProcesses.Find($"--resume\0{folder}").Select(found => found.Id)];

    // Behind the name, which stands in parentheses, and the state. That of a rank is the executor's worker, and that one's is the JVM.
    private static int ParentOf(int id) => int.Parse(File.ReadAllText($"/proc/{id}/stat").Split(") ")[^1].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);

    private IEnumerable<string> Checkpoints()
    {
        var folder = Path.Combine(_run, "checkpoints");
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "step-*.safetensors") : [];
    }
}
