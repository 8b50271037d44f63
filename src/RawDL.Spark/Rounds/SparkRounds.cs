using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>
/// Rounds as jobs of a Spark application. Configuration and data are a broadcast that every executor holds for the whole run; what a round begins with comes from the driver (<see cref="RoundSource"/>), or is a broadcast
/// where it is large, where Spark's connections are encrypted, or where the driver is not reached; a task per replica does the steps. Equal slices of all vectors come together in the executors, each of which adds up its own:
/// replicas send them (<see cref="RoundAdder"/>), or an exchange of Spark's and a second stage do it. The driver receives one sum, in the order of the replicas, whatever the order of the tasks.
/// </summary>
public sealed class SparkRounds : IRoundExecutor, IDisposable
{
    // Below, another task costs more than it saves.
    private const int SliceElements = 1 << 17;
    private const int EmptyRounds = 9;

    // A task that fails is tried again by Spark; this counts jobs that fail because executors were lost too often.
    private const int MostAttempts = 4;

    // What the driver sends by itself; beyond, executors hand blocks of a broadcast to each other. On one machine 800 MB took a third of the time that Spark takes; a network of 10 Gbit/s sends as much in a second.
    internal const long MostDirectBytes = 1L << 30;
    private const string DirectSetting = "spark.rawdl.rounds.direct";

    private readonly Guid _id = Guid.NewGuid();
    private readonly SparkContext _spark;
    private readonly SparkBroadcast _run;
    private readonly Rdd _ranks;
    private readonly int _slots;
    private readonly RoundMeeting? _meeting;
    private RoundSource? _source;
    private byte[] _bytes = [];

    /// <summary>Sends configuration and data to the cluster.</summary>
    /// <param name="spark">The application.</param>
    /// <param name="configuration">The run's.</param>
    /// <param name="data">The run's.</param>
    /// <param name="shards">Number of replicas.</param>
    /// <param name="slots">Tasks that run at a time.</param>
    public SparkRounds(SparkContext spark, TrainingConfiguration configuration, DatasetPair data, int shards, int slots)
    {
        ArgumentNullException.ThrowIfNull(spark);
        (_spark, Shards, _slots) = (spark, shards, Math.Max(1, slots));
        _run = spark.Broadcast(RunContent.Encode(configuration, data));
        _ranks = spark.Parallelize(Enumerable.Repeat<byte[]>([], shards).ToArray());
        _source = OpenSource();
        // Without a daemon each task is a process of its own, which others find gone.
        if (!IsSet("spark.python.use.daemon", "false")) _meeting = new RoundMeeting();
    }

    /// <inheritdoc/>
    public int Shards { get; }

    /// <summary>Told when a round has to be done again; one line.</summary>
    public Action<string>? Warned { get; init; }

    /// <summary>Can rounds run it? Says so before anything is made.</summary>
    /// <exception cref="ConfigurationException">They cannot. One line.</exception>
    public static void Require(TrainingConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        RoundReplicas.Require(configuration.Synchronization);
    }

    /// <summary>The options of a trainer whose replicas these are.</summary>
    public TrainerOptions AddTo(TrainerOptions options) => (options ?? throw new ArgumentNullException(nameof(options))) with { Rounds = this };

    RoundOutcome IRoundExecutor.Run(RoundStart start, string description, Timeline? timeline)
    {
        _spark.SetJobDescription(description);
        var started = Stopwatch.GetTimestamp();
        var elements = start.Kind == RoundKind.Average ? start.Values.Length + (start.KeepsStates ? 0 : start.States.Length) : start.Values.Length;
        var call = new RoundCall(_id, _run.Id, -1, start.Kind, Shards, Math.Clamp(elements / SliceElements, 1, Math.Min(_slots, Shards)), start.Weights);
        _source?.Withdraw();
        var length = start.Encode(ref _bytes).Length;
        var frames = Direct(call, elements, length, started, timeline, out var served);
        if (frames is null)
        {
            using var broadcast = _spark.Broadcast(_bytes.AsSpan(0, length));
            timeline?.Add("broadcast", started);
            started = Stopwatch.GetTimestamp();
            frames = Job(call with { Start = broadcast.Id }, [_run, broadcast], out served);
            timeline?.Add("job", started, served);
        }
        var reports = new RoundContribution?[Shards];
        var sums = new Dictionary<int, RoundSum>();
        foreach (var frame in frames)
        {
            var (kind, a, b, c) = RoundFrame.Read(frame, out var bytes);
            if (kind == RoundFrame.Sum) sums[a] = RoundFrame.ReadSum(a, b, c, bytes);
            else if (kind == RoundFrame.Taken && _source?.Taken(a) is { } taken) sums[a] = RoundFrame.ReadSum(a, b, c, taken);
            else if (kind == RoundFrame.Report && (uint)a < (uint)Shards) reports[a] = RoundContribution.Decode(bytes);
            else if (kind != RoundFrame.Adder) throw RoundFrame.Refused(frame!.Length);
        }
        var missing = Array.IndexOf(reports, null);
        if (missing >= 0) throw new SparkProtocolException($"round: expected a report of {Shards} replicas, got none of replica {missing}");
        var outcome = RoundSum.Join(Array.ConvertAll(reports, report => report!), [.. sums.Values]);
        timeline?.Add("collect", served);
        return outcome;
    }

    // The frames of a round whose replicas ask the driver, or null where it has to be a broadcast.
    private List<byte[]?>? Direct(RoundCall call, int elements, int length, long started, Timeline? timeline, out long served)
    {
        served = 0;
        if (_source is null || (long)length * Shards > MostDirectBytes) return null;
        for (var adders = _meeting?.Next(); ; adders = null)
        {
            call = call with { Start = _source.Offer(_bytes.AsMemory(0, length)), Source = _source.Address, Adders = adders };
            timeline?.Add("broadcast", started);
            started = Stopwatch.GetTimestamp();
            var frames = Job(call, [_run], out served);
            if (Find(frames, RoundFrame.Unreachable) is { } unreachable)
            {
                Warned?.Invoke($"Spark: replicas do not reach {unreachable}; what rounds begin with is broadcast from now on (--conf {DirectSetting}=false says so before)");
                _source.Dispose();
                _source = null;
                return null;
            }
            timeline?.Add("job", started, served);
            _meeting?.Learn(AddersIn(frames));
            if (adders is null) return frames;
            var lost = Find(frames, RoundFrame.Lost) is { } text ? $"does not reach {text}" : RoundFrame.Cover(frames, elements) ? null : "misses others";
            if (lost is null)
            {
                _meeting!.Succeed();
                return frames;
            }
            _meeting!.Fail();
            Warned?.Invoke($"Spark: a replica {lost}; the round is done again, with Spark's exchange");
            _source.Withdraw();
            started = Stopwatch.GetTimestamp();
        }
    }

    private static string? Find(List<byte[]?> frames, int kind)
    {
        foreach (var frame in frames)
            if (RoundFrame.Read(frame, out var text).Kind == kind) return RawFileException.OneLine(Encoding.UTF8.GetString(text));
        return null;
    }

    private static Dictionary<int, RoundAddress> AddersIn(List<byte[]?> frames)
    {
        var told = new Dictionary<int, RoundAddress>();
        foreach (var frame in frames)
            if (RoundFrame.Read(frame, out var bytes) is var head && head.Kind == RoundFrame.Adder && RoundAddress.Decode(bytes) is [var one]) told[head.A] = one;
        return told;
    }

    private RoundSource? OpenSource()
    {
        string[] ciphers = ["spark.authenticate", "spark.network.crypto.enabled", "spark.ssl.enabled", "spark.ssl.rpc.enabled"];
        if (_spark.IsEncrypted || IsSet(DirectSetting, "false") || ciphers.Any(key => IsSet(key, "true"))) return null;
        try
        {
            var (host, address) = _spark.DriverAddress();
            return new RoundSource(host, address);
        }
        catch (Exception refused) when (refused is SocketException or CommunicationException)
        {
            // Spark knows its own ways.
            return null;
        }
    }

    private bool IsSet(string key, string value) => string.Equals(_spark.Setting(key), value, StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public double EmptyRoundMilliseconds()
    {
        _spark.SetJobDescription("empty rounds, for comparison");
        var times = new double[EmptyRounds];
        for (var i = 0; i < times.Length; i++)
        {
            var started = Stopwatch.GetTimestamp();
            Job(new RoundCall(_id, _run.Id, -1, RoundKind.Gradients, Shards, Math.Min(_slots, Shards), [], _source?.Address, _meeting?.Adders), [_run], out _);
            times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
        return RoundCost.Median(times);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _source?.Dispose();
        _ranks.Dispose();
        _run.Dispose();
    }

    // The job has ended when its results are served.
    private List<byte[]?> Job(RoundCall call, IReadOnlyList<SparkBroadcast> broadcasts, out long served)
    {
        var payload = call.Encode();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var steps = _ranks.Map(new SparkCall(RoundTask.Name, payload) { Broadcasts = broadcasts });
                // Named here too, for the JVM makes a worker forget what a task does not name.
                using var sums = call.Adders is not null ? null : SparkContext.TreeAggregate(steps, [call.Slices], _ => new SparkCall(SumTask.Name, payload) { Broadcasts = [_run] });
                using var results = (sums ?? steps).Serve();
                served = Stopwatch.GetTimestamp();
                return results.ToList();
            }
            catch (Exception ended) when (ended is JavaException { IsCancellation: true } or ConnectionLostException)
            {
                throw new OperationCanceledException("Spark: the job was cancelled.", ended);
            }
            catch (JavaException lost) when (lost.Failure is null && attempt < MostAttempts)
            {
                Warned?.Invoke($"Spark: a round failed and is done again ({attempt} of {MostAttempts - 1}): {lost.Message}");
            }
        }
    }
}
