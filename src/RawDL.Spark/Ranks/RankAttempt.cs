using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>One task's part of one attempt: its rank from the start to the end, and in task 0 the world's process manager and the way to the driver.</summary>
internal sealed class RankAttempt : IDisposable
{
    private static readonly TimeSpan s_helloTime = TimeSpan.FromSeconds(60), s_lastBye = TimeSpan.FromSeconds(3), s_stopTime = TimeSpan.FromSeconds(15), s_killTime = TimeSpan.FromSeconds(10);
    private readonly TaskContext _context;
    private readonly RankPayload _payload;
    private readonly IReadOnlyList<string> _program;
    private readonly RankData _data;
    private readonly string _folder = Path.Combine(RankData.LocalFolder, $"rawdl-run-{Guid.NewGuid():N}");
    private readonly string _token = RandomNumberGenerator.GetHexString(32, lowercase: true);
    private readonly BlockingCollection<(Cause Cause, string Reason)> _causes = [];
    private bool _holdsData;
    private volatile bool _stopping;
    private RankProcess? _process;
    private RankUplink? _uplink;
    private FolderShipper? _shipper;
    private Pmi1Server? _server;
    private LineConnection? _link;

    internal RankAttempt(TaskContext context, RankPayload payload, IReadOnlyList<string> program, RankData data) => (_context, _payload, _program, _data) = (context, payload, program, data);

    private enum Cause
    {
        Exited,
        Killed,
        Cancelled,
    }

    private bool IsFirst => _context.Partition == 0;

    /// <summary>Runs the rank to its end.</summary>
    /// <exception cref="OperationCanceledException">Nobody waits for the result.</exception>
    internal StageOutcome Run()
    {
        var lack = Prepare();
        var mine = new RankFacts(NodeKey.Of(), lack, _server?.EndPoint, _server is null ? null : _token);
        var all = Array.ConvertAll(_context.AllGather(mine.Encode()), RankFacts.Decode);
        if (all.FirstOrDefault(facts => facts.Lack is not null) is { } lacking) return new StageOutcome(StageOutcomeKind.Refused, null, lacking.Lack!);
        if (all[0] is not { Manager: { } manager, Token: { } token }) throw new SparkProtocolException("ranks: expected where the first task listens, got nothing");
        var (rank, node) = RankOrder.Of([.. all.Select(facts => facts.Node)])[_context.Partition];
        Connect(manager, token, rank, node);
        _process!.Begin(RankChild.BeginLine(rank, all.Length, manager, token));
        return Watch();
    }

    public void Dispose()
    {
        _process?.Dispose();
        _link?.Dispose();
        _server?.Dispose();
        _uplink?.Dispose();
        if (_holdsData) _data.Leave(_payload.Data);
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    // Everything that may lack, before the tasks meet: so all know of it at once. The child starts here, as the meeting takes a second anyway.
    private string? Prepare()
    {
        if (OperatingSystem.IsWindows()) return $"ranks: expected executors with Linux or macOS, got Windows on {Environment.MachineName}; use --spark-mode rounds";
        if (_context.Addresses.Count != _payload.Size) return $"ranks: expected {_payload.Size} tasks, got {_context.Addresses.Count}";
        try
        {
            Directory.CreateDirectory(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var data = _data.Take(_context, _payload.Data);
            _holdsData = true;
            if (IsFirst) PrepareFirst();
            _process = new RankProcess([.. _program, .. _payload.FillWords(_folder, _context.Cpus)], Variables(data), Say, () => _causes.Add((Cause.Exited, "")));
            return _process.AwaitHello(s_helloTime, _context.Cancellation);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SocketException or System.ComponentModel.Win32Exception || exception.GetType() == typeof(CommunicationException))
        {
            return $"{Environment.MachineName}: {exception.Message}";
        }
    }

    private void PrepareFirst()
    {
        RankState.Unpack(_folder, _payload.Configuration, _payload.State < 0 ? default : _context.Broadcast(_payload.State));
        _server = new Pmi1Server(_payload.Size, _token, OwnAddress());
        _uplink = RankUplink.Open(_payload.Host, _payload.Port, _payload.Token);
        _server.Said = _uplink.Line;
        _uplink.Listen(_server.Stop, () => _server.Fail(-1, "the driver was lost"));
        _shipper = new FolderShipper(_folder, _uplink);
    }

    private Dictionary<string, string> Variables(string data)
    {
        var variables = new Dictionary<string, string>
        {
            [RankChild.Variable] = _context.Partition.ToString(CultureInfo.InvariantCulture),
            [RankChild.DataVariable] = data,
        };
        if (_context.Resources.TryGetValue("gpu", out var gpus)) variables["CUDA_VISIBLE_DEVICES"] = string.Join(',', gpus);
        return variables;
    }

    // As Spark knows this executor, so that the others reach it.
    private IPAddress OwnAddress()
    {
        var address = _context.Addresses[_context.Partition];
        var host = address[..Math.Max(0, address.LastIndexOf(':'))].Trim('[', ']');
        return Dns.GetHostAddresses(host) is [var first, ..] ? first : throw new SocketException((int)SocketError.HostNotFound);
    }

    private void Connect(IPEndPoint manager, string token, int rank, int node)
    {
        var socket = new Socket(manager.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(manager);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new CommunicationException($"ranks: expected the first task at {manager}, got {exception.Message}", exception);
        }
        _link = new LineConnection(socket);
        _link.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cmd=auth token={token} launcher={rank} node={node}"));
        new Thread(() => Listen(_link), 1 << 18) { IsBackground = true, Name = "rawdl-rank-link" }.Start();
    }

    private void Listen(LineConnection link)
    {
        while (link.ReadLine() is { } text)
        {
            var line = new PmiLine(text);
            if (line.Command == "kill") _causes.Add((Cause.Killed, PmiLine.Unwrap(line["value"] ?? "")));
            if (line.Command != "stop") continue;
            _stopping = true;
            _process!.Stop();
        }
        _causes.Add((Cause.Killed, "the first task was lost"));
    }

    private StageOutcome Watch()
    {
        using var cancelled = _context.Cancellation.Register(() => _causes.Add((Cause.Cancelled, "cancelled")));
        var (cause, reason) = _causes.Take();
        // A job that is cancelled while its ranks write their last checkpoint gets that one.
        if (cause == Cause.Cancelled && _stopping && _causes.TryTake(out var end, s_stopTime)) (cause, reason) = end;
        if (cause != Cause.Exited)
        {
            if (cause == Cause.Cancelled) _server?.Fail(-1, reason);
            _process!.Kill();
            while (_causes.TryTake(out var next, s_killTime) && next.Cause != Cause.Exited) { }
        }
        _process!.Drain();
        if (reason.Length > 0 && _payload.Logs) _context.Log(reason);
        _shipper?.Finish();
        _link!.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cmd=bye code={_process.ExitCode}"));
        if (_server is null) return new StageOutcome(StageOutcomeKind.Follows, _process.ExitCode, reason);
        var world = _server.Wait(s_lastBye);
        _uplink!.Conclude(_process.Output, CancellationToken.None);
        return new StageOutcome(StageOutcomeKind.Ended, world.Code, world.Reason);
    }

    // Lines of every rank go to the executor's log and to the driver; those of the others take the way over task 0.
    private void Say(string line)
    {
        if (line.Length == 0) return;
        var told = RawFileException.OneLine(line).Replace(_folder, _payload.RunPath, StringComparison.Ordinal);
        if (_payload.Logs) _context.Log(told);
        if (_uplink is not null) _uplink.Line(told);
        else _link?.WriteLine($"cmd=say value={PmiLine.Wrap(told)}");
    }
}
