using System.Net;
using System.Net.Sockets;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>A task's way to the driver's <see cref="RoundSource"/> or to an executor's <see cref="RoundAdder"/>, kept from round to round.</summary>
/// <param name="peer">Who is there, for messages.</param>
internal sealed class RoundConnection(string peer) : IDisposable
{
    private static readonly TimeSpan s_connectTime = TimeSpan.FromSeconds(3), s_readTime = TimeSpan.FromMinutes(2);
    private RoundAddress? _address;
    private PromptStream? _stream;
    private WireReader? _reader;
    private WireWriter? _writer;

    /// <summary>The address of this machine that leads there; null without a connection.</summary>
    internal IPAddress? Near { get; private set; }

    /// <summary>The bytes of a round, from its source.</summary>
    /// <param name="address">The driver's.</param>
    /// <param name="round">The number.</param>
    /// <param name="buffer">Receives them, and grows as needed.</param>
    /// <exception cref="UnreachableException">The driver cannot be reached.</exception>
    /// <exception cref="SparkProtocolException">The driver has gone on: this attempt is late.</exception>
    internal ReadOnlySpan<byte> Fetch(RoundAddress address, long round, ref byte[] buffer)
    {
        for (var isKept = IsOpen(address); ; isKept = false)
        {
            if (!isKept) Open(address);
            try
            {
                return Ask(address, round, ref buffer);
            }
            catch (ConnectionLostException lost)
            {
                Close(address, isKept, lost);
            }
        }
    }

    /// <summary>Brings the source a sum of a round, in two parts; false where the driver does not take it, or cannot be reached.</summary>
    internal bool Put(RoundAddress address, long round, int first, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        try
        {
            if (!IsOpen(address)) Open(address);
            _writer!.WriteLong(RoundSource.Sum);
            _writer.WriteLong(round);
            _writer.WriteInt(first);
            _writer.WriteBlock(head, body);
            _writer.Flush();
            return _reader!.ReadInt() == head.Length + body.Length;
        }
        catch (CommunicationException)
        {
            Dispose();
            return false;
        }
    }

    /// <summary>Brings an adder a replica's part of a slice, and says what has become of the slice: the numbers of its values and distances where it was added.</summary>
    /// <param name="address">The adder's.</param>
    /// <param name="call">The round's, encoded.</param>
    /// <param name="rank">The replica.</param>
    /// <param name="first">The slice's first element.</param>
    /// <param name="trainable">Elements of the vector's beginning that distances are measured of.</param>
    /// <param name="part">The replica's values.</param>
    /// <exception cref="UnreachableException">It cannot be reached.</exception>
    internal (RoundAdder.Answer Answer, int Values, int Distances) Give(RoundAddress address, ReadOnlySpan<byte> call, int rank, int first, int trainable, ReadOnlySpan<byte> part)
    {
        for (var isKept = IsOpen(address); ; isKept = false)
        {
            if (!isKept) Open(address);
            try
            {
                _writer!.WriteBlock(call);
                _writer.WriteInt(rank);
                _writer.WriteInt(first);
                _writer.WriteInt(trainable);
                _writer.WriteBlock(part);
                _writer.Flush();
                return ((RoundAdder.Answer)_reader!.ReadInt(), _reader.ReadInt(), _reader.ReadInt());
            }
            catch (ConnectionLostException lost)
            {
                Close(address, isKept, lost);
            }
        }
    }

    public void Dispose()
    {
        _stream?.Dispose();
        (_stream, Near) = (null, null);
    }

    private bool IsOpen(RoundAddress address) => _address == address && _stream is not null;

    private void Open(RoundAddress address)
    {
        Dispose();
        try
        {
            var socket = LineConnection.Connect(address.Host, address.Port, s_connectTime);
            (socket.ReceiveTimeout, socket.SendTimeout) = ((int)s_readTime.TotalMilliseconds, (int)s_readTime.TotalMilliseconds);
            (_address, _stream) = (address, new PromptStream(socket));
            (_reader, _writer) = (new WireReader(_stream, peer), new WireWriter(_stream, peer));
            if (socket.LocalEndPoint is IPEndPoint { Address: var near }) Near = near.IsIPv4MappedToIPv6 ? near.MapToIPv4() : near;
            _writer.WriteText(address.Token);
        }
        catch (SocketException refused)
        {
            throw new UnreachableException($"{peer} at {address}: {RawFileException.OneLine(refused.Message)}", refused);
        }
    }

    // Idle connections may be cut on the way; one that was just opened says that there is no way.
    private void Close(RoundAddress address, bool isKept, ConnectionLostException lost)
    {
        Dispose();
        if (!isKept) throw new UnreachableException($"{peer} at {address}: {lost.Message}", lost);
    }

    private ReadOnlySpan<byte> Ask(RoundAddress address, long round, ref byte[] buffer)
    {
        _writer!.WriteLong(round);
        _writer.Flush();
        var length = _reader!.ReadInt();
        if (length > 0)
        {
            _reader.ReadBytes(length, ref buffer, 0, WireReader.FirstPiece);
            if (_reader.ReadInt() == length) return buffer.AsSpan(0, length);
        }
        throw new SparkProtocolException($"round: expected round {round} of {peer} at {address}, which has gone on");
    }

    /// <summary>Nobody is reached there; one line.</summary>
    internal sealed class UnreachableException(string message, Exception cause) : CommunicationException(message, cause);
}
