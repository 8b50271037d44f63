using System.Net;
using System.Net.Sockets;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>
/// Where replicas meet in an executor's process: takes their parts of slices and, once a slice has all, adds them up in the replicas' order and brings the sum to the driver. Spark's own exchange is another stage, whose files
/// and messages take longer than a short round computes. Whoever knows the token may send parts, on a connection that lasts for the run: the round's numbers, a rank, a first element, the number of trainable elements and a
/// block, answered by what has become of the slice. Whoever brings the last part waits for the sum, so that a round whose tasks have ended has its sums, or a task that says why not.
/// </summary>
internal sealed class RoundAdder : IDisposable
{
    private const int MaximumCall = 1 << 20, PieceBytes = 1 << 16, MostConnections = 4096;
    private readonly TokenListener _listener;
    private readonly RoundSink _driver = new();
    private readonly Dictionary<(Guid Run, int First), Slice> _slices = [];

    /// <summary>Listens.</summary>
    /// <param name="address">The one by which this machine reaches the driver: other executors reach it there.</param>
    /// <exception cref="SocketException">It is none of this machine's.</exception>
    internal RoundAdder(IPAddress address)
    {
        _listener = new TokenListener(address, "replica", MostConnections, (_, reader, writer) => Serve(reader, writer));
        Address = new RoundAddress(address.ToString(), _listener.Port, _listener.Token);
    }

    /// <summary>What has become of a slice.</summary>
    internal enum Answer
    {
        /// <summary>Other parts are missing.</summary>
        Held,

        /// <summary>The driver has its sum.</summary>
        Added,

        /// <summary>The round is over, or the driver does not take the sum.</summary>
        Refused,
    }

    /// <summary>Where replicas find it.</summary>
    internal RoundAddress Address { get; }

    public void Dispose()
    {
        _listener.Dispose();
        _driver.Dispose();
    }

    private void Serve(WireReader reader, WireWriter writer)
    {
        var piece = new byte[PieceBytes];
        while (true)
        {
            var call = RoundCall.Decode(reader.ReadBytes(reader.ReadLength(MaximumCall)));
            var (rank, first, trainable, length) = (reader.ReadInt(), reader.ReadInt(), reader.ReadInt(), reader.ReadInt());
            if (first < 0 || first % SquaredDistance.Block != 0 || length <= 0 || length % sizeof(float) != 0 || (long)length * call.Shards > SparkRounds.MostDirectBytes) throw RoundFrame.Refused(length);
            var slice = Find(call.Id, first);
            var block = slice.Begin(call, length / sizeof(float), trainable);
            if (block?.Has(rank, length) is false) throw RoundFrame.Refused(length);
            for (var at = 0; at < length; at += piece.Length)
            {
                var count = Math.Min(piece.Length, length - at);
                reader.ReadExactly(piece.AsSpan(0, count));
                slice.Write(block, rank, at, piece.AsSpan(0, count));
            }
            var (answer, distances) = slice.Complete(block, call, rank, first, _driver);
            writer.WriteInt((int)answer);
            writer.WriteInt(length / sizeof(float));
            writer.WriteInt(distances);
            writer.Flush();
        }
    }

    private Slice Find(Guid run, int first)
    {
        lock (_slices)
        {
            if (_slices.TryGetValue((run, first), out var slice)) return slice;
            // One or two runs at a time are usual: what others left is not worth its memory. One that goes on misses a sum, and does its round again.
            var others = _slices.Keys.Where(key => key.Run != run).ToArray();
            if (others.DistinctBy(key => key.Run).Count() > 1)
                foreach (var key in others) _slices.Remove(key);
            return _slices[(run, first)] = new Slice();
        }
    }

    // Of one round after another: of a block that is no longer the round's nothing is written, for its memory is another one's.
    private sealed class Slice
    {
        private readonly Lock _lock = new();
        private long _round = -1;
        private PartBlock? _block;
        private int _distances;
        private bool _isAdded;

        // The block of the round, or null where that is over.
        public PartBlock? Begin(RoundCall call, int length, int trainable)
        {
            lock (_lock)
            {
                if (call.Start > _round)
                {
                    _block?.Dispose();
                    (_block, _round, _isAdded) = (new PartBlock(call.Shards, length, trainable), call.Start, false);
                }
                return call.Start == _round ? _block : null;
            }
        }

        // Attempts of a task bring the same bytes.
        public void Write(PartBlock? block, int rank, int at, ReadOnlySpan<byte> piece)
        {
            lock (_lock)
                if (block is not null && block == _block) block.Write(rank, at, piece);
        }

        public (Answer Answer, int Distances) Complete(PartBlock? block, RoundCall call, int rank, int first, RoundSink driver)
        {
            lock (_lock)
            {
                if (block is null || block != _block || call.Source is null) return (Answer.Refused, 0);
                block.Complete(rank);
                if (block.Missing >= 0) return (Answer.Held, 0);
                if (_isAdded) return (Answer.Added, _distances);
                var distances = block.Sum(first, call.Weights);
                _distances = distances.Length;
                _isAdded = driver.Put(call, first, distances, block.Total);
                return (_isAdded ? Answer.Added : Answer.Refused, _distances);
            }
        }
    }
}
