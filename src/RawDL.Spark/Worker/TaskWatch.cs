using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace RawDL.Spark;

/// <summary>
/// Notices that the JVM has closed a task's connection: Spark's way to say that nobody waits for the result. Linux tells even while input is unread
/// (POLLRDHUP); elsewhere only once all input is read.
/// </summary>
internal sealed partial class TaskWatch : IDisposable
{
    private const short PollClosed = 0x2000, PollError = 0x8, PollHangUp = 0x10, PollInvalid = 0x20;
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(100);
    private readonly Lock _lock = new();
    private readonly Socket _socket;
    private readonly CancellationTokenSource _source = new();
    private readonly Timer _timer;
    private bool _ended;

    internal TaskWatch(Socket socket)
    {
        _socket = socket;
        _timer = new Timer(_ => Look(), null, s_period, s_period);
    }

    internal CancellationToken Token => _source.Token;

    internal void Cancel() => _source.Cancel();

    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock) _ended = true;
    }

    private void Look()
    {
        // The lock keeps the socket's number from being closed, and used again, while it is looked at.
        lock (_lock)
            if (_ended || _source.IsCancellationRequested || !IsClosed(_socket)) return;
        _source.Cancel();
    }

    private static unsafe bool IsClosed(Socket socket)
    {
        try
        {
            if (!OperatingSystem.IsLinux()) return socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0;
            var descriptor = new PollDescriptor { Handle = (int)socket.Handle, Events = PollClosed };
            return poll(&descriptor, 1, 0) > 0 && (descriptor.Returned & (PollClosed | PollError | PollHangUp | PollInvalid)) != 0;
        }
        catch (Exception closed) when (closed is ObjectDisposedException or SocketException)
        {
            return true;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Handle;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc")]
    private static unsafe partial int poll(PollDescriptor* descriptors, nuint count, int milliseconds);
}
