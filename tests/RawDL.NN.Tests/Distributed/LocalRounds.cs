namespace RawDL.NN.Tests;

/// <summary>Rounds in this process, through the bytes that would travel. Every part of a round can be done by a fresh replica, done twice, or by one that worked on something else in between.</summary>
internal sealed class LocalRounds(TrainingConfiguration configuration, DatasetPair data, int shards, int seed = 0, int slices = 2) : IRoundExecutor, IDisposable
{
    private byte[] _bytes = [];
    private RoundStart? _start;
    private readonly Random _random = new(seed);
    private readonly CpuDevice _device = new(1);
    private readonly List<Replica> _replicas = [];
    private Replica? _kept;

    public int Shards => shards;

    /// <summary>Called before each round with its number.</summary>
    public Action<int>? Before { get; init; }

    /// <summary>What a replica's clock says when it begins, µs since 1970.</summary>
    public Func<int, double> Clock { get; init; } = _ => 0;

    public List<string> Descriptions { get; } = [];

    public RoundOutcome Run(RoundStart start, string description, Timeline? timeline)
    {
        Before?.Invoke(Descriptions.Count);
        Descriptions.Add(description);
        start = RoundStart.Decode(start.Encode(ref _bytes), _start);
        _start = start;
        var contributions = new RoundContribution[shards];
        var vectors = new float[shards][];
        var trainable = 0;
        // In any order, as tasks end.
        foreach (var rank in Enumerable.Range(0, shards).OrderBy(_ => _random.Next()))
            for (var attempt = _random.Next(2); attempt >= 0; attempt--)
            {
                // A new one, one that did this rank's part before, or one that did another's.
                if (_random.Next(4) == 0) _kept = null;
                var replica = _kept is not null && _random.Next(2) == 0 ? _kept : _replicas.Count > 0 && _random.Next(3) > 0 ? _replicas[_random.Next(_replicas.Count)] : null;
                if (replica is null) _replicas.Add(replica = new Replica(configuration, data, _device, start.Kind, shards));
                _kept = replica;
                vectors[rank] = new float[replica.Length(start)];
                contributions[rank] = RoundContribution.Decode((replica.Run(start, rank, vectors[rank], CancellationToken.None) with { Began = Clock(rank) }).Encode());
                trainable = start.Kind == RoundKind.Average ? replica.TrainableCount : 0;
            }
        var sums = new List<RoundSum>();
        for (var slice = slices - 1; slice >= 0; slice--)
        {
            var (first, end) = (RoundSum.Start(slice, slices, vectors[0].Length), RoundSum.Start(slice + 1, slices, vectors[0].Length));
            if (end > first) sums.Add(RoundSum.Of(first, [.. vectors.SelectMany(vector => vector[first..end])], start.Weights, shards, trainable));
        }
        return RoundSum.Join(contributions, sums);
    }

    public double EmptyRoundMilliseconds() => 1;

    public void Dispose()
    {
        foreach (var replica in _replicas) replica.Dispose();
        _device.Dispose();
    }
}
