using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>The client's side of Spark's authenticated local socket (core/src/main/scala/org/apache/spark/security/SocketAuthHelper.scala): secret, then "ok". A Unix domain socket needs no secret.</summary>
internal sealed class LocalSocket : IDisposable
{
    private const int Piece = 1 << 20;
    private readonly PromptStream _stream;

    private LocalSocket(Socket socket, string name)
    {
        _stream = new PromptStream(socket);
        Reader = new WireReader(_stream, name);
        Writer = new WireWriter(_stream, name);
    }

    internal WireReader Reader { get; }

    internal WireWriter Writer { get; }

    /// <param name="address">Where the JVM listens.</param>
    /// <param name="secret">Not used with a path.</param>
    /// <param name="name">The connection, for messages.</param>
    internal static LocalSocket Open(LocalAddress address, string? secret, string name)
    {
        var local = new LocalSocket(address.Connect(name), name);
        if (address.Path is not null) return local;
        try
        {
            local.Writer.WriteText(secret ?? "");
            local.Writer.Flush();
            if (local.Reader.ReadText() is var answer and not "ok") throw new SparkProtocolException($"{name}: expected 'ok' for the secret, got '{answer}'");
            return local;
        }
        catch
        {
            local.Dispose();
            throw;
        }
    }

    /// <summary>Sends blocks of a length and bytes, then the end mark, as the JVM's servers for data of a driver expect.</summary>
    internal void SendChunked(ReadOnlySpan<byte> bytes)
    {
        for (var at = 0; at < bytes.Length; at += Piece) Writer.WriteBlock(bytes.Slice(at, Math.Min(Piece, bytes.Length - at)));
        Writer.WriteInt(SpecialLength.EndOfData);
        Writer.Flush();
    }

    public void Dispose() => _stream.Dispose();
}
