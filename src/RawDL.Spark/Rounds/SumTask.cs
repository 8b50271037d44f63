using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Adds up one slice of all replicas' vectors, whatever order they come in, and hands reports on. There is no sum where a replica did not reach the driver.</summary>
public sealed class SumTask : ISparkTask
{
    /// <summary>The task's name.</summary>
    public const string Name = "sum";

    private readonly ConcurrentBag<RoundConnection> _connections = [];

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        var call = RoundCall.Decode(context.Payload.Span);
        var blocks = new SortedDictionary<int, Block>();
        var isWhole = true;
        while (input.MoveNext())
        {
            var frame = input.Current.Span;
            var (kind, rank, first, trainable) = RoundFrame.Read(frame, out var bytes);
            if (kind is RoundFrame.Report or RoundFrame.Unreachable)
            {
                isWhole &= kind == RoundFrame.Report;
                output.Write(frame);
                continue;
            }
            if (kind != RoundFrame.Part) throw RoundFrame.Refused(frame.Length);
            if (!blocks.TryGetValue(first, out var block)) blocks[first] = block = new Block(call.Shards, bytes.Length / 4, trainable);
            if (!block.Add(rank, bytes)) throw RoundFrame.Refused(frame.Length);
        }
        if (!_connections.TryTake(out var connection)) connection = new RoundConnection();
        foreach (var (first, block) in blocks)
        {
            using var own = block;
            if (!isWhole) continue;
            if (block.Missing is var missing and >= 0) throw new SparkProtocolException($"round: expected the block at {first} of {call.Shards} replicas, got none of replica {missing}");
            var distances = RoundSum.Add(block.Parts, block.Scaled, call.Weights, call.Shards, Math.Clamp(block.Trainable - first, 0, block.Length));
            ReadOnlySpan<byte> far = MemoryMarshal.AsBytes(distances.AsSpan()), sum = MemoryMarshal.AsBytes(block.Scaled[..block.Length]);
            if (call.Source is { } source && connection.Put(source, call.Start, first, far, sum)) output.Write(RoundFrame.Head(RoundFrame.Taken, first, block.Length, distances.Length));
            else output.Write([.. RoundFrame.Head(RoundFrame.Sum, first, block.Length, distances.Length), .. far], sum);
        }
        _connections.Add(connection);
    }

    // The replicas' parts of one block, by rank, and room for their sum.
    private sealed class Block(int shards, int length, int trainable) : IDisposable
    {
        private readonly bool[] _seen = new bool[shards];
        private readonly float[] _memory = ArrayPool<float>.Shared.Rent(2 * shards * length);

        public Span<float> Parts => _memory.AsSpan(0, shards * length);

        public Span<float> Scaled => _memory.AsSpan(shards * length, shards * length);

        public int Length => length;

        public int Trainable => trainable;

        public int Missing => Array.IndexOf(_seen, false);

        public bool Add(int rank, ReadOnlySpan<byte> bytes)
        {
            if ((uint)rank >= (uint)shards || _seen[rank] || bytes.Length != 4 * length) return false;
            _seen[rank] = true;
            MemoryMarshal.Cast<byte, float>(bytes).CopyTo(Parts[(rank * length)..]);
            return true;
        }

        public void Dispose() => ArrayPool<float>.Shared.Return(_memory);
    }
}
