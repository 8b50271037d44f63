using System.Numerics;
using System.Runtime.InteropServices;

namespace RawDL;

/// <summary>
/// N ranks as threads of one process. Sums run over the ranks 0, 1, …, N − 1 in this order, so repeated runs give the same bits. A rank that throws,
/// ends early or calls another operation frees the others with <see cref="CommunicationException"/>: no hang.
/// </summary>
public sealed unsafe class InProcessCommunicator : ICommunicator
{
    private const int BlockLength = 1024;
    private readonly InProcessGroup _group;

    private InProcessCommunicator(InProcessGroup group, int rank)
    {
        _group = group;
        Rank = rank;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size => _group.Size;

    /// <summary>Runs the body once for each rank, on a thread of its own, and returns when all have ended.</summary>
    /// <param name="size">Number of ranks, from 1.</param>
    /// <param name="body">The work of one rank.</param>
    /// <exception cref="Exception">What the first failing rank threw; or <see cref="CommunicationException"/> when all ranks wait for each other.</exception>
    public static void Run(int size, Action<InProcessCommunicator> body)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var world = new InProcessWorld(size);
        var group = new InProcessGroup(world, [.. Enumerable.Range(0, size)]);
        var threads = new Thread[size];
        for (var i = 0; i < size; i++)
        {
            var rank = i;
            threads[i] = new Thread(() =>
            {
                try
                {
                    body(new InProcessCommunicator(group, rank));
                    world.End(rank);
                }
                catch (Exception e)
                {
                    world.Fail(rank, e);
                }
            })
            { IsBackground = true, Name = $"rawdl-rank-{rank}" };
        }
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        world.Rethrow();
    }

    /// <inheritdoc/>
    public void AllReduceSum(Span<float> values) => AllReduce(values, ReduceOperation.Sum);

    /// <inheritdoc/>
    public void AllReduceSum(Span<double> values) => AllReduce(values, ReduceOperation.Sum);

    /// <summary>Replaces each element by its sum, minimum or maximum over all ranks.</summary>
    public void AllReduce<T>(Span<T> values, ReduceOperation operation) where T : unmanaged, INumber<T>
    {
        fixed (T* pointer = values)
        {
            _group.Open(Rank, NameOf(operation), values.Length, (nint)pointer, (nint)pointer);
            // Each rank reduces its part of all vectors and writes it back to all.
            var block = stackalloc T[BlockLength];
            var end = Border(Rank + 1, values.Length);
            for (var start = Border(Rank, values.Length); start < end; start += BlockLength)
            {
                var length = Math.Min(BlockLength, end - start);
                Reduce(new Span<T>(block, length), start, operation);
                for (var rank = 0; rank < Size; rank++) new Span<T>(block, length).CopyTo(new Span<T>((T*)_group.Outputs[rank] + start, length));
            }
            _group.Close();
        }
    }

    /// <inheritdoc/>
    /// <remarks>The threads share their memory: the sum is made at once.</remarks>
    public ICommunicationRequest StartAllReduceSum(float* values, long count)
    {
        AllReduceSum(new Span<float>(values, checked((int)count)));
        return new CompletedRequest();
    }

    /// <inheritdoc/>
    public void ReduceScatterSum(ReadOnlySpan<float> values, Span<float> mine) => ReduceScatterSum<float>(values, mine);

    /// <summary>As the float form, for any numbers.</summary>
    public void ReduceScatterSum<T>(ReadOnlySpan<T> values, Span<T> mine) where T : unmanaged, INumber<T>
    {
        this.RequireParts(nameof(ReduceScatterSum), values.Length, mine.Length);
        fixed (T* input = values)
        {
            _group.Open(Rank, "InProcessCommunicator.ReduceScatterSum", values.Length, (nint)input, 0);
            for (var start = 0; start < mine.Length; start += BlockLength)
                Reduce(mine.Slice(start, Math.Min(BlockLength, mine.Length - start)), (Rank * mine.Length) + start, ReduceOperation.Sum);
            _group.Close();
        }
    }

    /// <inheritdoc/>
    public void AllGather<T>(ReadOnlySpan<T> mine, Span<T> all) where T : unmanaged
    {
        this.RequireParts(nameof(AllGather), all.Length, mine.Length);
        fixed (T* input = mine)
        {
            _group.Open(Rank, "InProcessCommunicator.AllGather", (long)sizeof(T) * mine.Length, (nint)input, 0);
            for (var rank = 0; rank < Size; rank++) new ReadOnlySpan<T>((T*)_group.Inputs[rank], mine.Length).CopyTo(all[(rank * mine.Length)..]);
            _group.Close();
        }
    }

    /// <inheritdoc/>
    public void AllToAll<T>(ReadOnlySpan<T> outgoing, Span<T> incoming) where T : unmanaged
    {
        var part = outgoing.Length / Size;
        this.RequireParts(nameof(AllToAll), outgoing.Length, part);
        this.RequireParts(nameof(AllToAll), incoming.Length, part);
        fixed (T* input = outgoing)
        {
            _group.Open(Rank, "InProcessCommunicator.AllToAll", (long)sizeof(T) * part, (nint)input, 0);
            for (var rank = 0; rank < Size; rank++)
                new ReadOnlySpan<T>((T*)_group.Inputs[rank] + ((long)Rank * part), part).CopyTo(incoming[(rank * part)..]);
            _group.Close();
        }
    }

    /// <inheritdoc/>
    public void Broadcast<T>(Span<T> values, int root) where T : unmanaged
    {
        CheckRank(root, nameof(root));
        fixed (T* pointer = values)
        {
            _group.Open(Rank, $"InProcessCommunicator.Broadcast(root {root})", (long)sizeof(T) * values.Length, (nint)pointer, 0);
            if (Rank != root) new ReadOnlySpan<T>((T*)_group.Inputs[root], values.Length).CopyTo(values);
            _group.Close();
        }
    }

    /// <inheritdoc/>
    public void Barrier()
    {
        _group.Open(Rank, "InProcessCommunicator.Barrier", 0, 0, 0);
        _group.Close();
    }

    /// <inheritdoc/>
    /// <remarks>Sends a copy and returns at once.</remarks>
    public void Send<T>(ReadOnlySpan<T> values, int destination, int tag) where T : unmanaged
    {
        CheckRank(destination, nameof(destination));
        ArgumentOutOfRangeException.ThrowIfNegative(tag);
        _group.Send(destination, new InProcessMessage(Rank, tag, MemoryMarshal.AsBytes(values).ToArray()));
    }

    /// <inheritdoc/>
    public ICommunicationRequest StartSend<T>(T* values, int count, int destination, int tag) where T : unmanaged
    {
        Send(new ReadOnlySpan<T>(values, count), destination, tag);
        return new CompletedRequest();
    }

    /// <inheritdoc/>
    public MessageEnvelope Receive<T>(Span<T> values, int source, int tag) where T : unmanaged
    {
        var message = _group.Find(Rank, source, tag, "InProcessCommunicator.Receive", take: true, wait: true)!;
        var room = MemoryMarshal.AsBytes(values);
        if (message.Bytes.Length > room.Length)
            throw new CommunicationException($"InProcessCommunicator.Receive: expected at most {room.Length} bytes, got {message.Bytes.Length} from rank {message.Source}");
        message.Bytes.CopyTo(room);
        return message.Envelope<T>();
    }

    /// <inheritdoc/>
    public bool TryProbe<T>(int source, int tag, out MessageEnvelope message) where T : unmanaged
    {
        var found = _group.Find(Rank, source, tag, "InProcessCommunicator.TryProbe", take: false, wait: false);
        message = found?.Envelope<T>() ?? default;
        return found is not null;
    }

    /// <inheritdoc/>
    public MessageEnvelope Probe<T>(int source, int tag) where T : unmanaged =>
        _group.Find(Rank, source, tag, "InProcessCommunicator.Probe", take: false, wait: true)!.Envelope<T>();

    /// <inheritdoc/>
    public ICommunicator Split(int color, int key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(color);
        Span<int> colors = new int[Size], keys = new int[Size];
        AllGather<int>([color], colors);
        AllGather<int>([key], keys);
        if (Rank == 0) _group.MakeGroups(colors, keys);
        Barrier();
        var (group, rank) = _group.Made[Rank];
        Barrier();
        return new InProcessCommunicator(group, rank);
    }

    /// <inheritdoc/>
    public ICommunicator SplitByNode() => Split(0, Rank);

    /// <summary>The elements from <paramref name="start"/> on, reduced over all inputs in the order of ranks.</summary>
    private void Reduce<T>(Span<T> result, int start, ReduceOperation operation) where T : unmanaged, INumber<T>
    {
        new ReadOnlySpan<T>((T*)_group.Inputs[0] + start, result.Length).CopyTo(result);
        for (var rank = 1; rank < Size; rank++)
        {
            var other = new ReadOnlySpan<T>((T*)_group.Inputs[rank] + start, result.Length);
            switch (operation)
            {
                case ReduceOperation.Sum: AddTo(result, other); break;
                case ReduceOperation.Min: for (var i = 0; i < result.Length; i++) result[i] = T.Min(result[i], other[i]); break;
                default: for (var i = 0; i < result.Length; i++) result[i] = T.Max(result[i], other[i]); break;
            }
        }
    }

    private static void AddTo<T>(Span<T> result, ReadOnlySpan<T> other) where T : unmanaged, INumber<T>
    {
        var i = 0;
        for (; i <= result.Length - Vector<T>.Count; i += Vector<T>.Count)
            (new Vector<T>(result[i..]) + new Vector<T>(other[i..])).CopyTo(result[i..]);
        for (; i < result.Length; i++) result[i] += other[i];
    }

    private static string NameOf(ReduceOperation operation) => operation switch
    {
        ReduceOperation.Sum => "InProcessCommunicator.AllReduce(Sum)",
        ReduceOperation.Min => "InProcessCommunicator.AllReduce(Min)",
        _ => "InProcessCommunicator.AllReduce(Max)",
    };

    private int Border(int rank, int length) => (int)((long)length * rank / Size);

    private void CheckRank(int rank, string name)
    {
        if (rank < 0 || rank >= Size) throw new ArgumentOutOfRangeException(name, rank, $"InProcessCommunicator: expected a rank below {Size}.");
    }
}
