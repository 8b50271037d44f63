using System.Net;
using System.Net.Sockets;
using RawDL.NN;

namespace RawDL.Spark.Tests;

/// <summary>What travels between rank 0's task and the driver: the files of a run, lines, the wish to stop; and what does not.</summary>
public sealed class RankFileTests
{
    private const string Token = "0123456789abcdef0123456789abcdef";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private string _root = "";
    private RunFolder _folder = null!;
    private readonly List<string> _lines = [];

    [SetUp]
    public void Begin()
    {
        _root = Directory.CreateTempSubdirectory("rawdl-ranks-").FullName;
        var configuration = TrainingConfiguration.Parse("""{ "layers": [ { "type": "linear", "out_channels": 2 } ] }"""u8.ToArray());
        _folder = RunFolder.Create(Path.Combine(_root, "driver"), configuration);
        _lines.Clear();
    }

    [TearDown]
    public void End()
    {
        _folder.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [TestCase("checkpoints/step-0000000040.safetensors")]
    [TestCase("checkpoints/step-12345678901.safetensors")]
    [TestCase("checkpoints/best.safetensors")]
    [TestCase("metrics.jsonl")]
    [TestCase("loss.png")]
    public void A_file_of_a_run(string name) => Assert.That(RankFiles.Check(name), Is.EqualTo(name));

    [TestCase("../step-0000000040.safetensors")]
    [TestCase("checkpoints/../../step-0000000040.safetensors")]
    [TestCase("checkpoints/step-40.safetensors")]
    [TestCase("checkpoints/step-/../../0000.safetensors")]
    [TestCase("checkpoints/step-+000000040.safetensors")]
    [TestCase("config.json")]
    [TestCase(".lock")]
    [TestCase("/etc/passwd")]
    [TestCase("")]
    public void Another_file(string name) => Assert.That(() => RankFiles.Check(name), Throws.TypeOf<SparkProtocolException>());

    [Test]
    public void Files_lines_and_the_result_arrive_and_a_stop_comes_back()
    {
        var there = Path.Combine(_root, "executor");
        RankState.Unpack(there, "{}", default);
        using var inbox = Listen(out var mirror);
        var stops = new ManualResetEventSlim();
        using (var uplink = RankUplink.Open("127.0.0.1", inbox.Port, inbox.Token))
        {
            uplink.Listen(stops.Set, () => { });
            var shipper = new FolderShipper(there, uplink);
            File.AppendAllText(Path.Combine(there, "metrics.jsonl"), "{\"step\":1}\n{\"st");
            Assert.That(() => Read("metrics.jsonl"), Is.EqualTo("{\"step\":1}\n").After(10_000, 20));
            foreach (var step in (long[])[10, 20, 30])
            {
                File.WriteAllText(Path.Combine(there, RankFiles.Step(step)), $"step {step}");
                Assert.That(() => Read(RankFiles.Step(step)), Is.EqualTo($"step {step}").After(10_000, 20));
            }
            File.AppendAllText(Path.Combine(there, "metrics.jsonl"), "ep\":2}\n");
            File.WriteAllText(Path.Combine(there, "unknown.txt"), "x");
            File.WriteAllBytes(Path.Combine(there, "model.safetensors"), new byte[1_000_000]);
            File.WriteAllText(Path.Combine(there, "loss.png"), "picture");
            uplink.Line("epoch 1");
            inbox.Stop();
            Assert.That(stops.Wait(s_patience));
            shipper.Finish();
            uplink.Conclude("{}"u8.ToArray(), CancellationToken.None);
        }
        Assert.That(inbox.AwaitEnd(s_patience));
        Assert.That(mirror.Failure, Is.Null);
        Assert.That(_lines, Is.EqualTo(new[] { "epoch 1" }));
        Assert.That(inbox.Result, Is.EqualTo("{}"u8.ToArray()));
        Assert.That(Read("metrics.jsonl"), Is.EqualTo("{\"step\":1}\n{\"step\":2}\n"));
        Assert.That(new FileInfo(_folder.ModelPath).Length, Is.EqualTo(1_000_000));
        Assert.That(Read("loss.png"), Is.EqualTo("picture"));
        // As many are kept as on the executor.
        Assert.That(Directory.EnumerateFiles(_folder.In("checkpoints"), "step-*").Select(Path.GetFileName).Order(), Is.EqualTo(new[] { "step-0000000020.safetensors", "step-0000000030.safetensors" }));
        Assert.That(File.Exists(_folder.In("unknown.txt")), Is.False);
    }

    [Test]
    public void A_stranger_gets_nothing_and_the_task_still_comes_in()
    {
        using var inbox = Listen(out _);
        foreach (var hello in (byte[][])[TaskBytes.Text("wrong"), TaskBytes.Int(int.MaxValue), TaskBytes.Int(-5), "GET / HTTP/1.1\r\n\r\n"u8.ToArray()])
        {
            using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            stranger.Connect(IPAddress.Loopback, inbox.Port);
            stranger.Send(hello);
            stranger.ReceiveTimeout = 10_000;
            Assert.That(Receive(stranger), Is.Zero);
        }
        Assert.That(inbox.IsConnected, Is.False);
        using var uplink = RankUplink.Open("127.0.0.1", inbox.Port, inbox.Token);
        Assert.That(inbox.IsConnected);
        // One, and no other.
        Assert.That(() => RankUplink.Open("127.0.0.1", inbox.Port, inbox.Token), Throws.TypeOf<CommunicationException>().With.Message.Contains("spark.driver.host"));
    }

    [Test]
    public void A_task_that_is_lost_in_a_file_leaves_none()
    {
        using var inbox = Listen(out _);
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            socket.Connect(IPAddress.Loopback, inbox.Port);
            socket.Send([.. TaskBytes.Text(inbox.Token), .. TaskBytes.Int((int)RankMessage.File), .. TaskBytes.Text("model.safetensors"), .. TaskBytes.Long(1000), 1, 2, 3]);
            Assert.That(() => inbox.IsConnected, Is.True.After(10_000, 10));
        }
        Assert.That(inbox.AwaitEnd(s_patience));
        Assert.That(File.Exists(_folder.ModelPath), Is.False);
        Assert.That(inbox.Result, Is.Null);
    }

    [Test]
    public void A_file_that_is_none_of_a_run_ends_the_connection()
    {
        using var inbox = Listen(out _);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, inbox.Port);
        socket.Send([.. TaskBytes.Text(inbox.Token), .. TaskBytes.Int((int)RankMessage.File), .. TaskBytes.Text("../escaped"), .. TaskBytes.Long(1), 1]);
        Assert.That(() => inbox.IsConnected, Is.True.After(10_000, 10));
        Assert.That(inbox.AwaitEnd(s_patience));
        Assert.That(File.Exists(Path.Combine(_root, "escaped")), Is.False);
    }

    [Test]
    public void The_state_of_a_run_is_its_newest_whole_checkpoint()
    {
        Assert.That(RankState.Pack(_folder, out var step), Is.Null);
        SafetensorsFile.Write(_folder.In(RankFiles.Step(10)), [], new Dictionary<string, string>());
        File.WriteAllText(_folder.In(RankFiles.Step(20)), "damaged");
        File.WriteAllText(_folder.MetricsPath, "{\"step\":10}\n{\"step\":15}\n");
        var state = RankState.Pack(_folder, out step)!;
        Assert.That(step, Is.EqualTo(10));
        var there = Path.Combine(_root, "executor");
        RankState.Unpack(there, "{}", state);
        Assert.That(File.ReadAllBytes(Path.Combine(there, RankFiles.Step(10))), Is.EqualTo(File.ReadAllBytes(_folder.In(RankFiles.Step(10)))));
        Assert.That(File.ReadAllText(Path.Combine(there, "metrics.jsonl")), Is.EqualTo("{\"step\":10}\n"));
        Assert.That(File.ReadAllText(Path.Combine(there, "config.json")), Is.EqualTo("{}"));
    }

    [Test]
    public void Tasks_are_ranked_by_their_nodes()
    {
        Assert.That(RankOrder.Of(["b", "a", "b", "a"]), Is.EqualTo(new[] { (0, 0), (2, 1), (1, 0), (3, 1) }));
        Assert.That(RankOrder.Mapping([0, 0, 1, 1, 1]), Is.EqualTo("(vector,(0,1,2),(1,1,3))"));
        var (first, second) = (NodeKey.Of(), NodeKey.Of());
        Assert.That(second, Is.EqualTo(first));
    }

    [Test]
    public void What_tasks_are_told_comes_back()
    {
        var payload = new RankPayload(3, ["train", "{run}/x", "{cpus}"], "{}", "runs/a", 7, -1, "::1", 99, Token, true);
        var copy = RankPayload.Decode(payload.Encode());
        Assert.That(copy with { Words = [] }, Is.EqualTo(payload with { Words = [] }));
        Assert.That(copy.FillWords("/r", 2), Is.EqualTo(new[] { "train", "/r/x", "2" }));
        var facts = new RankFacts("n", null, new IPEndPoint(IPAddress.IPv6Loopback, 5), Token);
        Assert.That(RankFacts.Decode(facts.Encode()), Is.EqualTo(facts));
        Assert.That(() => RankFacts.Decode("{\"manager\":1}"), Throws.TypeOf<SparkProtocolException>());
        var outcome = new StageOutcome(StageOutcomeKind.Ended, 137, "é");
        Assert.That(StageOutcome.Decode(outcome.Encode()), Is.EqualTo(outcome));
    }

    private static int Receive(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[1]);
        }
        catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }

    private RankInbox Listen(out RunMirror mirror) => new(IPAddress.Loopback, mirror = new RunMirror(_folder, 2, null), line =>
    {
        lock (_lines) _lines.Add(line);
    });

    private string? Read(string name) => File.Exists(_folder.In(name)) ? File.ReadAllText(_folder.In(name)) : null;
}
