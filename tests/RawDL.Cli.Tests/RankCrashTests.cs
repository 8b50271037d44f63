using System.Diagnostics;
using System.Globalization;
using RawDL.NN;
using RawDL.TestKit;

namespace RawDL.Cli.Tests;

/// <summary>One rank of a training is killed, stopped or fails: all end soon, and the run goes on from its newest checkpoint with other ranks.</summary>
[Category("Mpi")]
[Platform("Linux")]
[NonParallelizable]
public sealed class RankCrashTests
{
    private const int Ranks = 3;

    // Without an end, and with a checkpoint every few milliseconds.
    private const string Network = """
        {
          "batch_size": 16, "epochs": 1000000, "seed": 5,
          "optimizer": { "name": "momentum", "learning_rate": 0.01 },
          "evaluation": { "every_steps": 60 }, "checkpoint": { "every_steps": 6 },
          "layers": [
            { "type": "conv2d", "out_channels": 4, "kernel": 5, "activation": "relu" },
            { "type": "max_pool2d", "kernel": 2 },
            { "type": "linear", "out_channels": 10 }
          ]
        }
        """;

    private static readonly string[] Libraries = ["openmpi", "mpich"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private string _folder = "";

    [SetUp]
    public void Choose_a_folder() => _folder = TrainedRun.Fresh("run");

    [TearDown]
    public void Leave_no_process()
    {
        foreach (var (id, _) in JobProcesses.Find(_folder)) JobProcesses.Kill(id);
    }

    [Test]
    public void A_killed_rank_ends_all([ValueSource(nameof(Libraries))] string library, [Values("average", "gradients")] string sync, [Values(1, 2)] int repetition)
    {
        using var job = Begin(library, sync, []);
        Thread.Sleep(TestContext.CurrentContext.Random.Next(600));
        Signal("KILL", IdOf(TestContext.CurrentContext.Random.Next(Ranks)));
        End(job);
        GoOn(library, (repetition + (sync == "average" ? 0 : 1)) % 3);
    }

    // mpiexec passes it on; that of Open MPI gives the ranks a second to end.
    [Test]
    public void A_job_told_to_end_leaves_a_checkpoint([ValueSource(nameof(Libraries))] string library)
    {
        using var job = Begin(library, "average", []);
        Signal("TERM", job.Id);
        // MPICH 4.0.2 says 0 now and then, though all of its ranks end with 143.
        if (library == "mpich") Await(job);
        else End(job);
        Assert.That(File.Exists(Path.Combine(_folder, "model.safetensors")), Is.False);
        GoOn(library, 1);
    }

    [Test]
    public void A_stopped_rank_is_not_waited_for([ValueSource(nameof(Libraries))] string library)
    {
        using var job = Begin(library, "average", [("RAWDL_MPI_TIMEOUT", "4")]);
        Signal("STOP", IdOf(TestContext.CurrentContext.Random.Next(Ranks)));
        Assert.That(End(job).Error, Does.Match(@"(?m)^rank \d: MPI_\w+: expected the other ranks within 4 s, got none"));
        GoOn(library, 0);
    }

    [Test]
    public void A_replica_that_changes_by_itself_exits_with_7([ValueSource(nameof(Libraries))] string library)
    {
        // At this rate the parameters stay those of the first checkpoint, by which their place in memory is found.
        using var job = Begin(library, "gradients", [], "--optimizer", "sgd", "--lr", "1e-30");
        var weight = SafetensorsFile.Read(Newest().Path).Tensors.MaxBy(tensor => tensor.Count)!;
        Assert.That(FlipBits(IdOf(1), weight.Data.Span[..64]), Is.Positive, "no such bytes in the memory of rank 1");
        var run = End(job);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Replica), run.Error);
        Assert.That(run.Error.Split("rawdl: replicas: expected the same parameters on all ranks"), Has.Length.EqualTo(2), run.Error);
        GoOn(library, 0);
    }

    [TestCase("DOTNET_GCHeapHardLimit=0xE00000", "digits", 4, "memory: expected room for the network and its data, got none")]
    [TestCase("RAWDL_DATA=/nowhere", "mnist", 3, "mnist: expected train-images-idx3-ubyte.gz")]
    public void What_fails_on_one_rank_alone_is_told_with_its_number(string variable, string data, int code, string message)
    {
        var root = TrainedRun.Fresh("data");
        DataTests.WriteIdx(Path.Combine(root, "mnist"));
        foreach (var library in Libraries)
        {
            // Nothing is downloaded either.
            (string, string?)[] environment = [("RAWDL_DATA", root), ("XDG_CACHE_HOME", "/nowhere"), ("http_proxy", "http://127.0.0.1:9"), ("https_proxy", "http://127.0.0.1:9")];
            string[] size = data == "digits" ? ["--train-size", "20000", "--steps", "5"] : ["--steps", "1"];
            using var job = Mpiexec.StartWithOddRank(library, Ranks, variable, environment, ["train", "--data", data, .. size, "--quiet", "--out", TrainedRun.Fresh("run")]);
            var run = Rawdl.Finish(job);
            Assert.That((int)run.Code, Is.EqualTo(code), run.Error);
            Assert.That(run.Error, Does.Contain("rank 1: rawdl: ").And.Contain(message).And.Not.Contain("   at "));
            Assert.That(run.Error.Split("rawdl: "), Has.Length.EqualTo(2), run.Error);
        }
    }

    [Test]
    public void A_training_that_diverges_exits_with_5([ValueSource(nameof(Libraries))] string library, [Values("average", "gradients")] string sync)
    {
        var run = Mpiexec.Run(library, Ranks, null, "train", "--train-size", "200", "--test-size", "10", "--optimizer", "sgd", "--lr", "1e6", "--sync", sync, "--quiet", "--out", _folder);
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Diverged, "")), run.Error);
        Assert.That(run.Error.Split("rawdl: "), Has.Length.EqualTo(2), run.Error);
        Assert.That(run.Error, Does.StartWith("rawdl: rank ").And.Contain(": training diverged: "));
    }

    /// <summary>A training in the middle of its run: it has a checkpoint.</summary>
    private Process Begin(string library, string sync, (string Name, string? Value)[] environment, params string[] more)
    {
        var network = TrainedRun.Fresh("net.json");
        File.WriteAllText(network, Network);
        string[] period = sync == "average" ? ["--period", "3"] : [];
        var job = Mpiexec.Start(library, Ranks, environment, ["train", "--config", network, "--train-size", "600", "--test-size", "50", "--threads", "1", "--sync", sync, .. period, .. more, "--quiet", "--out", _folder]);
        while (!job.HasExited && !Checkpoints().Any()) Thread.Sleep(5);
        Assert.That(job.HasExited, Is.False, "the job ended before its first checkpoint");
        return job;
    }

    /// <summary>The end of a job that has failed.</summary>
    private Rawdl End(Process job)
    {
        var run = Await(job);
        Assert.That(run.Code, Is.Not.EqualTo(ExitCode.Ok), run.Error);
        return run;
    }

    /// <summary>Waits until the launcher and all ranks are gone, which must be soon.</summary>
    private Rawdl Await(Process job)
    {
        var clock = Stopwatch.StartNew();
        while (JobProcesses.Find(_folder) is { Count: > 0 } left)
        {
            if (clock.Elapsed > Patience) Assert.Fail($"expected all to end within {Patience.TotalSeconds} s, got ranks {string.Join(", ", left.Select(process => process.Rank))} alive");
            Thread.Sleep(20);
        }
        var run = Rawdl.Finish(job);
        TestContext.Out.WriteLine($"exit {(int)run.Code} after {clock.Elapsed.TotalSeconds:0.0} s");
        return run;
    }

    /// <summary>The newest checkpoint is whole, and the run ends well from there: alone, as threads, or under mpiexec.</summary>
    private void GoOn(string library, int way)
    {
        var (path, step) = Newest();
        using (var device = new CpuDevice(1))
        using (Model.Load(path, device)) { }
        string[] line = ["train", "--resume", _folder, "--steps", $"{step + 7}", "--threads", "1", "--json"];
        var run = way switch { 0 => Rawdl.Call(line), 1 => Rawdl.Call([.. line, "--workers", "2"]), _ => Mpiexec.Run(library, 2, null, line) };
        Assert.That(run.Json().GetProperty("steps").GetInt64(), Is.EqualTo(step + 7));
        Assert.That(run.Json().GetProperty("world_size").GetInt32(), Is.EqualTo(way == 0 ? 1 : 2));
        Assert.That(run.Error, Does.Not.Contain("older checkpoint"));
        TestContext.Out.WriteLine($"went on from step {step}");
    }

    private IEnumerable<string> Checkpoints()
    {
        var folder = Path.Combine(_folder, "checkpoints");
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "step-*.safetensors") : [];
    }

    private (string Path, long Step) Newest()
    {
        var path = Checkpoints().Max()!;
        return (path, long.Parse(Path.GetFileNameWithoutExtension(path)["step-".Length..], CultureInfo.InvariantCulture));
    }

    private int IdOf(int rank) => JobProcesses.Find(_folder).Single(process => process.Rank == rank).Id;

    private static void Signal(string signal, int id)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{id}"]);
        kill.WaitForExit();
        Assert.That(kill.ExitCode, Is.Zero);
    }

    /// <summary>Finds these bytes in the memory of another process, and changes the last bit of each place; gives their number.</summary>
    private static int FlipBits(int id, ReadOnlySpan<byte> bytes)
    {
        var count = 0;
        using var memory = File.OpenHandle($"/proc/{id}/mem", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        foreach (var line in File.ReadLines($"/proc/{id}/maps").Where(line => line.Contains(" rw-p ", StringComparison.Ordinal)).ToList())
        {
            var range = line.Split(' ')[0].Split('-');
            long first = long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), end = long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var content = new byte[Math.Min(end - first, 256 << 20)];
            try
            {
                var read = RandomAccess.Read(memory, content, first);
                for (int at = 0, next; (next = content.AsSpan(at, read - at).IndexOf(bytes)) >= 0; at += next + 1, count++)
                    RandomAccess.Write(memory, [(byte)(bytes[0] ^ 1)], first + at + next);
            }
            catch (IOException)
            {
                // Not to be read.
            }
        }
        return count;
    }
}
