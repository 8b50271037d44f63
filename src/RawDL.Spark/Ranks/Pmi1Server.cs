using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Spark;

/// <summary>
/// What an MPI library of the MPICH family needs so that processes which somebody else started become the ranks of one world: its process manager, in the
/// line protocol PMI-1. Two kinds of client connect, and each proves itself by its first line:
/// <c>cmd=auth token=T id=RANK</c>, the rank, which hands the socket to MPI, and <c>cmd=auth token=T launcher=RANK node=K</c>, the task that started it.
/// A launcher says <c>cmd=say value=LINE</c> and at its rank's end <c>cmd=bye code=N</c>; it is told <c>cmd=stop</c> and <c>cmd=kill value=WHY</c>.
/// The first failure ends the world.
/// </summary>
internal sealed partial class Pmi1Server : IDisposable
{
    private const int ThreadStack = 1 << 18, MaximumKey = 256, FewestPending = 16;
    private static readonly TimeSpan s_greetingTime = TimeSpan.FromSeconds(10);
    private readonly int _size;
    private readonly byte[] _token;
    private readonly Listener _listener;
    private readonly Lock _pendingLock = new();
    private readonly HashSet<LineConnection> _pending = [];
    private readonly object _state = new();
    private readonly Dictionary<string, string> _values = [];
    private readonly LineConnection?[] _links;
    private readonly int[] _nodes;
    private readonly RankPhase[] _ranks;
    private readonly int?[] _codes;
    private int _here;
    private int _waiting;
    private long _generation;
    private int _byes;
    private bool _stopped;
    private WorldEnd? _failure;

    /// <summary>Listens for a world of this size.</summary>
    /// <param name="size">Number of ranks.</param>
    /// <param name="token">What clients know; ASCII.</param>
    /// <param name="address">One of this machine's.</param>
    internal Pmi1Server(int size, string token, IPAddress address)
    {
        (_size, _token) = (size, Encoding.ASCII.GetBytes(token));
        (_links, _nodes, _ranks, _codes) = (new LineConnection?[size], new int[size], new RankPhase[size], new int?[size]);
        _listener = new Listener(address, Math.Max(128, 2 * size));
        new Thread(Accept, ThreadStack) { IsBackground = true, Name = "rawdl-pmi-accept" }.Start();
    }

    private enum RankPhase
    {
        Away,
        Here,
        Finalized,
    }

    /// <summary>Where it listens.</summary>
    internal IPEndPoint EndPoint => _listener.EndPoint;

    /// <summary>Gets what ranks say; called from several threads.</summary>
    internal Action<string>? Said { get; set; }

    /// <summary>Asks all ranks to end in order.</summary>
    internal void Stop()
    {
        lock (_state)
        {
            _stopped = true;
            foreach (var link in _links) link?.WriteLine("cmd=stop");
        }
    }

    /// <summary>Ends the world, unless it has failed before: every launcher is told to kill its rank.</summary>
    internal void Fail(int rank, string reason, int? code = null)
    {
        lock (_state)
        {
            if (_failure is not null) return;
            _failure = new WorldEnd(rank, code ?? (rank >= 0 ? _codes[rank] : null), reason);
            foreach (var link in _links) link?.WriteLine($"cmd=kill value={PmiLine.Wrap(reason)}");
            Monitor.PulseAll(_state);
        }
    }

    /// <summary>Waits until every launcher has said bye or is gone. After a failure so long at most, for the code of the rank that failed.</summary>
    internal WorldEnd Wait(TimeSpan patience)
    {
        lock (_state)
        {
            while (_failure is null && _byes < _size) Monitor.Wait(_state);
            var started = Stopwatch.GetTimestamp();
            while (_byes < _size && patience - Stopwatch.GetElapsedTime(started) is var left && left > TimeSpan.Zero) Monitor.Wait(_state, left);
            if (_failure is { } failure) return failure with { Code = failure.Code ?? (failure.Rank >= 0 ? _codes[failure.Rank] : null) };
            var rank = Array.FindIndex(_codes, code => code != 0);
            return rank < 0 ? new WorldEnd(-1, 0, "") : new WorldEnd(rank, _codes[rank], string.Create(CultureInfo.InvariantCulture, $"rank {rank} ended by itself"));
        }
    }

    public void Dispose()
    {
        Fail(-1, "the world has ended");
        _listener.Dispose();
        lock (_pendingLock)
            foreach (var connection in _pending) connection.Dispose();
        lock (_state)
            foreach (var link in _links) link?.Dispose();
    }

    private void Accept()
    {
        while (_listener.Accept() is { } socket)
        {
            // A crowd of strangers is turned away, so that those who know the token find room again within the greeting time.
            LineConnection? connection = null;
            try
            {
                connection = new LineConnection(socket);
                lock (_pendingLock)
                    if (_pending.Count >= Math.Max(FewestPending, 2 * _size) || !_pending.Add(connection)) throw new SocketException((int)SocketError.ConnectionRefused);
                new Thread(() => Serve(connection), ThreadStack) { IsBackground = true, Name = "rawdl-pmi" }.Start();
            }
            catch (Exception refused) when (refused is SocketException or OutOfMemoryException)
            {
                if (connection is not null) Forget(connection);
                socket.Dispose();
            }
        }
    }

    private void Forget(LineConnection connection)
    {
        lock (_pendingLock) _pending.Remove(connection);
    }

    private void Serve(LineConnection connection)
    {
        using (connection)
        {
            var greeting = connection.ReadLine(s_greetingTime);
            Forget(connection);
            if (greeting is null || !IsKnown(new PmiLine(greeting))) return;
            var line = new PmiLine(greeting);
            if (line.Number("launcher") is { } launcher) ServeLauncher(connection, launcher, line.Number("node"));
            else if (line.Number("id") is { } rank) ServeRank(connection, rank);
        }
    }

    private bool IsKnown(PmiLine line) =>
        line.Command == "auth" && line["token"] is { } token && CryptographicOperations.FixedTimeEquals(Encoding.Latin1.GetBytes(token), _token);

    private void ServeLauncher(LineConnection connection, int rank, int? node)
    {
        lock (_state)
        {
            if (rank >= _size || _links[rank] is not null || node is not { } number || number >= _size) return;
            (_links[rank], _nodes[rank]) = (connection, number);
            if (_failure is { } failure) connection.WriteLine($"cmd=kill value={PmiLine.Wrap(failure.Reason)}");
            else if (_stopped) connection.WriteLine("cmd=stop");
            Arrive();
        }
        while (connection.ReadLine() is { } text)
        {
            var line = new PmiLine(text);
            if (line.Command == "say") Said?.Invoke(PmiLine.Unwrap(line["value"] ?? ""));
            if (line.Command != "bye") continue;
            Leave(rank, line.Number("code") ?? 1);
            return;
        }
        Fail(rank, string.Create(CultureInfo.InvariantCulture, $"the task of rank {rank} was lost"));
        Leave(rank, null);
    }

    // A rank that ends with a code before MPI_Finalize has left the others behind; one that a signal ended is lost, as where its connection says so first.
    private void Leave(int rank, int? code)
    {
        lock (_state)
        {
            (_codes[rank], _byes) = (code, _byes + 1);
            if (code is not null && _ranks[rank] != RankPhase.Finalized) Fail(rank, string.Create(CultureInfo.InvariantCulture, $"rank {rank} {(code > 128 ? "was lost" : "ended before the others")}"), code);
            Monitor.PulseAll(_state);
        }
    }

    // Once all have come nobody else may.
    private void Arrive()
    {
        if (++_here == 2 * _size) _listener.Dispose();
        Monitor.PulseAll(_state);
    }
}
