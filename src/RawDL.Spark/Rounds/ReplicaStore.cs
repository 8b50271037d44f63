using System.Net;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Replicas of this process between two rounds. A task borrows one and gives it back, so that two attempts at a time have two; as many as there were tasks at a time are kept, the newest.</summary>
internal sealed class ReplicaStore : IDisposable
{
    private readonly Lock _lock = new();
    // The oldest first.
    private readonly List<(Key Key, Kept Kept)> _idle = [];
    private readonly Dictionary<Guid, Lazy<RunContent>> _runs = [];
    private int _borrowed, _most = 1;

    internal readonly record struct Key(Guid Run, RoundKind Kind, int Threads);

    /// <summary>A replica with its memory: what it begins with and what it leaves, used again from round to round.</summary>
    internal sealed class Kept(Replica replica, Device device) : IDisposable
    {
        private readonly RoundConnection _driver = new("the driver");
        private readonly Dictionary<RoundAddress, RoundConnection> _adders = [];
        private byte[] _bytes = [];
        private RoundStart? _start;
        private float[] _vector = [];

        public Replica Replica => replica;

        /// <summary>Reads what a round begins with.</summary>
        public RoundStart Read(TaskContext context, RoundCall call) =>
            _start = RoundStart.Decode(call.Source is { } source ? _driver.Fetch(source, call.Start, ref _bytes) : context.Broadcast(call.Start, ref _bytes), _start);

        /// <summary>The address of this machine that leads to the driver; null where a round began with a broadcast.</summary>
        public IPAddress? Near => _driver.Near;

        /// <summary>The ways to the adders of a round, in their order.</summary>
        public RoundConnection[] Reach(RoundAddress[] adders)
        {
            foreach (var gone in _adders.Keys.Except(adders).ToArray())
                if (_adders.Remove(gone, out var connection)) connection.Dispose();
            return Array.ConvertAll(adders, address => _adders.TryGetValue(address, out var connection) ? connection : _adders[address] = new RoundConnection("the executor"));
        }

        /// <summary>Room for the replica's vector.</summary>
        public Span<float> Vector(int length)
        {
            if (_vector.Length < length) _vector = new float[length];
            return _vector.AsSpan(0, length);
        }

        public void Dispose()
        {
            _driver.Dispose();
            foreach (var connection in _adders.Values) connection.Dispose();
            replica.Dispose();
            device.Dispose();
        }
    }

    /// <summary>Configuration and data of a run, unpacked once for all tasks.</summary>
    internal RunContent Content(Guid run, Func<ReadOnlyMemory<byte>> read)
    {
        Lazy<RunContent>? content;
        lock (_lock)
        {
            if (!_runs.TryGetValue(run, out content))
            {
                // One or two runs at a time are usual: what others left is not worth its memory.
                if (_runs.Count > 1) _runs.Clear();
                _runs[run] = content = new Lazy<RunContent>(() => RunContent.Decode(read()), LazyThreadSafetyMode.ExecutionAndPublication);
            }
        }
        try
        {
            return content.Value;
        }
        catch
        {
            // Another task may have better luck.
            lock (_lock) _runs.Remove(run);
            throw;
        }
    }

    internal Kept Borrow(Key key, Func<Kept> create)
    {
        lock (_lock)
        {
            _most = Math.Max(_most, ++_borrowed);
            var index = _idle.FindLastIndex(one => one.Key == key);
            if (index >= 0)
            {
                var kept = _idle[index].Kept;
                _idle.RemoveAt(index);
                return kept;
            }
        }
        try
        {
            return create();
        }
        catch
        {
            lock (_lock) _borrowed--;
            throw;
        }
    }

    /// <summary>Gives it back, or drops it if its task failed.</summary>
    internal void Return(Key key, Kept kept, bool isWhole)
    {
        List<Kept> dropped = [];
        lock (_lock)
        {
            _borrowed--;
            if (isWhole) _idle.Add((key, kept));
            else dropped.Add(kept);
            while (_idle.Count > _most)
            {
                dropped.Add(_idle[0].Kept);
                _idle.RemoveAt(0);
            }
        }
        dropped.ForEach(one => one.Dispose());
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _idle.ForEach(one => one.Kept.Dispose());
            _idle.Clear();
        }
    }
}
