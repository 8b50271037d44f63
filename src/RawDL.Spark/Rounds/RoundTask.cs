using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>One replica's part of a round. It reads nothing but the broadcasts that its call names, and the driver's <see cref="RoundSource"/>; it writes its report and the slices of its vector, keyed by slice.</summary>
public sealed class RoundTask : ISparkTask
{
    /// <summary>The task's name.</summary>
    public const string Name = "round";

    private readonly ReplicaStore _store = new();

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        var call = RoundCall.Decode(context.Payload.Span);
        if (call.Start < 0)
        {
            Report(output, new RoundContribution { Rank = context.Split, Samples = 0, LossSum = 0, ComputeSeconds = 0, Losses = [] });
            return;
        }
        var (began, clock) = (Stopwatch.GetTimestamp(), (DateTime.UtcNow - DateTime.UnixEpoch).TotalMicroseconds);
        var key = new ReplicaStore.Key(call.Id, call.Kind, Math.Max(1, context.Cpus));
        var kept = _store.Borrow(key, () =>
        {
            var run = _store.Content(call.Id, () => context.Broadcast(call.Run));
            var device = new CpuDevice(key.Threads);
            return new ReplicaStore.Kept(new Replica(run.Configuration, run.Data, device, key.Kind, call.Shards), device);
        });
        var isWhole = false;
        try
        {
            var start = kept.Read(context, call);
            var read = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var vector = kept.Vector(kept.Replica.Length(start));
            var report = kept.Replica.Run(start, context.Split, vector, context.Cancellation);
            isWhole = true;
            var written = Stopwatch.GetTimestamp();
            var trainable = key.Kind == RoundKind.Average ? kept.Replica.TrainableCount : 0;
            for (var slice = 0; slice < call.Slices; slice++)
            {
                var (first, end) = (RoundSum.Start(slice, call.Slices, vector.Length), RoundSum.Start(slice + 1, call.Slices, vector.Length));
                // Block by block: arrays beyond half a region of its heap keep the JVM's collector busy.
                for (; first < end; first += SquaredDistance.Block)
                    output.WritePair(slice, RoundFrame.Head(RoundFrame.Part, context.Split, first, trainable), MemoryMarshal.AsBytes(vector.Slice(first, Math.Min(SquaredDistance.Block, end - first))));
            }
            Report(output, report with { Place = Environment.MachineName, TransferSeconds = read + Stopwatch.GetElapsedTime(written).TotalSeconds, FetchSeconds = read, Began = clock });
        }
        catch (RoundConnection.UnreachableException unreachable)
        {
            isWhole = true;
            for (var slice = 0; slice < call.Slices; slice++) output.WritePair(slice, RoundFrame.Head(RoundFrame.Unreachable, context.Split), Encoding.UTF8.GetBytes(unreachable.Message));
        }
        finally
        {
            _store.Return(key, kept, isWhole);
        }
    }

    private static void Report(TaskOutput output, RoundContribution report) => output.WritePair(0, RoundFrame.Head(RoundFrame.Report, report.Rank), report.Encode());
}
