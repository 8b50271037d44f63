using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>
/// Hands to replicas what a round begins with, straight from the driver, and takes the sums. A broadcast of Spark's goes through a file and several copies in every JVM before a task sees it, which takes longer than a short
/// round computes; a result takes as many on its way back. Whoever knows the token may ask, on a connection that lasts for the run: a round's number, answered by its bytes and whether they were its bytes to the end;
/// or <see cref="Sum"/>, a round's number, a first element and a block, answered by its length where it was taken.
/// </summary>
internal sealed class RoundSource : IDisposable
{
    internal const int Gone = -1;
    internal const long Sum = -2;
    private const int MoreThanOffered = 1 << 20, MostConnections = 4096;
    private static readonly TimeSpan s_sendTime = TimeSpan.FromMinutes(2);
    private readonly TokenListener _listener;
    private readonly Lock _state = new();
    private readonly Dictionary<int, byte[]> _sums = [];
    private ReadOnlyMemory<byte> _bytes;
    private long _round = Gone;

    /// <summary>Listens.</summary>
    /// <param name="host">What replicas call this machine.</param>
    /// <param name="address">One of this machine's.</param>
    /// <exception cref="SocketException">It is none.</exception>
    internal RoundSource(string host, IPAddress address)
    {
        _listener = new TokenListener(address, "replica", MostConnections, Serve);
        Address = new RoundAddress(host, _listener.Port, _listener.Token);
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

    /// <summary>Before bytes change: no round has any, and no sums.</summary>
    internal void Withdraw()
    {
        lock (_state)
        {
            (_bytes, _round) = (default, _round + 1);
            _sums.Clear();
        }
    }

    /// <summary>The sum of this round from an element on, if it came.</summary>
    internal byte[]? Taken(int first)
    {
        lock (_state) return _sums.GetValueOrDefault(first);
    }

    public void Dispose() => _listener.Dispose();

    private void Serve(Socket socket, WireReader reader, WireWriter writer)
    {
        socket.SendTimeout = (int)s_sendTime.TotalMilliseconds;
        while (true)
            if (reader.ReadLong() is var request && request == Sum) Take(reader, writer);
            else Answer(request, writer);
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

    // Two attempts of a task bring the same.
    private void Take(WireReader reader, WireWriter writer)
    {
        var (round, first) = (reader.ReadLong(), reader.ReadInt());
        int most;
        lock (_state) most = _bytes.Length;
        var bytes = reader.ReadBytes(reader.ReadLength(most + MoreThanOffered));
        lock (_state)
        {
            var isWanted = round == _round && (_sums.ContainsKey(first) || _sums.Values.Sum(sum => (long)sum.Length) + bytes.Length <= _bytes.Length + MoreThanOffered);
            if (isWanted) _sums[first] = bytes;
            writer.WriteInt(isWanted ? bytes.Length : Gone);
        }
        writer.Flush();
    }
}
