using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace RawDL.Spark;

/// <summary>Lines of bytes over TCP, short ones at once: the connection of a rank or of the task that started it. One thread reads, any may write.</summary>
internal sealed class LineConnection : IDisposable
{
    internal const int MaximumLine = 2048;
    private static readonly TimeSpan s_sendTime = TimeSpan.FromSeconds(5);
    private readonly Lock _sending = new();
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[2 * MaximumLine];
    private int _start;
    private int _end;

    internal LineConnection(Socket socket)
    {
        _socket = socket;
        Prepare(socket);
        socket.SendTimeout = (int)s_sendTime.TotalMilliseconds;
    }

    /// <summary>A prepared connection.</summary>
    /// <exception cref="SocketException">It does not come within that time.</exception>
    internal static Socket Connect(string host, int port, TimeSpan within)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (!socket.ConnectAsync(host, port).Wait(within)) throw new SocketException((int)SocketError.TimedOut);
            Prepare(socket);
            return socket;
        }
        catch (Exception refused) when (refused is SocketException or AggregateException { InnerException: SocketException })
        {
            socket.Dispose();
            throw refused as SocketException ?? (SocketException)refused.InnerException!;
        }
    }

    /// <summary>No delay, and probes: a machine that vanishes sends no end, and Spark would notice only after two minutes.</summary>
    internal static void Prepare(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 10);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
    }

    /// <summary>The next line without its end, or null at the end of the connection, after a line that is too long, or when the time is over.</summary>
    /// <param name="within">For the whole line; null waits.</param>
    internal string? ReadLine(TimeSpan? within = null)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            while (true)
            {
                var length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
                if (length >= 0)
                {
                    var line = Encoding.Latin1.GetString(_buffer, _start, length).TrimEnd('\r');
                    _start += length + 1;
                    return length < MaximumLine ? line : null;
                }
                if (_end - _start >= MaximumLine || !Receive(within - Stopwatch.GetElapsedTime(started))) return null;
            }
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>Sends a line; false if nobody takes it any more.</summary>
    internal bool WriteLine(string line)
    {
        var bytes = Encoding.Latin1.GetBytes(line + "\n");
        try
        {
            lock (_sending)
                for (var sent = 0; sent < bytes.Length;) sent += _socket.Send(bytes.AsSpan(sent));
            return true;
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    public void Dispose() => _socket.Dispose();

    private bool Receive(TimeSpan? left)
    {
        if (left is { } time && time <= TimeSpan.Zero) return false;
        _socket.ReceiveTimeout = left is { } some ? Math.Max(1, (int)some.TotalMilliseconds) : 0;
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        var received = _socket.Receive(_buffer.AsSpan(_end));
        _end += received;
        return received > 0;
    }
}
