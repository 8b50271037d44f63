using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RawDL.Spark;
using RawDL.TestKit;

namespace RawDL.Cli.Tests;

/// <summary>Ranks that no launcher of MPI started: processes of this program around a process manager of our own. Needs MPICH.</summary>
[Category("Mpi")]
[Platform("Linux")]
[NonParallelizable]
public sealed class RankWorldTests
{
    private const string Token = "0123456789abcdef0123456789abcdef", Library = "/usr/lib/x86_64-linux-gnu/libmpich.so.12";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "rawdl");
    private readonly List<RankProcess> _processes = [];
    private readonly List<string> _lines = [];

    [TearDown]
    public void Leave_no_process()
    {
        foreach (var process in _processes) process.Dispose();
        _processes.Clear();
        _lines.Clear();
    }

    [TestCase(0, 0, TestName = "Two ranks on one machine")]
    [TestCase(0, 1, TestName = "Two ranks on two machines, as far as they know")]
    public void Every_collective_is_right(params int[] nodes)
    {
        using var world = Begin(nodes, ["selftest", "--collectives", "--max-bytes", "64", "--json"]);
        for (var rank = 0; rank < nodes.Length; rank++) world.Bye(rank);
        Assert.That(world.Server.Wait(Patience), Is.EqualTo(new WorldEnd(-1, 0, "")), () => string.Join('\n', _lines));
        _processes[0].Drain();
        using var result = JsonDocument.Parse(_processes[0].Output);
        Assert.That(result.RootElement.GetProperty("ranks").GetInt32(), Is.EqualTo(nodes.Length));
        Assert.That(result.RootElement.GetProperty("collective_failures").GetArrayLength(), Is.Zero);
    }

    [Test]
    public void A_killed_rank_ends_the_world_and_the_others_with_their_tasks()
    {
        var mark = TrainedRun.Fresh("run");
        var world = Begin([0, 0, 0], ["train", "--epochs", "1000000", "--train-size", "200", "--test-size", "10", "--threads", "1", "--out", mark]);
        Assert.That(() => Directory.Exists(Path.Combine(mark, "checkpoints")), Is.True.After(30_000, 20));
        var clock = Stopwatch.StartNew();
        _processes[1].Kill();
        Assert.That(world.Links[0].ReadLine(Patience), Is.EqualTo("cmd=kill value=rank 1 was lost"));
        TestContext.Out.WriteLine($"told after {clock.ElapsedMilliseconds} ms");
        world.Bye(1);
        Assert.That(world.Server.Wait(TimeSpan.FromSeconds(1)), Is.EqualTo(new WorldEnd(1, 137, "rank 1 was lost")));
        world.Dispose();
        foreach (var process in _processes) process.Dispose();
        _processes.Clear();
        Assert.That(JobProcesses.Find(mark), Is.Empty);
    }

    [Test]
    public void A_rank_ends_with_its_task()
    {
        Require();
        var start = new ProcessStartInfo(Program, ["selftest"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["RAWDL_RANK"] = "0";
        using var rank = Process.Start(start)!;
        Assert.That(rank.StandardOutput.ReadLine(), Is.EqualTo("ready"));
        // A session of its own: field 6 of its status, behind the name in parentheses.
        var session = File.ReadAllText($"/proc/{rank.Id}/stat").Split(") ")[1].Split(' ')[3];
        Assert.That(session, Is.EqualTo($"{rank.Id}"));
        rank.StandardInput.Close();
        Assert.That(rank.WaitForExit(Patience));
        Assert.That(rank.ExitCode, Is.EqualTo(97));
    }

    [TestCase("libabsent.so.1", "got RAWDL_MPI_LIB: expected an MPI library (libabsent.so.1), got ")]
    [TestCase("libmpi.so.40", "got libmpi.so.40 (Open MPI ")]
    public void A_library_of_no_use_is_told_before_anything_begins(string library, string line)
    {
        Require();
        var clock = Stopwatch.StartNew();
        using var process = new RankProcess([Program, "selftest"], new Dictionary<string, string> { ["RAWDL_RANK"] = "0", ["RAWDL_MPI_LIB"] = library }, Say, () => { });
        var lack = process.AwaitHello(Patience, CancellationToken.None);
        Assert.That(lack, Does.StartWith("ranks: expected an MPI library of the MPICH family on ").And.Contain(line).And.Contain("apt-get install -y mpich"));
        TestContext.Out.WriteLine($"told after {clock.ElapsedMilliseconds} ms");
    }

    [Test]
    public void A_program_that_ends_at_once_is_told()
    {
        using var process = new RankProcess(["/bin/sh", "-c", "exit 3"], new Dictionary<string, string>(), Say, () => { });
        Assert.That(process.AwaitHello(Patience, CancellationToken.None), Is.EqualTo("rank: expected a process that begins, got one that ended with exit code 3"));
    }

    private static void Require()
    {
        if (!File.Exists(Library)) Required.Missing("mpi", $"no {Library}: apt-get install -y mpich");
    }

    private World Begin(int[] nodes, string[] words)
    {
        Require();
        var world = new World(nodes.Length);
        for (var rank = 0; rank < nodes.Length; rank++)
        {
            var exited = new ManualResetEventSlim();
            world.Exits.Add(exited);
            // What a batch system or another launcher left must not mislead a rank.
            var variables = new Dictionary<string, string> { ["RAWDL_RANK"] = $"{rank}", ["RAWDL_MPI_LIB"] = "" };
            _processes.Add(new RankProcess([Program, .. words], variables, Say, exited.Set));
        }
        for (var rank = 0; rank < nodes.Length; rank++)
        {
            Assert.That(_processes[rank].AwaitHello(Patience, CancellationToken.None), Is.Null);
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(world.Server.EndPoint);
            world.Links.Add(new LineConnection(socket));
            world.Links[rank].WriteLine($"cmd=auth token={Token} launcher={rank} node={nodes[rank]}");
            _processes[rank].Begin(RankChild.BeginLine(rank, nodes.Length, world.Server.EndPoint, Token));
        }
        world.Processes = _processes;
        return world;
    }

    private void Say(string line)
    {
        lock (_lines) _lines.Add(line);
    }

    private sealed class World(int size) : IDisposable
    {
        public Pmi1Server Server { get; } = new(size, Token, IPAddress.Loopback);
        public List<LineConnection> Links { get; } = [];
        public List<ManualResetEventSlim> Exits { get; } = [];
        public List<RankProcess> Processes { get; set; } = [];

        public void Bye(int rank)
        {
            Assert.That(Exits[rank].Wait(Patience), $"rank {rank} did not end");
            Links[rank].WriteLine($"cmd=bye code={Processes[rank].ExitCode}");
        }

        public void Dispose()
        {
            foreach (var link in Links) link.Dispose();
            Server.Dispose();
        }
    }
}
