using System.Net.Sockets;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Rank 0's task's connection to the driver: lines and files there, the wish to stop back. After a failure it is silent, for the run's files are safe where they are.</summary>
internal sealed class RankUplink : IDisposable
{
    private const int Piece = 1 << 18;
    private static readonly TimeSpan s_connectTime = TimeSpan.FromSeconds(5), s_sendTime = TimeSpan.FromMinutes(2);
    private readonly Lock _sending = new();
    private readonly ManualResetEventSlim _kept = new();
    private readonly PromptStream _stream;
    private readonly WireReader _reader;
    private readonly WireWriter _writer;

    private RankUplink(Socket socket)
    {
        _stream = new PromptStream(socket);
        (_reader, _writer) = (new WireReader(_stream, "driver"), new WireWriter(_stream, "driver"));
    }

    /// <summary>True once the driver takes nothing any more.</summary>
    internal bool IsLost => _writer.IsLost || _reader.IsLost;

    /// <summary>Connects and proves who it is.</summary>
    /// <exception cref="CommunicationException">The driver is not there. One line.</exception>
    internal static RankUplink Open(string host, int port, string token)
    {
        Socket? socket = null;
        try
        {
            socket = LineConnection.Connect(host, port, s_connectTime);
            socket.SendTimeout = (int)s_sendTime.TotalMilliseconds;
            var uplink = new RankUplink(socket);
            uplink._writer.WriteText(token);
            uplink._writer.Flush();
            if (uplink._reader.ReadInt() != (int)RankMessage.Welcome) throw new SparkProtocolException("driver: expected its welcome, got another message");
            return uplink;
        }
        catch (Exception exception) when (exception is SocketException or CommunicationException)
        {
            socket?.Dispose();
            throw new CommunicationException($"ranks: expected the driver at {host}:{port}, got {RawFileException.OneLine((exception.InnerException ?? exception).Message)}; set spark.driver.host (and spark.driver.bindAddress) to an address that executors reach", exception);
        }
    }

    /// <summary>Listens to the driver on a thread of its own.</summary>
    /// <param name="stop">The driver wants the ranks to end in order.</param>
    /// <param name="lost">The driver is gone.</param>
    internal void Listen(Action stop, Action lost) => new Thread(() =>
    {
        try
        {
            while (true)
            {
                var message = (RankMessage)_reader.ReadInt();
                if (message == RankMessage.Stop) stop();
                if (message == RankMessage.Kept) _kept.Set();
            }
        }
        catch (ConnectionLostException)
        {
            if (!_kept.IsSet) lost();
            _kept.Set();
        }
    })
    { IsBackground = true, Name = "rawdl-rank-driver" }.Start();

    internal void Line(string text) => Send(() =>
    {
        _writer.WriteInt((int)RankMessage.Line);
        _writer.WriteText(text);
    });

    /// <summary>Sends a file that does not change any more.</summary>
    internal void File(string name, Stream content) => Send(() =>
    {
        _writer.WriteInt((int)RankMessage.File);
        _writer.WriteText(name);
        _writer.WriteLong(content.Length);
        var piece = new byte[(int)Math.Min(Piece, content.Length)];
        for (var left = content.Length; left > 0;)
        {
            var count = (int)Math.Min(left, piece.Length);
            content.ReadExactly(piece, 0, count);
            _writer.WriteRaw(piece.AsSpan(0, count));
            left -= count;
        }
    });

    internal void Append(string name, long offset, ReadOnlySpan<byte> bytes)
    {
        var block = bytes.ToArray();
        Send(() =>
        {
            _writer.WriteInt((int)RankMessage.Append);
            _writer.WriteText(name);
            _writer.WriteLong(offset);
            _writer.WriteBlock(block);
        });
    }

    /// <summary>Sends the result and waits until the driver has kept everything.</summary>
    internal void Conclude(byte[] result, CancellationToken cancel)
    {
        Send(() =>
        {
            _writer.WriteInt((int)RankMessage.Result);
            _writer.WriteBlock(result);
            _writer.WriteInt((int)RankMessage.Done);
        });
        if (!IsLost) _kept.Wait(cancel);
    }

    public void Dispose() => _stream.Dispose();

    private void Send(Action write)
    {
        lock (_sending)
        {
            if (IsLost) return;
            try
            {
                write();
                _writer.Flush();
            }
            catch (ConnectionLostException)
            {
                // IsLost says so from now on.
            }
        }
    }
}
