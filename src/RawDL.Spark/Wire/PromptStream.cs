using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>
/// A socket that acknowledges at once and sends at once. The JVM sends a small task in two writes with Nagle's algorithm on: the second waits for the
/// acknowledgement of the first, which Linux delays by 40 ms; the same happens to our answer in two writes. TCP_QUICKACK does not last, so it is set before every read.
/// </summary>
internal sealed class PromptStream : NetworkStream
{
    private const int TcpLevel = 6, QuickAcknowledge = 12;
    private static readonly byte[] s_on = [1, 0, 0, 0];
    private readonly bool _prompts;

    internal PromptStream(Socket socket) : base(socket, ownsSocket: true)
    {
        var tcp = socket.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6;
        _prompts = tcp && OperatingSystem.IsLinux();
        if (tcp) socket.NoDelay = true;
    }

    public override int Read(Span<byte> buffer)
    {
        if (_prompts)
        {
            try
            {
                Socket.SetRawSocketOption(TcpLevel, QuickAcknowledge, s_on);
            }
            catch (SocketException)
            {
                // A socket that is closing, or a sandbox without the option: the read itself tells.
            }
        }
        return base.Read(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
}
