using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>Where the driver waits for the one connection of an attempt: that of rank 0's task, which knows the token.</summary>
internal sealed class RankInbox : IDisposable
{
    private const int MaximumResult = 64 << 20, MostStrangers = 16;
    private readonly RunMirror _mirror;
    private readonly Action<string> _say;
    private readonly TokenListener _listener;
    private readonly object _state = new();
    private WireWriter? _writer;
    private bool _stopWanted;
    private bool _ended;

    /// <summary>Listens.</summary>
    /// <param name="address">One of this machine's.</param>
    /// <param name="mirror">Takes the files.</param>
    /// <param name="say">Takes the lines.</param>
    internal RankInbox(IPAddress address, RunMirror mirror, Action<string> say)
    {
        (_mirror, _say) = (mirror, say);
        try
        {
            _listener = new TokenListener(address, "rank 0", MostStrangers, (_, reader, writer) => Serve(reader, writer));
        }
        catch (SocketException exception)
        {
            throw new CommunicationException($"ranks: expected to listen at {address}, got {exception.Message}; set spark.driver.bindAddress to an address of the driver's machine", exception);
        }
    }

    /// <summary>Where it listens.</summary>
    internal int Port => _listener.Port;

    /// <summary>What rank 0's task says first.</summary>
    internal string Token => _listener.Token;

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

    public void Dispose() => _listener.Dispose();

    private void Serve(WireReader reader, WireWriter writer)
    {
        lock (_state)
        {
            if (_writer is not null) return;
            _writer = writer;
            Send(RankMessage.Welcome);
            if (_stopWanted) Send(RankMessage.Stop);
        }
        _listener.Close();
        try
        {
            Receive(reader);
        }
        finally
        {
            lock (_state)
            {
                _ended = true;
                Monitor.PulseAll(_state);
            }
        }
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
