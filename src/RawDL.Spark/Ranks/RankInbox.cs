using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Spark;

/// <summary>Where the driver waits for the one connection of an attempt: that of rank 0's task, which knows the token.</summary>
internal sealed class RankInbox : IDisposable
{
    private const int MaximumToken = 256, MaximumResult = 64 << 20, MostStrangers = 16, ThreadStack = 1 << 18;
    private static readonly TimeSpan s_greetingTime = TimeSpan.FromSeconds(10);
    private readonly byte[] _token;
    private readonly RunMirror _mirror;
    private readonly Action<string> _say;
    private readonly Listener _listener;
    private readonly object _state = new();
    private Socket? _socket;
    private WireWriter? _writer;
    private int _strangers;
    private bool _stopWanted;
    private bool _ended;

    /// <summary>Listens.</summary>
    /// <param name="address">One of this machine's.</param>
    /// <param name="token">ASCII.</param>
    /// <param name="mirror">Takes the files.</param>
    /// <param name="say">Takes the lines.</param>
    internal RankInbox(IPAddress address, string token, RunMirror mirror, Action<string> say)
    {
        (_token, _mirror, _say) = (Encoding.ASCII.GetBytes(token), mirror, say);
        try
        {
            _listener = new Listener(address, MostStrangers);
        }
        catch (SocketException exception)
        {
            throw new CommunicationException($"ranks: expected to listen at {address}, got {exception.Message}; set spark.driver.bindAddress to an address of the driver's machine", exception);
        }
        new Thread(Accept, ThreadStack) { IsBackground = true, Name = "rawdl-ranks-accept" }.Start();
    }

    /// <summary>Where it listens.</summary>
    internal int Port => _listener.EndPoint.Port;

    /// <summary>True once rank 0's task has connected.</summary>
    internal bool IsConnected
    {
        get
        {
            lock (_state) return _writer is not null;
        }
    }

    /// <summary>What rank 0 wrote to its standard output, or null if it did not come so far.</summary>
    internal byte[]? Result { get; private set; }

    /// <summary>Asks the ranks to end in order, now or as soon as they are there.</summary>
    internal void Stop()
    {
        lock (_state)
        {
            _stopWanted = true;
            Send(RankMessage.Stop);
        }
    }

    /// <summary>Waits until the connection has ended; false if there was none, or the time is over.</summary>
    internal bool AwaitEnd(TimeSpan patience)
    {
        lock (_state)
        {
            if (_writer is null) return false;
            return _ended || (Monitor.Wait(_state, patience) && _ended);
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_state) _socket?.Dispose();
    }

    private void Accept()
    {
        while (_listener.Accept() is { } socket)
        {
            if (Interlocked.Increment(ref _strangers) > MostStrangers)
            {
                Interlocked.Decrement(ref _strangers);
                socket.Dispose();
                continue;
            }
            new Thread(() => Serve(socket), ThreadStack) { IsBackground = true, Name = "rawdl-ranks-inbox" }.Start();
        }
    }

    private void Serve(Socket socket)
    {
        using var stream = new PromptStream(socket);
        var (reader, writer) = (new WireReader(stream, "rank 0"), new WireWriter(stream, "rank 0"));
        try
        {
            var known = Greet(socket, reader, writer);
            Interlocked.Decrement(ref _strangers);
            if (known) Receive(reader);
        }
        catch (CommunicationException)
        {
            // A stranger went, or the task did, which its job tells.
        }
        finally
        {
            lock (_state)
            {
                _ended |= writer == _writer;
                Monitor.PulseAll(_state);
            }
        }
    }

    // Whoever drips bytes is cut off too: the timer closes the socket.
    private bool Greet(Socket socket, WireReader reader, WireWriter writer)
    {
        using var timer = new Timer(_ => socket.Dispose(), null, s_greetingTime, Timeout.InfiniteTimeSpan);
        byte[] token;
        try
        {
            token = reader.ReadBytes(reader.ReadLength(MaximumToken));
        }
        catch (CommunicationException)
        {
            return false;
        }
        if (!CryptographicOperations.FixedTimeEquals(token, _token)) return false;
        lock (_state)
        {
            if (_writer is not null) return false;
            (_socket, _writer) = (socket, writer);
            LineConnection.Prepare(socket);
            Send(RankMessage.Welcome);
            if (_stopWanted) Send(RankMessage.Stop);
        }
        _listener.Dispose();
        return true;
    }

    private void Receive(WireReader reader)
    {
        while (true)
        {
            switch ((RankMessage)reader.ReadInt())
            {
                case RankMessage.Line: _say(reader.ReadText()); break;
                case RankMessage.File: _mirror.TakeFile(reader.ReadText(), reader.ReadLong(), reader); break;
                case RankMessage.Append: _mirror.TakePart(reader.ReadText(), reader.ReadLong(), reader.ReadBytes(reader.ReadLength(MaximumResult))); break;
                case RankMessage.Result: Result = reader.ReadBytes(reader.ReadLength(MaximumResult)); break;
                case RankMessage.Done:
                    lock (_state) Send(RankMessage.Kept);
                    return;
                case var other: throw new SparkProtocolException($"rank 0: expected a message, got number {(int)other}");
            }
            // Nothing is worth going on for that cannot be kept.
            if (_mirror.Failure is not null && !_stopWanted) Stop();
        }
    }

    private void Send(RankMessage message)
    {
        try
        {
            _writer?.WriteInt((int)message);
            _writer?.Flush();
        }
        catch (ConnectionLostException)
        {
            // The task is gone, as the reader will find.
        }
    }
}
