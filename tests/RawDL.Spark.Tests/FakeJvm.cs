using System.Net.Sockets;

namespace RawDL.Spark.Tests;

/// <summary>The JVM's side of a worker connection.</summary>
internal sealed class FakeJvm : IDisposable
{
    internal const string Secret = "secret";
    internal static readonly string[] Versions = ["3.3.4", "3.4.4", "3.5.9", "4.0.5", "4.1.4", "4.2.1", "4.3.0"];

    private FakeJvm(Socket socket)
    {
        Socket = socket;
        socket.ReceiveTimeout = 20_000;
        var stream = new NetworkStream(socket, ownsSocket: true);
        Reader = new WireReader(stream, "test");
        Stream = stream;
    }

    internal Socket Socket { get; }

    internal Stream Stream { get; }

    internal WireReader Reader { get; }

    internal int Number { get; private set; }

    internal static FakeJvm Connect(LocalAddress address, string? secret = Secret)
    {
        var jvm = new FakeJvm(address.Connect("test"));
        jvm.Number = jvm.Reader.ReadInt();
        if (secret is null) return jvm;
        jvm.Send(TaskBytes.Text(secret));
        Assert.That(jvm.Reader.ReadText(), Is.EqualTo("ok"));
        return jvm;
    }

    internal static FakeJvm Accept(Socket listener) => new(listener.Accept());

    internal FakeJvm Send(byte[] bytes)
    {
        Stream.Write(bytes);
        return this;
    }

    /// <summary>A task's whole answer: frames, then the end; fails the test if something else came.</summary>
    internal List<byte[]> ReadResult(string version)
    {
        var frames = new List<byte[]>();
        int length;
        while ((length = Reader.ReadInt()) >= 0) frames.Add(Reader.ReadBytes(length));
        Assert.That(length, Is.EqualTo(-3), () => length == -2 ? Reader.ReadText() : "");
        ReadEnd(version);
        return frames;
    }

    internal void ReadEnd(string version)
    {
        var (boot, begin, end) = (Reader.ReadLong(), Reader.ReadLong(), Reader.ReadLong());
        Assert.That(boot <= begin && begin <= end && boot > 1_700_000_000_000, Is.True);
        if (string.CompareOrdinal(version, "4.2") >= 0) Assert.That(Reader.ReadLong(), Is.EqualTo(end - begin));
        Assert.That(Reader.ReadLong(), Is.Zero);
        Assert.That(Reader.ReadLong(), Is.Zero);
        Assert.That(Reader.ReadInt(), Is.EqualTo(-1));
        Assert.That(Reader.ReadInt(), Is.Zero);
        Assert.That(Reader.ReadInt(), Is.EqualTo(-4));
    }

    internal string ReadException()
    {
        int length;
        while ((length = Reader.ReadInt()) >= 0) Reader.ReadBytes(length);
        Assert.That(length, Is.EqualTo(-2));
        return Reader.ReadText();
    }

    internal bool IsAtEnd() => !Reader.TryReadInt(out _);

    public void Dispose() => Stream.Dispose();
}
