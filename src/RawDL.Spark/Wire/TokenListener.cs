using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Spark;

/// <summary>Waits for those who know a token, and serves each on a thread of its own. Strangers get nothing, and have some seconds to say who they are.</summary>
internal sealed class TokenListener : IDisposable
{
    private const int MaximumToken = 256, Backlog = 128, ThreadStack = 1 << 18;
    private static readonly TimeSpan s_greetingTime = TimeSpan.FromSeconds(10);
    private readonly string _peer;
    private readonly int _most;
    private readonly Action<Socket, WireReader, WireWriter> _serve;
    private readonly Listener _listener;
    private readonly Lock _state = new();
    private readonly HashSet<Socket> _sockets = [];
    private bool _disposed;

    /// <summary>Listens.</summary>
    /// <param name="address">One of this machine's.</param>
    /// <param name="peer">Who connects, for messages.</param>
    /// <param name="most">Connections at a time; more are closed.</param>
    /// <param name="serve">Serves one until it returns or the other side goes.</param>
    /// <exception cref="SocketException">It is none of this machine's addresses.</exception>
    internal TokenListener(IPAddress address, string peer, int most, Action<Socket, WireReader, WireWriter> serve)
    {
        (_peer, _most, _serve, _listener) = (peer, most, serve, new Listener(address, Backlog));
        new Thread(Accept, ThreadStack) { IsBackground = true, Name = $"rawdl-accept-{peer}" }.Start();
    }

    /// <summary>What those who may connect know.</summary>
    internal string Token { get; } = RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>Where it listens.</summary>
    internal int Port => _listener.EndPoint.Port;

    /// <summary>Takes no more connections; those that are there go on.</summary>
    internal void Close() => _listener.Dispose();

    public void Dispose()
    {
        Close();
        lock (_state)
        {
            _disposed = true;
            foreach (var socket in _sockets) socket.Dispose();
        }
    }

    private void Accept()
    {
        while (_listener.Accept() is { } socket)
        {
            lock (_state)
                if (_disposed || _sockets.Count >= _most || !_sockets.Add(socket))
                {
                    socket.Dispose();
                    continue;
                }
            new Thread(() => Serve(socket), ThreadStack) { IsBackground = true, Name = $"rawdl-serve-{_peer}" }.Start();
        }
    }

    private void Serve(Socket socket)
    {
        try
        {
            using var stream = new PromptStream(socket);
            LineConnection.Prepare(socket);
            var reader = new WireReader(stream, _peer);
            if (Greet(socket, reader)) _serve(socket, reader, new WireWriter(stream, _peer));
        }
        catch (Exception gone) when (gone is CommunicationException or SocketException or ObjectDisposedException)
        {
            // A stranger went, or whoever was served did, which its job tells.
        }
        finally
        {
            lock (_state) _sockets.Remove(socket);
        }
    }

    // Whoever drips bytes is cut off too: the timer closes the socket.
    private bool Greet(Socket socket, WireReader reader)
    {
        using var timer = new Timer(_ => socket.Dispose(), null, s_greetingTime, Timeout.InfiniteTimeSpan);
        return CryptographicOperations.FixedTimeEquals(reader.ReadBytes(reader.ReadLength(MaximumToken)), Encoding.ASCII.GetBytes(Token));
    }
}
