using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RawDL.NN;

/// <summary>
/// One replica of Downpour SGD: it pushes the sum of its gradients to parameter servers and fetches parameters from them, and waits for no other client.
/// Source: Dean et al., Large scale distributed deep networks, NIPS 2012, section 4.1 and algorithm 1.1 of its supplement.
/// </summary>
/// <remarks>
/// Every <see cref="SynchronizationOptions.FetchPeriod"/> steps a request goes out before the step computes, on the client's own copy. The answer replaces that copy after the backward pass of
/// the first step by whose end it has come, at the latest of the last before the next request; the client's optimizer then makes its local step on top of it, as the answer does not hold this
/// gradient yet. With one client, both periods 1, and the same rate of plain descent here and there, that is plain descent. Gradients are means over the local batch, raw: decay and clipping are of
/// the local optimizer and do not reach the servers. They are pushed every <see cref="SynchronizationOptions.PushPeriod"/> steps and where an epoch ends or client 0 has to fetch.
/// <para>Running statistics of batch normalisation are each client's own; those of client 0 are judged and saved with the parameters of the servers. So are the local optimizer's states, which after a resume
/// are those of client 0 on every client, as its place in the data is.</para>
/// <para>Client 0 begins and ends the run: it initializes the servers, evaluates and saves alone with parameters fetched for that, waits at its end for the others, and tells the servers
/// when all is over. Samples and losses in its counters are those of all clients, as the first server knows them.</para>
/// </remarks>
internal sealed unsafe class DownpourClient : Synchronizer
{
    private const string SquaresName = "downpour.squares";
    private const int MostReason = 1000;

    private readonly ICommunicator _world;
    private readonly int _clients, _servers, _parameters;
    // Two sets of one message per server, each pinned: one travels while the other fills.
    private readonly float[][][] _pushes = new float[2][][];
    private readonly ICommunicationRequest?[][] _requests = new ICommunicationRequest?[2][];
    private readonly long[] _versions, _sumVersions;
    private readonly float[] _incoming, _gradients;
    private float[] _squares = [];
    private int _filling, _stepsOfSum, _summed;
    private long _steps;
    private float _rate;
    private bool _hasBegun, _isGo, _isAwaiting, _isFresh, _isStopped, _hasEnded;
    private long _samples;
    private double _lossSum, _computeSeconds, _samplesOfAll, _lossSumOfAll, _samplesSeen, _lossSumSeen;

    /// <summary>A client of the first ranks of the world; the last ones serve.</summary>
    public DownpourClient(SynchronizationOptions options, ICommunicator world, Model model, Optimizer optimizer) : base(options, new SoloCommunicator(), model, optimizer)
    {
        (_world, _servers, _clients, _parameters) = (world, options.Servers, world.Size - options.Servers, model.Parameters.TrainableCount);
        (_versions, _sumVersions) = (new long[_servers], new long[_servers]);
        var longest = 0;
        for (var set = 0; set < 2; set++)
        {
            (_pushes[set], _requests[set]) = (new float[_servers][], new ICommunicationRequest?[_servers]);
            for (var server = 0; server < _servers; server++)
            {
                _pushes[set][server] = GC.AllocateArray<float>(DownpourHeader.Length + Count(server), pinned: true);
                longest = Math.Max(longest, Count(server));
            }
        }
        _incoming = new float[DownpourHeader.Length + longest];
        _gradients = new float[longest];
    }

    public override (int Rank, int Size) Shard => (_world.Rank, _clients);

    public override int WorldSize => _world.Size;

    public override bool StopsAnywhere => true;

    public override bool Judges => _world.Rank == 0;

    /// <summary>A server has taken this client for dead: what it does is of no use any more.</summary>
    public bool IsLost { get; private set; }

    /// <summary>How client 0 ended the run; known to the others after <see cref="Close"/> or <see cref="Leave"/>.</summary>
    public RunStatus Status { get; private set; }

    private bool IsFirst => _world.Rank == 0;

    public override void BeginStep()
    {
        if (!_hasBegun) Begin();
        if (_isStopped) return;
        if (_steps++ % Options.FetchPeriod == 0) Request(DownpourTag.Fetch);
        _isFresh = false;
    }

    // Many libraries move data only inside their own calls.
    public override void BeginLastPart(Tape tape) => tape.Passed = _ =>
    {
        foreach (var requests in _requests)
            foreach (var request in requests) request?.Test();
    };

    public override void EndBackward(RunState state, long step)
    {
        LookForStop();
        if (_isStopped || Progress.Failure is not null) return;
        if (Progress.Samples > 0) Transfer("push", Accumulate);
        if (_isAwaiting && (_steps % Options.FetchPeriod == 0 || HasArrived())) TakeParameters(isLasting: false);
    }

    public override bool EndStep(RunState state, float rate, bool mustMeet)
    {
        state.IsStopWanted |= Progress.WantsStop;
        state.IsTimeOver |= Progress.TimeIsOver;
        if (Progress.Failure is { } failure) throw failure;
        // What a stop came before is not pushed.
        if (!_isStopped) (_samples, _lossSum) = (_samples + Progress.Samples, _lossSum + Progress.LossSum);
        _computeSeconds += Progress.ComputeSeconds;
        (Progress.Samples, Progress.LossSum, Progress.ComputeSeconds) = (0, 0, 0);
        (_rate, _stepsOfSum) = (rate, _stepsOfSum + 1);
        if (!_isStopped && (_stepsOfSum >= Options.PushPeriod || mustMeet)) Push();
        if (IsFirst && state.Step >= Options.WarmStart) Go();
        if (IsFirst && mustMeet) Fetch(DownpourTag.Fetch, CancellationToken.None);
        Count(state);
        state.IsStopWanted |= _isStopped;
        return true;
    }

    public override void Conclude(RunState state, CancellationToken cancel)
    {
        if (_hasEnded || IsLost) return;
        _hasEnded = true;
        if (!_hasBegun) Begin();
        Push();
        if (!IsFirst)
        {
            SendAll(DownpourTag.Done, Statistics());
            return;
        }
        var started = Stopwatch.GetTimestamp();
        if (state.StopReason is null && !state.IsStopWanted) Go();
        else SendAll(DownpourTag.StopOthers, default);
        // What a rule of early stopping judged is what the run leaves.
        if (_isFresh && state.StopReason is not null) Fetch(DownpourTag.FetchLast, cancel, isTaken: false);
        else Fetch(DownpourTag.FetchLast, cancel);
        Count(state);
        state.TrainingSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public override void Close(RunState state)
    {
        if (!IsFirst)
        {
            AwaitEnd();
            return;
        }
        Status = state.IsStopWanted ? RunStatus.Interrupted : RunStatus.Completed;
        SendAll(DownpourTag.Shutdown, Statistics() with { Version = state.IsStopWanted ? 1 : 0 });
        GatherReports();
        CompletePushes();
    }

    /// <summary>A failed client's last word; returns when the run is over without it.</summary>
    public void Leave(string reason)
    {
        if (!_hasEnded && !IsLost)
        {
            var message = default(DownpourHeader).WithText(reason.Length > MostReason ? reason[..MostReason] : reason);
            for (var server = 0; server < _servers; server++) _world.Send<float>(message, _clients + server, (int)DownpourTag.Leave);
        }
        _hasEnded = true;
        AwaitEnd();
    }

    public override void Save(RunState state, List<SafetensorsTensor> tensors)
    {
        if (!IsFirst || !ServerRule.Parse(Options.Server).HasSquares) return;
        var squares = _squares.Length > 0 ? _squares : new float[_parameters];
        if (_hasBegun)
        {
            SendAll(DownpourTag.Squares, default);
            for (var server = 0; server < _servers; server++)
            {
                Receive(server, DownpourTag.Squares, Count(server), CancellationToken.None);
                Incoming(server).CopyTo(squares.AsSpan(Start(server)));
            }
        }
        tensors.Add(SafetensorsTensor.Create(SquaresName, new Shape(_parameters), squares));
    }

    public override void Restore(RunState state, SafetensorsFile file)
    {
        if (file.Find(SquaresName) is not { } tensor) return;
        if (tensor.Extents is not [var count] || count != _parameters)
            throw new RawFileException(file.Path, null, $"expected tensor '{SquaresName}' [{_parameters}], got [{string.Join(", ", tensor.Extents.ToArray())}]");
        tensor.CopyTo(_squares = new float[_parameters]);
    }

    private int Start(int server) => DownpourHeader.Start(server, _servers, _parameters);

    private int Count(int server) => Start(server + 1) - Start(server);

    private Span<float> Incoming(int server) => _incoming.AsSpan(DownpourHeader.Length, Count(server));

    private void Begin()
    {
        _hasBegun = true;
        if (IsFirst) Initialize();
        // The answer comes after the warm start.
        else Fetch(DownpourTag.Fetch, CancellationToken.None);
    }

    private void Initialize()
    {
        var hasSquares = ServerRule.Parse(Options.Server).HasSquares;
        if (hasSquares && _squares.Length == 0) _squares = new float[_parameters];
        var values = Model.Parameters.Values.ToArray();
        for (var server = 0; server < _servers; server++)
        {
            var count = Count(server);
            var message = new float[DownpourHeader.Length + (hasSquares ? 2 : 1) * count];
            new DownpourHeader { Version = _parameters }.Write(message);
            values.AsSpan(Start(server), count).CopyTo(message.AsSpan(DownpourHeader.Length));
            if (hasSquares) _squares.AsSpan(Start(server), count).CopyTo(message.AsSpan(DownpourHeader.Length + count));
            _world.Send<float>(message, _clients + server, (int)DownpourTag.Initialize);
        }
        if (Options.WarmStart == 0) Go();
    }

    private void Go()
    {
        if (_isGo) return;
        SendAll(DownpourTag.Go, default);
        _isGo = true;
    }

    // Into the messages that fill.
    private void Accumulate()
    {
        var messages = _pushes[_filling];
        if (_summed == 0)
        {
            Complete(_filling);
            _versions.CopyTo(_sumVersions, 0);
        }
        for (var server = 0; server < _servers; server++)
        {
            var part = new Tensor(Model.Parameters.Gradients.Buffer, Start(server), new Shape(Count(server)));
            var sum = messages[server].AsSpan(DownpourHeader.Length);
            if (_summed == 0)
            {
                part.CopyTo(sum);
                continue;
            }
            var gradients = _gradients.AsSpan(0, sum.Length);
            part.CopyTo(gradients);
            Reduction.Add(sum, gradients);
        }
        _summed++;
    }

    private void Push()
    {
        _stepsOfSum = 0;
        if (_summed == 0 || IsLost) return;
        _summed = 0;
        var header = Statistics() with { Rate = _rate / Optimizer.LearningRate };
        Transfer("push", () =>
        {
            for (var server = 0; server < _servers; server++)
            {
                var message = _pushes[_filling][server];
                (header with { Version = _sumVersions[server] }).Write(message);
                _requests[_filling][server] = _world.StartSend((float*)Unsafe.AsPointer(ref message[0]), message.Length, _clients + server, (int)DownpourTag.Push);
                SentBytes += sizeof(float) * (long)message.Length;
            }
        });
        _filling = 1 - _filling;
    }

    // What this client did since it last told.
    private DownpourHeader Statistics()
    {
        var header = new DownpourHeader
        {
            Samples = _samples,
            LossSum = _lossSum,
            ComputeSeconds = _computeSeconds,
            WaitSeconds = WaitSeconds,
            TransferSeconds = TransferSeconds,
            Bytes = SentBytes,
        };
        (_samples, _lossSum, _computeSeconds, WaitSeconds, TransferSeconds, SentBytes) = (0, 0, 0, 0, 0, 0);
        return header;
    }

    private void Request(DownpourTag tag)
    {
        SendAll(tag, default);
        _isAwaiting = true;
    }

    // A fetch that is waited for.
    private void Fetch(DownpourTag tag, CancellationToken cancel, bool isTaken = true)
    {
        if (_isAwaiting) TakeParameters(isLasting: false);
        Request(tag);
        TakeParameters(isLasting: !IsFirst || tag == DownpourTag.FetchLast, cancel, isTaken);
        _isFresh = true;
    }

    private bool HasArrived()
    {
        for (var server = 0; server < _servers; server++)
            if (!_world.TryProbe<float>(_clients + server, (int)DownpourTag.Parameters, out _)) return false;
        return true;
    }

    private void TakeParameters(bool isLasting, CancellationToken cancel = default, bool isTaken = true)
    {
        _isAwaiting = false;
        for (var server = 0; server < _servers; server++)
        {
            var started = Stopwatch.GetTimestamp();
            if (isLasting) AwaitMessage(server, cancel);
            var has = Receive(server, DownpourTag.Parameters, Count(server), cancel);
            WaitSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
            Timeline?.Add("fetch", started);
            if (!has) return;
            var header = DownpourHeader.Read(_incoming);
            _versions[server] = header.Version;
            if (server == 0) (_samplesOfAll, _lossSumOfAll) = (header.Samples, header.LossSum);
            if (isTaken) Transfer("fetch", () => new Tensor(Model.Parameters.Values.Buffer, Start(server), new Shape(Count(server))).CopyFrom(Incoming(server)));
        }
    }

    // A wait that may last, as that for the end of the warm start: without end, so not inside a call that is watched.
    private void AwaitMessage(int server, CancellationToken cancel)
    {
        var isTold = false;
        while (!_world.TryProbe<float>(_clients + server, MessageEnvelope.AnyTag, out _))
        {
            if (IsFirst && !isTold && cancel.IsCancellationRequested)
            {
                SendAll(DownpourTag.StopOthers, default);
                isTold = true;
            }
            Thread.Sleep(1);
        }
    }

    // False when the server sends a stop instead, after which what was asked for is not waited for.
    private bool Receive(int server, DownpourTag tag, int values, CancellationToken cancel)
    {
        var message = _world.Probe<float>(_clients + server, MessageEnvelope.AnyTag);
        if ((DownpourTag)message.Tag == DownpourTag.Stop && !IsFirst)
        {
            TakeStop(message);
            return false;
        }
        if ((DownpourTag)message.Tag != tag) throw new CommunicationException($"downpour: expected {tag} from server {server}, got {(DownpourTag)message.Tag}");
        DownpourHeader.RequireLength(message, values);
        _world.Receive(_incoming.AsSpan(0, message.Count), message.Source, message.Tag);
        return true;
    }

    private void LookForStop()
    {
        while (!IsFirst && _world.TryProbe<float>(MessageEnvelope.AnySource, (int)DownpourTag.Stop, out var message)) TakeStop(message);
    }

    private void TakeStop(MessageEnvelope message)
    {
        DownpourHeader.RequireLength(message, 0);
        _world.Receive(_incoming.AsSpan(0, message.Count), message.Source, message.Tag);
        _isStopped = true;
        IsLost |= DownpourHeader.Read(_incoming).Version != 0;
    }

    private void SendAll(DownpourTag tag, DownpourHeader header)
    {
        Span<float> message = stackalloc float[DownpourHeader.Length];
        header.Write(message);
        for (var server = 0; server < _servers; server++) _world.Send<float>(message, _clients + server, (int)tag);
    }

    // What the servers have heard of all clients goes into the run's counters.
    private void Count(RunState state)
    {
        state.Samples += (long)(_samplesOfAll - _samplesSeen);
        state.EpochSamples += (long)(_samplesOfAll - _samplesSeen);
        state.EpochLossSum += _lossSumOfAll - _lossSumSeen;
        (_samplesSeen, _lossSumSeen) = (_samplesOfAll, _lossSumOfAll);
    }

    // Whatever still comes is taken from the way: a server waits for what it has sent.
    private void AwaitEnd()
    {
        for (var server = 0; server < _servers; server++)
        {
            MessageEnvelope message;
            do
            {
                AwaitMessage(server, CancellationToken.None);
                message = _world.Probe<float>(_clients + server, MessageEnvelope.AnyTag);
                if (message.Count is < DownpourHeader.Length || message.Count > _incoming.Length)
                    throw new CommunicationException($"downpour: expected a message of at most {_incoming.Length} values from server {server}, got {message.Count}");
                _world.Receive(_incoming.AsSpan(0, message.Count), message.Source, message.Tag);
            }
            while ((DownpourTag)message.Tag != DownpourTag.End);
            Status = DownpourHeader.Read(_incoming).Version == 0 ? RunStatus.Completed : RunStatus.Interrupted;
        }
        // A lost client's last pushes may never be received.
        if (!IsLost) CompletePushes();
    }

    private void Complete(int set)
    {
        for (var server = 0; server < _servers; server++)
        {
            _requests[set][server]?.Wait();
            _requests[set][server] = null;
        }
    }

    private void CompletePushes()
    {
        Complete(0);
        Complete(1);
    }

    private void GatherReports()
    {
        var staleness = new List<long>();
        var lost = new SortedDictionary<int, string>();
        for (var server = 0; server < _servers; server++)
        {
            var message = _world.Probe<float>(_clients + server, MessageEnvelope.AnyTag);
            var buckets = 0;
            var values = new float[Math.Max(message.Count, DownpourHeader.Length)];
            _world.Receive<float>(values, message.Source, message.Tag);
            var header = DownpourHeader.Read(values);
            if ((DownpourTag)message.Tag == DownpourTag.Report && header.Samples is >= 0 and <= ParameterServer.MostStaleness + 1) buckets = (int)header.Samples;
            var numbers = 2 * (buckets + 5 * _clients);
            if ((DownpourTag)message.Tag != DownpourTag.Report || message.Count < DownpourHeader.Length + numbers)
                throw new CommunicationException($"downpour: expected Report from server {server}, got {(DownpourTag)message.Tag} with {message.Count} values");
            var doubles = MemoryMarshal.Cast<float, double>(values.AsSpan(DownpourHeader.Length, numbers));
            for (var i = 0; i < buckets; i++)
            {
                if (staleness.Count <= i) staleness.Add(0);
                staleness[i] += (long)doubles[i];
            }
            if (server == 0) Report.Set(header.Version, Column(doubles[buckets..], 0), Column(doubles[buckets..], 1), Column(doubles[buckets..], 2), Column(doubles[buckets..], 3), Column(doubles[buckets..], 4));
            foreach (var line in DownpourHeader.Text(values.AsSpan(DownpourHeader.Length + numbers)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                if (line.Split(' ', 2) is [var number, var reason] && int.TryParse(number, out var client)) lost.TryAdd(client, $"client {client} {reason}");
        }
        (Report.Staleness, Report.LostClients) = (staleness, [.. lost.Values]);
    }

    private double[] Column(ReadOnlySpan<double> table, int column)
    {
        var values = new double[_clients];
        for (var client = 0; client < _clients; client++) values[client] = table[5 * client + column];
        return values;
    }
}
