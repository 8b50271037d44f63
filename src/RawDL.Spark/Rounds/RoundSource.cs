using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Spark;

/// <summary>
/// Hands to replicas what a round begins with, straight from the driver. A broadcast of Spark's goes through a file and several copies in every JVM before a task sees it, which takes longer than a short round computes.
/// Whoever knows the token may ask, on a connection that lasts for the run: a round's number, answered by its bytes and whether they were its bytes to the end.
/// </summary>
internal sealed class RoundSource : IDisposable
{
    internal const int Gone = -1;
    private const int MaximumToken = 256, MostConnections = 4096, ThreadStack = 1 << 18;
    private static readonly TimeSpan s_greetingTime = TimeSpan.FromSeconds(10), s_sendTime = TimeSpan.FromMinutes(2);
    private readonly byte[] _token;
    private readonly Listener _listener;
    private readonly Lock _state = new();
    private readonly HashSet<Socket> _sockets = [];
    private ReadOnlyMemory<byte> _bytes;
    private long _round = Gone;
    private bool _disposed;

    /// <summary>Listens.</summary>
    /// <param name="host">What replicas call this machine.</param>
    /// <param name="address">One of this machine's.</param>
    /// <exception cref="SocketException">It is none.</exception>
    internal RoundSource(string host, IPAddress address)
    {
        _listener = new Listener(address, 128);
        Address = new RoundAddress(host, _listener.EndPoint.Port, RandomNumberGenerator.GetHexString(32, lowercase: true));
        _token = Encoding.ASCII.GetBytes(Address.Token);
        new Thread(Accept, ThreadStack) { IsBackground = true, Name = "rawdl-rounds-accept" }.Start();
    }

    /// <summary>Where replicas find it.</summary>
    internal RoundAddress Address { get; }

    /// <summary>Makes these the bytes of a new round, and gives its number. They may change after the next call only.</summary>
    internal long Offer(ReadOnlyMemory<byte> bytes)
    {
        lock (_state)
        {
            _bytes = bytes;
            return ++_round;
        }
    }

    /// <summary>Before bytes change: no round has any.</summary>
    internal void Withdraw()
    {
        lock (_state) (_bytes, _round) = (default, _round + 1);
    }

    public void Dispose()
    {
        _listener.Dispose();
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
                if (_disposed || _sockets.Count >= MostConnections || !_sockets.Add(socket))
                {
                    socket.Dispose();
                    continue;
                }
            new Thread(() => Serve(socket), ThreadStack) { IsBackground = true, Name = "rawdl-rounds-source" }.Start();
        }
    }

    private void Serve(Socket socket)
    {
        try
        {
            using var stream = new PromptStream(socket);
            LineConnection.Prepare(socket);
            socket.SendTimeout = (int)s_sendTime.TotalMilliseconds;
            var (reader, writer) = (new WireReader(stream, "replica"), new WireWriter(stream, "replica"));
            if (!Greet(socket, reader)) return;
            while (true) Answer(reader.ReadLong(), writer);
        }
        catch (Exception gone) when (gone is CommunicationException or SocketException or ObjectDisposedException)
        {
            // A stranger went, or the replica did, which its job tells.
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
        return CryptographicOperations.FixedTimeEquals(reader.ReadBytes(reader.ReadLength(MaximumToken)), _token);
    }

    private void Answer(long round, WireWriter writer)
    {
        ReadOnlyMemory<byte> bytes;
        lock (_state) bytes = round == _round ? _bytes : default;
        writer.WriteInt(bytes.Length > 0 ? bytes.Length : Gone);
        if (bytes.Length > 0)
        {
            writer.WriteRaw(bytes.Span);
            lock (_state) writer.WriteInt(round == _round ? bytes.Length : Gone);
        }
        writer.Flush();
    }
}
