using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>
/// One replica's part of a round. It reads nothing but the broadcasts that its call names, and the driver's <see cref="RoundSource"/>. Its vector goes in slices to the round's adders, or is written, keyed by slice, for Spark to
/// exchange; it writes its report, and where its own process adds up.
/// </summary>
public sealed class RoundTask : ISparkTask
{
    /// <summary>The task's name.</summary>
    public const string Name = "round";

    private readonly ReplicaStore _store = new();
    private readonly Lock _opening = new();
    private RoundAdder? _adder;

    /// <summary>Told before each part of the work: "fetch", "compute", and for every slice "push" or, through Spark, "exchange". For tests, which end the process there.</summary>
    internal Action<string>? Reached { get; init; }

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        var call = RoundCall.Decode(context.Payload.Span);
        var frames = new Frames(output, call.Adders is null, context.Split);
        if (call.Start < 0)
        {
            frames.Write(0, RoundFrame.Report, new RoundContribution { Rank = context.Split, Samples = 0, LossSum = 0, ComputeSeconds = 0, Losses = [] }.Encode());
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
            Reached?.Invoke("fetch");
            var start = kept.Read(context, call);
            var read = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var vector = kept.Vector(kept.Replica.Length(start));
            Reached?.Invoke("compute");
            var report = kept.Replica.Run(start, context.Split, vector, context.Cancellation);
            isWhole = true;
            var written = Stopwatch.GetTimestamp();
            var trainable = key.Kind == RoundKind.Average ? kept.Replica.TrainableCount : 0;
            if (call.Adders is { } adders) Add(call, kept.Reach(adders), context.Split, vector, trainable, output);
            else Exchange(call, context.Split, vector, trainable, output);
            frames.Write(0, RoundFrame.Report, (report with { Place = Environment.MachineName, TransferSeconds = read + Stopwatch.GetElapsedTime(written).TotalSeconds, FetchSeconds = read, Began = clock }).Encode());
            if (kept.Near is { } near && Open(near) is { } own) frames.Write(0, RoundFrame.Adder, RoundAddress.Encode(own));
        }
        catch (RoundConnection.UnreachableException unreachable)
        {
            isWhole = true;
            for (var slice = 0; slice < call.Slices; slice++) frames.Write(slice, RoundFrame.Unreachable, Encoding.UTF8.GetBytes(unreachable.Message));
        }
        finally
        {
            _store.Return(key, kept, isWhole);
        }
    }

    private void Add(RoundCall call, RoundConnection[] adders, int rank, ReadOnlySpan<float> vector, int trainable, TaskOutput output)
    {
        var bytes = (call with { Adders = null }).Encode();
        // Each begins with another one, so that not all wait for the first.
        for (var i = 0; i < call.Slices; i++)
        {
            var slice = (rank + i) % call.Slices;
            var (first, end) = (RoundSum.Start(slice, call.Slices, vector.Length), RoundSum.Start(slice + 1, call.Slices, vector.Length));
            if (first == end) continue;
            Reached?.Invoke("push");
            var address = call.Adders![slice % adders.Length];
            try
            {
                var (answer, values, distances) = adders[slice % adders.Length].Give(address, bytes, rank, first, trainable, MemoryMarshal.AsBytes(vector[first..end]));
                if (answer == RoundAdder.Answer.Added) output.Write(RoundFrame.Head(RoundFrame.Taken, first, values, distances));
                if (answer == RoundAdder.Answer.Refused) Lose($"the executor at {address}: the round is over, or it does not reach the driver");
            }
            catch (RoundConnection.UnreachableException unreachable)
            {
                Lose(unreachable.Message);
            }
        }

        void Lose(string why) => output.Write(RoundFrame.Head(RoundFrame.Lost, rank), Encoding.UTF8.GetBytes(why));
    }

    // Block by block: arrays beyond half a region of its heap keep the JVM's collector busy.
    private void Exchange(RoundCall call, int rank, ReadOnlySpan<float> vector, int trainable, TaskOutput output)
    {
        for (var slice = 0; slice < call.Slices; slice++)
        {
            var (first, end) = (RoundSum.Start(slice, call.Slices, vector.Length), RoundSum.Start(slice + 1, call.Slices, vector.Length));
            Reached?.Invoke("exchange");
            for (; first < end; first += SquaredDistance.Block)
                output.WritePair(slice, RoundFrame.Head(RoundFrame.Part, rank, first, trainable), MemoryMarshal.AsBytes(vector.Slice(first, Math.Min(SquaredDistance.Block, end - first))));
        }
    }

    // One for all tasks of the process, as long as it lives.
    private RoundAddress? Open(IPAddress near)
    {
        lock (_opening)
        {
            try
            {
                return (_adder ??= new RoundAdder(near)).Address;
            }
            catch (SocketException)
            {
                // Spark's own exchange needs no port.
                return null;
            }
        }
    }

    // Pairs where Spark exchanges them, else plain elements.
    private readonly struct Frames(TaskOutput output, bool arePairs, int rank)
    {
        public void Write(long key, int kind, ReadOnlySpan<byte> bytes)
        {
            if (arePairs) output.WritePair(key, RoundFrame.Head(kind, rank), bytes);
            else output.Write(RoundFrame.Head(kind, rank), bytes);
        }
    }
}
