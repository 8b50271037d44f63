using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark.Tests;

/// <summary>The process manager of ranks, spoken to by hand: who may come in, what ranks and their tasks are told.</summary>
public sealed class PmiServerTests
{
    private const string Token = "0123456789abcdef0123456789abcdef";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private Pmi1Server _server = null!;
    private readonly List<LineConnection> _connections = [];

    [SetUp]
    public void Listen() => _server = new Pmi1Server(2, Token, IPAddress.Loopback);

    [TearDown]
    public void Close()
    {
        foreach (var connection in _connections) connection.Dispose();
        _connections.Clear();
        _server.Dispose();
    }

    [TestCase("cmd=initack pmiid=0", TestName = "A library that connects by itself")]
    [TestCase("cmd=auth id=0", TestName = "No token")]
    [TestCase("cmd=auth token=0123456789abcdef0123456789abcdee id=0", TestName = "A wrong token")]
    [TestCase("cmd=auth token=0123456789abcdef0123456789abcdef id=2", TestName = "A rank that is not there")]
    [TestCase("cmd=auth token=0123456789abcdef0123456789abcdef id=-1", TestName = "A negative rank")]
    [TestCase("cmd=auth token=0123456789abcdef0123456789abcdef launcher=0", TestName = "A task without a node")]
    [TestCase("cmd=auth token=0123456789abcdef0123456789abcdef launcher=0 node=2", TestName = "A node that is not there")]
    [TestCase("GET / HTTP/1.1\r\nHost: x\r\n\r", TestName = "A browser")]
    [TestCase("", TestName = "An empty line")]
    public void A_stranger_is_closed_without_an_answer(string line)
    {
        Assert.That(Connect(line).ReadLine(s_patience), Is.Null);
        // And the world has not noticed.
        Begin(out var ranks, out _);
        Assert.That(Ask(ranks[0], "cmd=get_appnum"), Is.EqualTo("cmd=appnum rc=0 appnum=0"));
    }

    [Test]
    public void A_line_that_does_not_end_is_closed()
    {
        var stranger = Connect(new string('x', LineConnection.MaximumLine + 1));
        Assert.That(stranger.ReadLine(s_patience), Is.Null);
        Begin(out var ranks, out var links);
        ranks[0].WriteLine($"cmd=put kvsname=world key=k value={new string('x', LineConnection.MaximumLine)}");
        Assert.That(links[1].ReadLine(s_patience), Is.EqualTo("cmd=kill value=rank 0 was lost"));
    }

    [Test]
    public void A_rank_comes_once()
    {
        var first = Connect($"cmd=auth token={Token} id=1");
        Assert.That(Ask(first, "cmd=get_my_kvsname"), Is.EqualTo("cmd=my_kvsname rc=0 kvsname=world"));
        Assert.That(Connect($"cmd=auth token={Token} id=1").ReadLine(s_patience), Is.Null);
        Assert.That(Ask(first, "cmd=get_my_kvsname"), Is.EqualTo("cmd=my_kvsname rc=0 kvsname=world"));
    }

    [Test]
    public void The_door_closes_behind_the_last()
    {
        Begin(out var ranks, out _);
        Ask(ranks[1], "cmd=get_appnum");
        Assert.That(() => Connect("cmd=auth"), Throws.InstanceOf<SocketException>());
    }

    [Test]
    public void Ranks_exchange_values_and_meet()
    {
        Begin(out var ranks, out _);
        Assert.That(Ask(ranks[0], "cmd=init pmi_version=1 pmi_subversion=1"), Is.EqualTo("cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1"));
        Assert.That(Ask(ranks[0], "cmd=get_maxes"), Is.EqualTo("cmd=maxes rc=0 kvsname_max=256 keylen_max=64 vallen_max=1024"));
        Assert.That(Ask(ranks[0], "cmd=get_universe_size"), Is.EqualTo("cmd=universe_size rc=0 size=2"));
        Assert.That(Ask(ranks[0], "cmd=put kvsname=world key=address-seg-1/2 value=a b key=c"), Is.EqualTo("cmd=put_result rc=0 msg=success"));
        Assert.That(Ask(ranks[1], "cmd=get kvsname=world key=nothing"), Is.EqualTo("cmd=get_result rc=-1 msg=key_not_found value=unknown"));
        Assert.That(Ask(ranks[1], "cmd=spawn"), Is.EqualTo("cmd=spawn_result rc=-1 msg=not_supported"));
        for (var meeting = 0; meeting < 3; meeting++)
        {
            ranks[0].WriteLine("cmd=barrier_in");
            Assert.That(Ask(ranks[1], "cmd=barrier_in"), Is.EqualTo("cmd=barrier_out rc=0"));
            Assert.That(ranks[0].ReadLine(s_patience), Is.EqualTo("cmd=barrier_out rc=0"));
        }
        Assert.That(Ask(ranks[1], "cmd=get kvsname=world key=address-seg-1/2"), Is.EqualTo("cmd=get_result rc=0 msg=success value=a b key=c"));
    }

    [Test]
    public void The_map_of_nodes_waits_for_all_tasks()
    {
        var rank = Connect($"cmd=auth token={Token} id=0");
        Launch(0, 0);
        rank.WriteLine("cmd=get kvsname=world key=PMI_process_mapping");
        Assert.That(rank.ReadLine(TimeSpan.FromMilliseconds(200)), Is.Null);
        Launch(1, 1);
        Assert.That(rank.ReadLine(s_patience), Is.EqualTo("cmd=get_result rc=0 msg=success value=(vector,(0,1,1),(1,1,1))"));
    }

    [Test]
    public void Memory_for_values_is_bounded()
    {
        Begin(out var ranks, out _);
        var answer = "";
        for (var i = 0; i < 1536 && answer != null; i++) answer = Ask(ranks[0], $"cmd=put kvsname=world key={i} value=x");
        Assert.That(answer, Is.EqualTo("cmd=put_result rc=0 msg=success"));
        Assert.That(Ask(ranks[0], "cmd=put kvsname=world key=more value=x"), Is.EqualTo("cmd=put_result rc=-1 msg=no_room"));
    }

    [Test]
    public void A_good_end()
    {
        Begin(out var ranks, out var links);
        var said = new List<string>();
        _server.Said = line =>
        {
            lock (said) said.Add(line);
        };
        links[1].WriteLine($"cmd=say value={PmiLine.Wrap("epoch 1: 99 % ✓")}");
        foreach (var rank in ranks) Assert.That(Ask(rank, "cmd=finalize"), Is.EqualTo("cmd=finalize_ack rc=0"));
        ranks[0].Dispose();
        foreach (var link in links) link.WriteLine("cmd=bye code=0");
        Assert.That(_server.Wait(s_patience), Is.EqualTo(new WorldEnd(-1, 0, "")));
        Assert.That(said, Is.EqualTo(new[] { "epoch 1: 99 % ✓" }));
    }

    [Test]
    public void An_agreed_code_is_that_of_the_first_rank()
    {
        Begin(out var ranks, out var links);
        foreach (var rank in ranks) Ask(rank, "cmd=finalize");
        links[1].WriteLine("cmd=bye code=5");
        links[0].WriteLine("cmd=bye code=3");
        Assert.That(_server.Wait(s_patience), Is.EqualTo(new WorldEnd(0, 3, "rank 0 ended by itself")));
    }

    [Test]
    public void An_abort_ends_all_at_once()
    {
        Begin(out var ranks, out var links);
        ranks[0].WriteLine("cmd=barrier_in");
        ranks[1].WriteLine("cmd=abort exitcode=7");
        Assert.That(links[0].ReadLine(s_patience), Is.EqualTo("cmd=kill value=rank 1 ended all ranks"));
        Assert.That(ranks[0].ReadLine(s_patience), Is.Null);
        // What follows does not hide the first reason.
        links[0].WriteLine("cmd=bye code=137");
        Assert.That(_server.Wait(TimeSpan.FromMilliseconds(100)), Is.EqualTo(new WorldEnd(1, 7, "rank 1 ended all ranks")));
    }

    [Test]
    public void A_rank_that_is_killed_ends_all_and_its_code_is_told([Values] bool taskIsFirst)
    {
        Begin(out var ranks, out var links);
        if (!taskIsFirst) ranks[1].Dispose();
        else links[1].WriteLine("cmd=bye code=137");
        Assert.That(links[0].ReadLine(s_patience), Is.EqualTo("cmd=kill value=rank 1 was lost"));
        if (!taskIsFirst) links[1].WriteLine("cmd=bye code=137");
        links[0].WriteLine("cmd=bye code=137");
        Assert.That(_server.Wait(s_patience), Is.EqualTo(new WorldEnd(1, 137, "rank 1 was lost")));
    }

    [Test]
    public void A_task_that_is_lost_ends_all_also_those_who_come_late()
    {
        Launch(0, 0).Dispose();
        Assert.That(_server.Wait(TimeSpan.Zero), Is.EqualTo(new WorldEnd(0, null, "the task of rank 0 was lost")));
        Assert.That(Launch(1, 0).ReadLine(s_patience), Is.EqualTo("cmd=kill value=the task of rank 0 was lost"));
    }

    [Test]
    public void A_stop_reaches_all_also_those_who_come_late()
    {
        var early = Launch(0, 0);
        _server.Stop();
        Assert.That(Launch(1, 0).ReadLine(s_patience), Is.EqualTo("cmd=stop"));
        Assert.That(early.ReadLine(s_patience), Is.EqualTo("cmd=stop"));
    }

    private void Begin(out LineConnection[] ranks, out LineConnection[] links)
    {
        links = [Launch(0, 0), Launch(1, 0)];
        ranks = [Connect($"cmd=auth token={Token} id=0"), Connect($"cmd=auth token={Token} id=1")];
        foreach (var rank in ranks) Assert.That(Ask(rank, "cmd=get kvsname=world key=PMI_process_mapping"), Is.EqualTo("cmd=get_result rc=0 msg=success value=(vector,(0,1,2))"));
    }

    private LineConnection Launch(int rank, int node) => Connect($"cmd=auth token={Token} launcher={rank} node={node}");

    private LineConnection Connect(string line)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(_server.EndPoint);
        var connection = new LineConnection(socket);
        _connections.Add(connection);
        connection.WriteLine(line);
        return connection;
    }

    private static string? Ask(LineConnection connection, string line)
    {
        connection.WriteLine(line);
        return connection.ReadLine(s_patience);
    }
}
