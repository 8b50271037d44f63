using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark.Tests;

/// <summary>What a round begins with, from the driver to a replica.</summary>
internal sealed class RoundSourceTests
{
    private RoundSource _source = null!;
    private byte[] _buffer = [];

    [SetUp]
    public void Open() => _source = new RoundSource(IPAddress.Loopback.ToString(), IPAddress.Loopback);

    [TearDown]
    public void Close() => _source.Dispose();

    [Test]
    public void A_round_is_fetched_as_often_as_asked_by_as_many_as_ask()
    {
        foreach (var length in new[] { 1, 100_000, 3_448_640 })
        {
            var bytes = Bytes(length);
            _source.Withdraw();
            var round = _source.Offer(bytes);
            using RoundConnection one = new("the driver"), other = new("the driver");
            foreach (var connection in new[] { one, other, one })
                Assert.That(connection.Fetch(_source.Address, round, ref _buffer).SequenceEqual(bytes), Is.True, $"{length} bytes");
        }
    }

    [Test]
    public void One_connection_serves_all_rounds()
    {
        using var connection = new RoundConnection("the driver");
        for (var i = 1; i <= 20; i++)
        {
            var bytes = Bytes(1000 * i);
            _source.Withdraw();
            Assert.That(connection.Fetch(_source.Address, _source.Offer(bytes), ref _buffer).SequenceEqual(bytes), Is.True);
        }
    }

    [Test]
    public void An_attempt_that_is_late_gets_no_other_round()
    {
        using var connection = new RoundConnection("the driver");
        var round = _source.Offer(Bytes(10));
        _source.Withdraw();
        Assert.That(() => connection.Fetch(_source.Address, round, ref _buffer), Throws.TypeOf<SparkProtocolException>().With.Message.Contains("which has gone on"));
        var next = _source.Offer(Bytes(20));
        Assert.That(() => connection.Fetch(_source.Address, round, ref _buffer), Throws.TypeOf<SparkProtocolException>());
        Assert.That(connection.Fetch(_source.Address, next, ref _buffer).Length, Is.EqualTo(20));
    }

    // The driver reuses its memory: what changes while it is being sent must not be taken for a round.
    [Test]
    public void Bytes_that_were_withdrawn_on_the_way_are_refused()
    {
        var round = _source.Offer(Bytes(64 << 20));
        using var socket = Connect();
        Send(socket, [.. Greeting(_source.Address.Token), .. TaskBytes.Long(round)]);
        var head = new byte[4];
        Read(socket, head);
        Assert.That(head, Is.EqualTo(TaskBytes.Int(64 << 20)));
        _source.Withdraw();
        Read(socket, new byte[64 << 20]);
        Read(socket, head);
        Assert.That(head, Is.EqualTo(TaskBytes.Int(RoundSource.Gone)));
    }

    [Test]
    public void Sums_are_taken_for_the_round_and_not_more_than_it_has()
    {
        var round = _source.Offer(Bytes(1 << 20));
        byte[] head = Bytes(8), body = Bytes(1 << 20);
        using RoundConnection one = new("the driver"), other = new("the driver");
        Assert.That(one.Put(_source.Address, round, 0, head, body), Is.True);
        Assert.That(_source.Taken(0), Is.EqualTo((byte[])[.. head, .. body]));
        Assert.That(other.Put(_source.Address, round, 0, head, body), Is.True, "another attempt");
        Assert.That(one.Put(_source.Address, round, 1 << 18, [], Bytes(1000)), Is.True);
        Assert.That(one.Put(_source.Address, round, 1 << 19, [], body), Is.False, "more than any sum");
        Assert.That(one.Put(_source.Address, round - 1, 0, head, body), Is.False, "late");
        Assert.That(one.Put(_source.Address, round, 1, [], Bytes(3 << 20)), Is.False, "a block beyond the limit");
        Assert.That(one.Put(_source.Address, round, 0, head, body), Is.True, "on a new connection");
        _source.Withdraw();
        Assert.That(_source.Taken(0), Is.Null);
        Assert.That(one.Put(_source.Address, round, 0, head, body), Is.False);
        _source.Dispose();
        Assert.That(one.Put(_source.Address, round, 0, head, body), Is.False);
    }

    [TestCase("wrong")]
    [TestCase("")]
    public void A_stranger_gets_nothing(string token)
    {
        var round = _source.Offer(Bytes(10));
        using var connection = new RoundConnection("the driver");
        var buffer = Array.Empty<byte>();
        Assert.That(() => connection.Fetch(_source.Address with { Token = token }, round, ref buffer), Throws.TypeOf<RoundConnection.UnreachableException>());
        Assert.That(buffer, Is.Empty);
    }

    [Test]
    public void A_cut_connection_is_opened_again()
    {
        using var connection = new RoundConnection("the driver");
        var port = _source.Address.Port;
        var bytes = Bytes(1000);
        Assert.That(connection.Fetch(_source.Address, _source.Offer(bytes), ref _buffer).SequenceEqual(bytes), Is.True);
        // A man in the middle that closes after the first answer.
        using var relay = new Relay(port);
        var way = _source.Address with { Port = relay.Port };
        using var through = new RoundConnection("the driver");
        for (var i = 0; i < 3; i++) Assert.That(through.Fetch(way, _source.Offer(bytes), ref _buffer).SequenceEqual(bytes), Is.True);
        Assert.That(relay.Connections, Is.EqualTo(3));
    }

    [Test]
    public void A_driver_that_is_not_reached_is_told()
    {
        using var connection = new RoundConnection("the driver");
        var address = _source.Address;
        _source.Dispose();
        Assert.That(() => connection.Fetch(address, 0, ref _buffer),
            Throws.TypeOf<RoundConnection.UnreachableException>().With.Message.StartsWith($"the driver at 127.0.0.1:{address.Port}: ").And.Message.Not.Contains(address.Token));
    }

    [Test]
    public void A_call_keeps_its_addresses()
    {
        var call = new RoundCall(Guid.NewGuid(), 3, 7, RawDL.NN.RoundKind.Average, 4, 2, [0.5f, 1.5f], new RoundAddress("fe80::1", 4711, "secret"), [new("10.0.0.1", 1, "a"), new("10.0.0.2", 65535, "b")]);
        var read = RoundCall.Decode(call.Encode());
        Assert.That(read with { Weights = call.Weights, Adders = call.Adders }, Is.EqualTo(call));
        Assert.That(read.Weights, Is.EqualTo(call.Weights));
        Assert.That(read.Adders, Is.EqualTo(call.Adders));
        Assert.That(RoundCall.Decode((call with { Adders = null }).Encode()) with { Weights = call.Weights }, Is.EqualTo(call with { Adders = null }));
        Assert.That(RoundCall.Decode((call with { Source = null }).Encode()).Source, Is.Null);
        Assert.That($"{call.Source}", Is.EqualTo("[fe80::1]:4711"));
        Assert.That(() => RoundCall.Decode([.. (call with { Source = null }).Encode(), .. "secret 99999 host"u8]), Throws.TypeOf<SparkProtocolException>().With.Message.Contains("expected an address"));
    }

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Greeting(string token) => [.. TaskBytes.Int(token.Length), .. System.Text.Encoding.ASCII.GetBytes(token)];

    private Socket Connect()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 20_000 };
        socket.Connect(IPAddress.Loopback, _source.Address.Port);
        return socket;
    }

    private static void Send(Socket socket, byte[] bytes) => socket.Send(bytes);

    private static void Read(Socket socket, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
            if (socket.Receive(bytes.AsSpan(at)) is var count and > 0) at += count;
            else Assert.Fail("the connection ended");
    }

    // Forwards to a port, and cuts a connection once it has answered.
    private sealed class Relay : IDisposable
    {
        private readonly Listener _listener = new(IPAddress.Loopback, 1);

        public Relay(int port)
        {
            new Thread(() =>
            {
                try
                {
                    while (_listener.Accept() is { } near)
                    {
                        using var own = near;
                        Connections++;
                        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
                        far.Connect(IPAddress.Loopback, port);
                        var buffer = new byte[1 << 16];
                        for (var sent = 0; sent < 4 + 32 + 8;)
                        {
                            var count = near.Receive(buffer);
                            far.Send(buffer.AsSpan(0, count));
                            sent += count;
                        }
                        var bytes = new byte[4 + 1000 + 4];
                        Read(far, bytes);
                        near.Send(bytes);
                    }
                }
                catch (SocketException)
                {
                    // The test has ended.
                }
            })
            { IsBackground = true }.Start();
        }

        public int Port => _listener.EndPoint.Port;

        public int Connections { get; private set; }

        public void Dispose() => _listener.Dispose();
    }
}
