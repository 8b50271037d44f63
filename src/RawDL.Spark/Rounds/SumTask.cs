using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Adds up one slice of all replicas' vectors, whatever order they come in, and hands reports on.</summary>
public sealed class SumTask : ISparkTask
{
    /// <summary>The task's name.</summary>
    public const string Name = "sum";

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        var call = RoundCall.Decode(context.Payload.Span);
        float[] parts = [];
        var (first, length, trainable, seen) = (-1, 0, 0, new bool[call.Shards]);
        while (input.MoveNext())
        {
            var frame = input.Current.Span;
            var (kind, rank, start, measured) = RoundFrame.Read(frame, out var bytes);
            if (kind == RoundFrame.Report)
            {
                output.Write(frame);
                continue;
            }
            if (parts.Length == 0) (parts, length, first, trainable) = (new float[call.Shards * (bytes.Length / 4)], bytes.Length / 4, start, measured);
            if (kind != RoundFrame.Part || (uint)rank >= (uint)seen.Length || seen[rank] || start != first || bytes.Length != 4 * length) throw RoundFrame.Refused(frame.Length);
            seen[rank] = true;
            MemoryMarshal.Cast<byte, float>(bytes).CopyTo(parts.AsSpan(rank * length, length));
        }
        if (length == 0) return;
        if (Array.IndexOf(seen, false) is var missing and >= 0) throw new SparkProtocolException($"round: expected the slice at {first} of {call.Shards} replicas, got none of replica {missing}");
        output.Write(RoundFrame.OfSum(RoundSum.Of(first, parts, call.Weights, call.Shards, trainable)));
    }
}
