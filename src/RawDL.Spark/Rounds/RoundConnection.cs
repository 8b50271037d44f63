using System.Net.Sockets;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>A task's way to the driver's <see cref="RoundSource"/>, kept from round to round.</summary>
internal sealed class RoundConnection : IDisposable
{
    private static readonly TimeSpan s_connectTime = TimeSpan.FromSeconds(3), s_readTime = TimeSpan.FromMinutes(2);
    private RoundAddress? _address;
    private PromptStream? _stream;
    private WireReader? _reader;
    private WireWriter? _writer;

    /// <summary>The bytes of a round.</summary>
    /// <param name="address">The driver's.</param>
    /// <param name="round">The number.</param>
    /// <param name="buffer">Receives them, and grows as needed.</param>
    /// <exception cref="UnreachableException">The driver cannot be reached.</exception>
    /// <exception cref="SparkProtocolException">The driver has gone on: this attempt is late.</exception>
    internal ReadOnlySpan<byte> Fetch(RoundAddress address, long round, ref byte[] buffer)
    {
        if (_address == address && _stream is not null)
        {
            try
            {
                return Ask(address, round, ref buffer);
            }
            catch (ConnectionLostException)
            {
                // Idle connections may be cut on the way.
            }
        }
        Open(address);
        try
        {
            return Ask(address, round, ref buffer);
        }
        catch (ConnectionLostException lost)
        {
            throw new UnreachableException($"the driver at {address}: {lost.Message}", lost);
        }
    }

    /// <summary>Brings a sum of a round, in two parts; false where the driver does not take it, or cannot be reached.</summary>
    internal bool Put(RoundAddress address, long round, int first, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        try
        {
            if (_address != address || _stream is null) Open(address);
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

    public void Dispose()
    {
        _stream?.Dispose();
        _stream = null;
    }

    private void Open(RoundAddress address)
    {
        Dispose();
        try
        {
            var socket = LineConnection.Connect(address.Host, address.Port, s_connectTime);
            socket.ReceiveTimeout = (int)s_readTime.TotalMilliseconds;
            (_address, _stream) = (address, new PromptStream(socket));
            (_reader, _writer) = (new WireReader(_stream, "driver"), new WireWriter(_stream, "driver"));
            _writer.WriteText(address.Token);
        }
        catch (SocketException refused)
        {
            throw new UnreachableException($"the driver at {address}: {RawFileException.OneLine(refused.Message)}", refused);
        }
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
        throw new SparkProtocolException($"round: expected round {round} of the driver at {address}, which has gone on");
    }

    /// <summary>The driver is not to be reached from here; one line.</summary>
    internal sealed class UnreachableException(string message, Exception cause) : CommunicationException(message, cause);
}
