using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>
/// A socket that acknowledges at once and sends at once. The JVM sends a small task in two writes with Nagle's algorithm on: the second waits for the
/// acknowledgement of the first, which Linux delays by 40 ms; the same happens to our answer in two writes. TCP_QUICKACK does not last, so it is set before every read.
/// </summary>
internal sealed class PromptStream : Stream
{
    private const int TcpLevel = 6, QuickAcknowledge = 12;
    private static readonly byte[] s_on = [1, 0, 0, 0];
    private readonly Socket _socket;
    private readonly bool _prompts;

    internal PromptStream(Socket socket)
    {
        _socket = socket;
        var tcp = socket.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6;
        _prompts = tcp && OperatingSystem.IsLinux();
        if (tcp) socket.NoDelay = true;
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        try
        {
            if (_prompts) _socket.SetRawSocketOption(TcpLevel, QuickAcknowledge, s_on);
            return _socket.Receive(buffer);
        }
        catch (SocketException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            while (buffer.Length > 0) buffer = buffer[_socket.Send(buffer)..];
        }
        catch (SocketException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _socket.Dispose();
        base.Dispose(disposing);
    }
}
