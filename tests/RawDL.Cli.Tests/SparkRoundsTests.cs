using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RawDL.Spark.Tests;
using RawDL.TestKit;

namespace RawDL.Cli.Tests;

/// <summary>Trainings in rounds under a real Spark: the bits of mpiexec, whatever is lost on the way.</summary>
[Category("Spark")]
[NonParallelizable]
public sealed class SparkRoundsTests
{
    private const string Cluster = "local-cluster[2,1,1024]";
    private const string Mark = "RAWDL_TEST_MARK";

    private static readonly string[] s_short = ["--data", "digits", "--train-size", "600", "--test-size", "100", "--batch", "32", "--seed", "3", "--deterministic"];

    [TestCase("3.5.9", Cluster, "--steps 24 --sync average --period 5")]
    [TestCase("3.5.9", Cluster, "--steps 12 --sync gradients", "spark.io.encryption.enabled=true")]
    [TestCase("3.5.9", "local[2]", "--steps 12 --period 3 --optimizer adam", "spark.python.use.daemon=false")]
    [TestCase("4.3.0", Cluster, "--steps 12 --period 3 --outer slowmo", "spark.python.worker.reuse=false")]
    public void Rounds_have_the_bits_of_mpiexec(string version, string master, string options, params string[] settings)
    {
        string[] training = ["train", .. s_short, .. options.Split(' ')];
        var rounds = SparkSubmission.Finish(Submit(version, master, settings, [.. training, "--shards", "2", "--json", "--quiet", "--out", TrainedRun.Fresh("run")])).Json();
        var ranks = Mpiexec.Run("mpich", 2, null, [.. training, "--json", "--quiet", "--out", TrainedRun.Fresh("run")]).Json();
        Assert.That(rounds.GetProperty("parameters_sha256").GetString(), Is.EqualTo(ranks.GetProperty("parameters_sha256").GetString()));
        Assert.That(rounds.GetProperty("world_size").GetInt32(), Is.EqualTo(2));
        var communication = rounds.GetProperty("communication");
        foreach (var cost in (string[])["round_ms", "compute_ms", "empty_round_ms"]) Assert.That(communication.GetProperty(cost).GetDouble(), Is.Positive, cost);
    }

    // From the second round on replicas know where: the job is one stage then.
    [TestCase("spark.python.worker.reuse=true", "2,1,1")]
    [TestCase("spark.python.worker.reuse=false", "2,1,1")]
    [TestCase("spark.python.use.daemon=false", "2,2,2")]
    [TestCase("spark.rawdl.rounds.direct=false", "2,2,2")]
    public void Replicas_meet_in_executors_where_they_can(string setting, string stages)
    {
        var log = Directory.CreateDirectory(TrainedRun.Fresh("events")).FullName;
        var run = SparkSubmission.Finish(Submit("3.5.9", Cluster, ["spark.eventLog.enabled=true", $"spark.eventLog.dir=file://{log}", setting],
            ["train", .. s_short, "--steps", "9", "--period", "3", "--shards", "2", "--quiet", "--out", TrainedRun.Fresh("run")]));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
        var jobs = File.ReadLines(Directory.GetFiles(log).Single()).Select(line => JsonDocument.Parse(line).RootElement).Where(one => one.GetProperty("Event").GetString() == "SparkListenerJobStart")
            .Where(one => one.GetProperty("Properties").TryGetProperty("spark.job.description", out var text) && text.GetString()!.Contains(", round ", StringComparison.Ordinal))
            .Select(one => one.GetProperty("Stage IDs").GetArrayLength());
        Assert.That(string.Join(',', jobs), Is.EqualTo(stages));
    }

    // On this machine, and on another file system.
    [TestCase("--period 3", "average", "")]
    [TestCase("--sync gradients", "update", "viewfs:/traces")]
    public void A_trace_has_the_driver_and_every_replica(string options, string applied, string remote)
    {
        var file = TrainedRun.Fresh("trace.json");
        var folder = Path.GetDirectoryName(file);
        var run = SparkSubmission.Finish(Submit("3.5.9", "local[2]", [$"spark.hadoop.fs.viewfs.mounttable.default.link./traces=file://{folder}"],
            ["train", .. s_short, "--steps", "12", .. options.Split(' '), "--shards", "2", "--quiet", "--json", "--out", TrainedRun.Fresh("run"), "--trace", remote.Length > 0 ? $"{remote}/trace.json" : file]));
        var rounds = run.Json().GetProperty("communication").GetProperty("rounds").GetInt32() - 1;
        var trace = TraceSpans.Read(file);
        Assert.That(trace.Keys, Is.EqualTo(new[] { "rank 0", "rank 1", "driver" }));
        foreach (var rank in (string[])["rank 0", "rank 1"])
            Assert.That(trace[rank], Is.EqualTo(Enumerable.Repeat((string[])["fetch", "compute", "push"], rounds).SelectMany(names => names)));
        foreach (var name in (string[])["round", "broadcast", "job", "collect", applied])
            Assert.That(trace["driver"].Count(other => other == name), Is.EqualTo(rounds), name);
        Assert.That(trace["driver"], Does.Contain("evaluate").And.Contain("checkpoint"));
        Assert.That(Directory.GetFiles(folder!, "*.part"), Is.Empty);
    }

    [Test]
    public void A_trace_that_cannot_be_written_is_told_before_the_first_job([Values("rounds", "ranks")] string mode)
    {
        var folder = TrainedRun.Fresh("run");
        var run = SparkSubmission.Finish(Submit("3.5.9", "local[2]", [], ["train", .. s_short, "--spark-mode", mode, "--out", folder, "--trace", "/proc/nowhere/trace.json"]));
        Assert.That(run.Code, Is.EqualTo(ExitCode.InputOutput), run.Out + run.Error);
        Assert.That(run.Out, Does.Match(@"^rawdl: --trace: expected a file that can be written, got '/proc/nowhere/trace.json': [^\n]+\n$"));
        Assert.That(Directory.Exists(folder), Is.False);
    }

    // As users submit: to a master with two workers, in both modes; two applications at once have executors on both.
    [Test]
    public void A_standalone_cluster_trains_in_both_modes_and_for_two_at_once()
    {
        using var cluster = new StandaloneCluster(SparkInstallation.Of("3.5.9").Home, workers: 2);
        string[] training = ["train", .. s_short, "--steps", "12", "--period", "3", "--shards", "2", "--json", "--quiet"];
        string[] half = ["spark.cores.max=2", "spark.executor.cores=1", "spark.executor.memory=512m"];
        Process[] jobs = [.. Enumerable.Range(0, 2).Select(_ => Submit("3.5.9", cluster.Master, half, [.. training, "--out", TrainedRun.Fresh("run")]))];
        List<string?> found = [.. jobs.Select(job => SparkSubmission.Finish(job).Json().GetProperty("parameters_sha256").GetString())];
        var ranks = SparkSubmission.Finish(Submit("3.5.9", cluster.Master, half, [.. training, "--spark-mode", "ranks", "--out", TrainedRun.Fresh("run")])).Json();
        Assert.That(found, Is.All.EqualTo(ranks.GetProperty("parameters_sha256").GetString()));
    }

    // Executors and their workers are killed at random moments of broadcast, computing and exchange.
    [Test]
    public void Lost_executors_and_workers_change_nothing()
    {
        var random = new Random(1);
        var kills = new List<string>();
        ChangesNothing(["train", .. s_short, "--steps", "120", "--period", "2"], ["spark.task.maxFailures=100"], [], (job, mark, _) =>
        {
            while (!job.WaitForExit(random.Next(300, 3000)) && kills.Count < 8)
            {
                var victims = kills.Count % 2 == 0 ? Running(mark, "CoarseGrainedExecutorBackend") : Running(mark, "pyspark.daemon");
                // The first ones may not have begun to work.
                if (victims.Count < 2) continue;
                kills.Add(kills.Count % 2 == 0 ? "executor" : "worker");
                JobProcesses.Kill(victims[random.Next(victims.Count)]);
            }
        });
        Assert.That(kills, Has.Count.GreaterThanOrEqualTo(2), "kills");
    }

    // In each part of a round, and while the driver saves: the next part is named when another executor has come. With a broadcast and Spark's exchange, or with replicas that meet; these exchange after a loss, too.
    [TestCase("true", "fetch,compute,push,exchange,sum,save")]
    [TestCase("false", "fetch,compute,exchange,sum")]
    public void An_executor_lost_in_any_part_of_a_round_changes_nothing(string direct, string parts)
    {
        var configuration = TrainedRun.Fresh("net.json");
        File.WriteAllText(configuration, """
            {
              "optimizer": { "name": "momentum", "learning_rate": 0.01 }, "checkpoint": { "every_steps": 10 },
              "layers": [{ "type": "linear", "out_channels": 500, "activation": "relu" }, { "type": "linear", "out_channels": 10 }]
            }
            """);
        var wishes = Directory.CreateDirectory(TrainedRun.Fresh("wishes")).FullName;
        string[] settings = [$"spark.pyspark.python={AppContext.BaseDirectory}RawDL.SparkProbe", $"spark.rawdl.rounds.direct={direct}"];
        ChangesNothing(["train", "--config", configuration, .. s_short, "--steps", "400", "--period", "10"], settings, [(SparkProbe.CrashingRounds.Variable, wishes)], (job, mark, folder) =>
        {
            List<int> executors = [];
            foreach (var part in parts.Split(','))
            {
                Wait(() => Running(mark, "pyspark.daemon").Count == 2 && Running(mark, "CoarseGrainedExecutorBackend") is { Count: 2 } now && !now.SequenceEqual(executors));
                executors = Running(mark, "CoarseGrainedExecutorBackend");
                var wish = Path.Combine(wishes, part);
                File.WriteAllText(wish, "");
                if (part == "save")
                {
                    using var watch = new FileSystemWatcher(Path.Combine(folder, "checkpoints"));
                    watch.WaitForChanged(WatcherChangeTypes.Created, SparkSubmission.Patience);
                    JobProcesses.Kill(executors[0]);
                    File.Delete(wish);
                }
                Wait(() => !File.Exists(wish));

                void Wait(Func<bool> condition)
                {
                    for (var waited = Stopwatch.StartNew(); !condition(); Thread.Sleep(20))
                        Assert.That(job.HasExited || waited.Elapsed > SparkSubmission.Patience, Is.False, $"{part}: expected a running job, got none, or nothing happens");
                }
            }
            File.WriteAllText(Path.Combine(wishes, "end"), "");
        });
    }

    /// <summary>A training on two executors has the bits of one in a single process, whatever happens to it, and leaves nothing behind.</summary>
    private static void ChangesNothing(string[] training, string[] settings, (string, string?)[] environment, Action<Process, string, string> disturb)
    {
        var undisturbed = Rawdl.Call([.. training, "--quiet", "--json", "--workers", "2", "--out", TrainedRun.Fresh("run")]).Json();
        var result = TrainedRun.Fresh("result.json");
        var (folder, mark) = (TrainedRun.Fresh("run"), Guid.NewGuid().ToString("N"));
        using var job = SparkSubmission.Start("3.5.9", Cluster, settings, [.. training, "--quiet", "--json-file", result, "--shards", "2", "--out", folder], [(Mark, mark), .. environment]);
        var output = job.StandardOutput.ReadToEndAsync();
        var error = job.StandardError.ReadToEndAsync();
        try
        {
            disturb(job, mark, folder);
            Assert.That(job.WaitForExit(SparkSubmission.Patience), Is.True, "the end");
        }
        finally
        {
            if (!job.HasExited) job.Kill(entireProcessTree: true);
        }
        Assert.That((ExitCode)job.ExitCode, Is.EqualTo(ExitCode.Ok), () => output.Result + error.Result);
        using var document = JsonDocument.Parse(File.ReadAllText(result));
        Assert.That(document.RootElement.GetProperty("parameters_sha256").GetString(), Is.EqualTo(undisturbed.GetProperty("parameters_sha256").GetString()));
        Assert.That(Running(mark, "pyspark.daemon"), Is.Empty, "workers left behind");
    }

    [Test]
    public void A_driver_that_is_asked_to_end_leaves_a_checkpoint_that_goes_on() => LeavesACheckpoint([], ExitCode.Terminated, mark =>
    {
        foreach (var driver in Running(mark, "job.py train"))
            using (var kill = Process.Start("kill", ["-TERM", $"{driver}"])) kill.WaitForExit();
    });

    [Test]
    public void A_job_that_is_killed_in_the_UI_leaves_a_checkpoint_that_goes_on()
    {
        var page = new Uri($"http://127.0.0.1:{FreePort()}/");
        LeavesACheckpoint(["spark.ui.enabled=true", $"spark.ui.port={page.Port}"], ExitCode.RunAgain, _ =>
        {
            using var browser = new HttpClient { BaseAddress = page };
            var applications = JsonDocument.Parse(browser.GetStringAsync("api/v1/applications").Result).RootElement;
            var jobs = $"api/v1/applications/{applications[0].GetProperty("id").GetString()}/jobs?status=running";
            // Between rounds there is none, and one may end before it is killed.
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromSeconds(60); Thread.Sleep(50))
            {
                try
                {
                    foreach (var job in JsonDocument.Parse(browser.GetStringAsync(jobs).Result).RootElement.EnumerateArray())
                    {
                        using var answer = browser.PostAsync($"jobs/job/kill/?id={job.GetProperty("jobId")}", null).Result;
                    }
                }
                catch (AggregateException ended) when (ended.InnerException is HttpRequestException)
                {
                    return;
                }
            }
        });
    }

    private static void LeavesACheckpoint(string[] settings, ExitCode code, Action<string> end)
    {
        // At a constant rate, which does not depend on where the run was to end.
        var configuration = TrainedRun.Fresh("net.json");
        File.WriteAllText(configuration, """{ "optimizer": { "name": "momentum", "learning_rate": 0.01 }, "layers": [{ "type": "linear", "out_channels": 32, "activation": "relu" }, { "type": "linear", "out_channels": 10 }] }""");
        string[] training = ["train", "--config", configuration, .. s_short, "--period", "2", "--json", "--quiet"];
        var (folder, mark) = (TrainedRun.Fresh("run"), Guid.NewGuid().ToString("N"));
        using (var process = Submit("3.5.9", Cluster, settings, [.. training, "--steps", "5000", "--shards", "2", "--out", folder], mark))
        {
            var error = process.StandardError.ReadToEndAsync();
            process.StandardOutput.ReadToEndAsync();
            var checkpoints = Path.Combine(folder, "checkpoints");
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < SparkSubmission.Patience && !(Directory.Exists(checkpoints) && Directory.GetFiles(checkpoints, "step-*").Length > 0);) Thread.Sleep(200);
            end(mark);
            Assert.That(process.WaitForExit(SparkSubmission.Patience), Is.True, "the end");
            Assert.That((ExitCode)process.ExitCode, Is.EqualTo(code), () => error.Result);
        }
        var reached = Directory.GetFiles(Path.Combine(folder, "checkpoints"), "step-*").Max(path => long.Parse(Path.GetFileNameWithoutExtension(path)["step-".Length..], CultureInfo.InvariantCulture));
        var resumed = Rawdl.Call("train", "--resume", folder, "--steps", $"{reached + 7}", "--workers", "2", "--json", "--quiet").Json();
        var whole = Rawdl.Call([.. training, "--steps", $"{reached + 7}", "--workers", "2", "--out", TrainedRun.Fresh("run")]).Json();
        Assert.That(resumed.GetProperty("parameters_sha256").GetString(), Is.EqualTo(whole.GetProperty("parameters_sha256").GetString()));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [Test]
    public void A_replica_that_diverges_is_one_line_and_its_exit_code()
    {
        var run = SparkSubmission.Finish(Submit("3.5.9", "local[2]", [], ["train", .. s_short, "--steps", "8", "--optimizer", "sgd", "--lr", "1000000", "--shards", "2", "--quiet", "--out", TrainedRun.Fresh("run")]));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Diverged));
        Assert.That(run.Out, Does.Match("rawdl: rank [01]: training diverged: expected finite values, but in step [0-9]+ "));
    }

    private static Process Submit(string version, string master, string[] settings, string[] words, string? mark = null) => SparkSubmission.Start(version, master, settings, words, (Mark, mark));

    /// <summary>Processes that have inherited the test's mark and were started with these words.</summary>
    private static List<int> Running(string mark, string words)
    {
        var found = new List<int>();
        foreach (var folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id)) continue;
            try
            {
                if (File.ReadAllText($"{folder}/cmdline").Replace('\0', ' ').Contains(words, StringComparison.Ordinal)
                    && File.ReadAllText($"{folder}/environ").Contains($"{Mark}={mark}", StringComparison.Ordinal)) found.Add(id);
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile.
            }
        }
        found.Sort();
        return found;
    }
}
