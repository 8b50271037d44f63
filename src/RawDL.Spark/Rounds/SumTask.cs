using System.Runtime.InteropServices;

namespace RawDL.Spark;

/// <summary>Adds up one slice of all replicas' vectors, whatever order they come in, and hands reports on. There is no sum where a replica did not reach the driver.</summary>
public sealed class SumTask : ISparkTask
{
    /// <summary>The task's name.</summary>
    public const string Name = "sum";

    private readonly RoundSink _driver = new();

    /// <summary>Told before a block is added up: "sum". For tests, which end the process there.</summary>
    internal Action<string>? Reached { get; init; }

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        var call = RoundCall.Decode(context.Payload.Span);
        var blocks = new SortedDictionary<int, PartBlock>();
        var isWhole = true;
        while (input.MoveNext())
        {
            var frame = input.Current.Span;
            var (kind, rank, first, trainable) = RoundFrame.Read(frame, out var bytes);
            if (kind is RoundFrame.Report or RoundFrame.Adder or RoundFrame.Unreachable)
            {
                isWhole &= kind != RoundFrame.Unreachable;
                output.Write(frame);
                continue;
            }
            if (kind != RoundFrame.Part) throw RoundFrame.Refused(frame.Length);
            if (!blocks.TryGetValue(first, out var block)) blocks[first] = block = new PartBlock(call.Shards, bytes.Length / 4, trainable);
            if (!block.Has(rank, bytes.Length) || !block.Complete(rank)) throw RoundFrame.Refused(frame.Length);
            block.Write(rank, 0, bytes);
        }
        foreach (var (first, block) in blocks)
        {
            using var own = block;
            if (!isWhole) continue;
            if (block.Missing is var missing and >= 0) throw new SparkProtocolException($"round: expected the block at {first} of {call.Shards} replicas, got none of replica {missing}");
            Reached?.Invoke("sum");
            var distances = block.Sum(first, call.Weights);
            if (_driver.Put(call, first, distances, block.Total)) output.Write(RoundFrame.Head(RoundFrame.Taken, first, block.Length, distances.Length));
            else output.Write([.. RoundFrame.Head(RoundFrame.Sum, first, block.Length, distances.Length), .. MemoryMarshal.AsBytes(distances.AsSpan())], MemoryMarshal.AsBytes(block.Total));
        }
    }
}
