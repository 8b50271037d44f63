using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RawDL.Spark.Tests;

/// <summary>Who is served, and who is not.</summary>
internal sealed class TokenListenerTests
{
    private TokenListener _listener = null!;

    [SetUp]
    public void Listen() => _listener = new TokenListener(IPAddress.Loopback, "guest", 2, (_, reader, writer) =>
    {
        while (true)
        {
            writer.WriteInt(reader.ReadInt() + 1);
            writer.Flush();
        }
    });

    [TearDown]
    public void Close() => _listener.Dispose();

    [Test]
    public void Who_knows_the_token_is_served()
    {
        using Socket one = Greet(Token), other = Greet(Token);
        foreach (var socket in new[] { one, other, one }) Assert.That(Ask(socket), Is.True);
    }

    [TestCase("wrong")]
    [TestCase("")]
    [TestCase(null)]
    public void A_stranger_gets_nothing(string? token)
    {
        using var socket = Greet(token ?? Token + "0");
        Assert.That(Ask(socket), Is.False);
    }

    [Test]
    public void A_greeting_without_end_is_cut_off()
    {
        using var socket = Connect();
        socket.Send(TaskBytes.Int(int.MaxValue));
        Assert.That(Ask(socket), Is.False);
    }

    [Test]
    public void Silence_is_cut_off()
    {
        using var socket = Connect();
        socket.Send(TaskBytes.Int(Token.Length));
        Assert.That(Ends(socket), Is.True);
    }

    [Test]
    public void There_are_not_more_at_a_time_than_said()
    {
        using (Socket one = Greet(Token), other = Greet(Token))
        {
            Assert.That(Ask(one) && Ask(other), Is.True);
            using var third = Greet(Token);
            Assert.That(Ask(third), Is.False);
        }
        // The places come back.
        Assert.That(() =>
        {
            using var next = Greet(Token);
            return Ask(next);
        }, Is.True.After(10_000, 50));
    }

    [Test]
    public void A_closed_listener_serves_those_who_are_there_until_it_is_disposed()
    {
        using var socket = Greet(Token);
        Assert.That(Ask(socket), Is.True);
        _listener.Close();
        Assert.That(Ask(socket), Is.True);
        Assert.That(() => Connect(), Throws.TypeOf<SocketException>());
        _listener.Dispose();
        Assert.That(Ends(socket), Is.True);
    }

    private string Token => _listener.Token;

    private Socket Greet(string token)
    {
        var socket = Connect();
        socket.Send([.. TaskBytes.Int(token.Length), .. Encoding.ASCII.GetBytes(token)]);
        return socket;
    }

    private Socket Connect()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 20_000 };
        socket.Connect(IPAddress.Loopback, _listener.Port);
        return socket;
    }

    private static bool Ask(Socket socket)
    {
        try
        {
            socket.Send(TaskBytes.Int(41));
        }
        catch (SocketException)
        {
            return false;
        }
        var answer = new byte[4];
        for (var at = 0; at < 4;)
            if (Receive(socket, answer.AsSpan(at)) is var count and > 0) at += count;
            else return false;
        Assert.That(answer, Is.EqualTo(TaskBytes.Int(42)));
        return true;
    }

    private static bool Ends(Socket socket) => Receive(socket, new byte[1]) == 0;

    private static int Receive(Socket socket, Span<byte> bytes)
    {
        try
        {
            return socket.Receive(bytes);
        }
        catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}
