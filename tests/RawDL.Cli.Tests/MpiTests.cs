using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary>The program under mpiexec: the same command line, one voice, the same results.</summary>
[Category("Mpi")]
[Platform("Linux")]
[NonParallelizable]
public sealed class MpiTests
{
    private static readonly string[] Libraries = ["openmpi", "mpich"];

    private static string[] Training(string folder) =>
        ["train", "--train-size", "100", "--test-size", "30", "--epochs", "1", "--batch", "8", "--seed", "3", "--period", "3", "--threads", "1", "--out", folder];

    private static readonly Lazy<string> InThreads = new(() => Sha256(Rawdl.Call([.. Training(TrainedRun.Fresh("threads")), "--json", "--workers", "2"])));

    [Test]
    public void Self_test_checks_and_times_every_collective([ValueSource(nameof(Libraries))] string library, [Values(1, 2, 3)] int ranks)
    {
        var result = Mpiexec.Run(library, ranks, null, "selftest", "--collectives", "--max-bytes", "64", "--json").Json();
        Assert.That(result.GetProperty("ranks").GetInt32(), Is.EqualTo(ranks));
        Assert.That(result.GetProperty("collective_failures").GetArrayLength(), Is.Zero);
        Assert.That(result.GetProperty("collective_checks").GetInt32(), Is.GreaterThan(50));
        Assert.That(result.GetProperty("collective_timings").GetArrayLength(), ranks == 1 ? Is.Zero : Is.GreaterThan(8));
    }

    [Test]
    public void Training_gives_what_threads_give_and_only_rank_0_speaks([ValueSource(nameof(Libraries))] string library)
    {
        var folder = TrainedRun.Fresh("run");
        var run = Mpiexec.Run(library, 2, null, [.. Training(folder), "--json"]);
        Assert.That(Sha256(run), Is.EqualTo(InThreads.Value));
        Assert.That(run.Out + run.Error, Does.Not.Contain("\x1b"));
        Assert.That(run.Error.Split("Run: "), Has.Length.EqualTo(2), run.Error);
        Assert.That(run.Json().GetProperty("communication").GetProperty("ranks").GetInt32(), Is.EqualTo(2));
        var resumed = Mpiexec.Run(library, 3, null, "train", "--resume", folder, "--epochs", "2", "--json").Json();
        Assert.That(resumed.GetProperty("communication").GetProperty("ranks").GetInt32(), Is.EqualTo(3));
    }

    // With three ranks the order of a sum shows in its bits.
    [Test]
    public void A_fixed_order_gives_the_bits_of_threads([Values("average --period 3", "gradients")] string sync)
    {
        string[] Line() =>
            ["train", "--train-size", "100", "--test-size", "10", "--epochs", "1", "--batch", "8", "--sync", .. sync.Split(' '), "--deterministic", "--threads", "1", "--json", "--out", TrainedRun.Fresh("run")];
        var threads = Sha256(Rawdl.Call([.. Line(), "--workers", "3"]));
        foreach (var library in Libraries) Assert.That(Sha256(Mpiexec.Run(library, 3, null, Line())), Is.EqualTo(threads), library);
    }

    // 61 samples in batches of 8: shards and tails are uneven for every number of ranks.
    [Test]
    public void Every_strategy_counts_every_sample([ValueSource(nameof(Libraries))] string library, [Values("average", "gradients", "downpour")] string sync, [Values(1, 2, 3, 4)] int ranks)
    {
        var run = Mpiexec.Run(library, ranks, null, "train", "--model", "mlp", "--train-size", "61", "--test-size", "10", "--epochs", "2", "--batch", "8", "--sync", sync, "--threads", "1",
            "--out", TrainedRun.Fresh("run"), "--json");
        if (sync == "downpour" && ranks == 1)
        {
            Fails(run, ExitCode.Usage, "downpour: expected 2 ranks or more for 1 server and a client, got 1");
            return;
        }
        var result = run.Json();
        Assert.That((result.GetProperty("status").GetString(), result.GetProperty("world_size").GetInt32()), Is.EqualTo(("completed", ranks)));
        if (ranks == 1) Assert.That(result.GetProperty("steps").GetInt64(), Is.EqualTo(2 * 8));
        else Assert.That(result.GetProperty("communication").GetProperty("per_rank").EnumerateArray().Sum(rank => rank.GetProperty("samples").GetInt64()), Is.EqualTo(2 * 61));
    }

    [Test]
    public void Servers_and_clients_train([ValueSource(nameof(Libraries))] string library, [Values(1, 2)] int servers)
    {
        var folder = TrainedRun.Fresh("run");
        var run = Mpiexec.Run(library, 3 + servers, null, "train", "--train-size", "400", "--test-size", "100", "--model", "mlp", "--epochs", "6", "--batch", "8", "--threads", "1", "--sync", "downpour",
            "--servers", $"{servers}", "--out", folder, "--json");
        var communication = run.Json().GetProperty("communication");
        Assert.That(communication.GetProperty("per_rank").EnumerateArray().Sum(rank => rank.GetProperty("samples").GetDouble()), Is.EqualTo(2400));
        Assert.That(communication.TryGetProperty("lost_clients", out _), Is.False);
        Assert.That(run.Json().GetProperty("accuracy").GetDouble(), Is.GreaterThan(0.2));
        Assert.That(run.Error.Split("Run: "), Has.Length.EqualTo(2), run.Error);
        var resumed = Mpiexec.Run(library, 2, null, "train", "--resume", folder, "--epochs", "7", "--servers", "1", "--json").Json();
        Assert.That((resumed.GetProperty("epochs").GetInt32(), resumed.GetProperty("world_size").GetInt32()), Is.EqualTo((7, 2)));
    }

    [Test]
    public void Evaluation_does_not_depend_on_ranks([ValueSource(nameof(Libraries))] string library)
    {
        JsonElement one = Rawdl.Call("eval", TrainedRun.Folder, "--json", "--quiet").Json(), three = Mpiexec.Run(library, 3, null, "eval", TrainedRun.Folder, "--json", "--quiet").Json();
        Assert.That(three.GetProperty("accuracy").GetDouble(), Is.EqualTo(one.GetProperty("accuracy").GetDouble()));
        Assert.That(three.GetProperty("loss").GetDouble(), Is.EqualTo(one.GetProperty("loss").GetDouble()).Within(1e-6));
    }

    [TestCase("openmpi", "libmpich.so.12")]
    [TestCase("mpich", "libmpi.so.40")]
    public void A_library_of_another_launcher_exits_with_6(string library, string other) =>
        Fails(Mpiexec.Run(library, 2, other, "selftest"), ExitCode.Communication, "rawdl: MPI: expected 2 ranks as mpiexec of ");

    [Test]
    public void A_missing_library_exits_with_6([ValueSource(nameof(Libraries))] string library)
    {
        var run = Mpiexec.Run(library, 2, "libabsent.so.1", "train", "--quiet");
        Fails(run, ExitCode.Communication, "rawdl: RAWDL_MPI_LIB: expected an MPI library (libabsent.so.1), got ");
        Assert.That(run.Error, Does.Contain("apt-get install -y openmpi-bin"));
    }

    [Test]
    public void What_all_ranks_find_wrong_is_said_once([ValueSource(nameof(Libraries))] string library)
    {
        Fails(Mpiexec.Run(library, 3, null, "train", "--workers", "2"), ExitCode.Usage, "--workers: expected none under mpiexec of ");
        Fails(Mpiexec.Run(library, 3, null, "train", "--period", "soon"), ExitCode.Usage, "--period: expected steps as 5");
        Fails(Mpiexec.Run(library, 3, null, "train", "--out", TrainedRun.Folder, "--train-size", "100", "--test-size", "10"), ExitCode.Usage, "expected a new folder, got one with a run");
        Fails(Mpiexec.Run(library, 2, null, "eval", "nowhere"), ExitCode.Data, "rawdl: nowhere: expected a file, got nothing at this path");
    }

    [Test]
    public void Plan_measures_the_link([ValueSource(nameof(Libraries))] string library)
    {
        var plan = Mpiexec.Run(library, 2, null, "plan", "--train-size", "100", "--test-size", "10", "--batch", "8", "--seconds", "0.1", "--json").Json();
        Assert.That(plan.GetProperty("link").GetString(), Does.StartWith("measured between 2 ranks of "));
        Assert.That(plan.GetProperty("round_seconds").GetDouble(), Is.Positive);
    }

    private static void Fails(Rawdl run, ExitCode code, string line)
    {
        Assert.That((run.Code, run.Out), Is.EqualTo((code, "")), run.Error);
        Assert.That(run.Error.Split(line), Has.Length.EqualTo(2), run.Error);
        Assert.That(run.Error, Does.Not.Contain("   at ").And.Not.Contain("\x1b").And.Not.Match(@"(?m)^rank \d+: "));
    }

    private static string Sha256(Rawdl run) => run.Json().GetProperty("parameters_sha256").GetString()!;
}
