using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Mpi;

/// <summary>
/// The ranks of an MPI.NET communicator. The package takes arrays only, so every call copies in and out; it has no collectives in place, none that
/// are non-blocking, and counts bytes in 32 bits.
/// </summary>
internal sealed unsafe class MpiNetCommunicator : ICommunicator
{
    private readonly MPI.Intracommunicator _ranks;

    internal MpiNetCommunicator(MPI.Intracommunicator ranks)
    {
        _ranks = ranks;
        // The package frees a communicator, which is a collective, when the garbage collector finds it: on each rank at another time.
        GC.SuppressFinalize(ranks);
        Rank = ranks.Rank;
        Size = ranks.Size;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public void AllReduceSum(Span<float> values) => Sum(values, MPI.Operation<float>.Add);

    /// <inheritdoc/>
    public void AllReduceSum(Span<double> values) => Sum(values, MPI.Operation<double>.Add);

    /// <inheritdoc/>
    /// <remarks>The package has no such call: the sum is made at once.</remarks>
    public ICommunicationRequest StartAllReduceSum(float* values, long count)
    {
        AllReduceSum(new Span<float>(values, checked((int)count)));
        return new CompletedRequest();
    }

    /// <inheritdoc/>
    public void ReduceScatterSum(ReadOnlySpan<float> values, Span<float> mine)
    {
        this.RequireParts(nameof(ReduceScatterSum), values.Length, mine.Length);
        if (mine.Length == 0) return;
        float[] input = values.ToArray(), output = new float[mine.Length];
        var counts = new int[Size];
        Array.Fill(counts, mine.Length);
        Call("MPI_Reduce_scatter", () => _ranks.ReduceScatter(input, MPI.Operation<float>.Add, counts, ref output));
        output.CopyTo(mine);
    }

    /// <inheritdoc/>
    public void AllGather<T>(ReadOnlySpan<T> mine, Span<T> all) where T : unmanaged
    {
        this.RequireParts(nameof(AllGather), all.Length, mine.Length);
        if (mine.Length == 0) return;
        byte[] input = Bytes(mine), output = new byte[checked(input.Length * Size)];
        Call("MPI_Allgatherv", () => _ranks.AllgatherFlattened(input, input.Length, ref output));
        output.CopyTo(MemoryMarshal.AsBytes(all));
    }

    /// <inheritdoc/>
    public void AllToAll<T>(ReadOnlySpan<T> outgoing, Span<T> incoming) where T : unmanaged
    {
        var part = outgoing.Length / Size;
        this.RequireParts(nameof(AllToAll), outgoing.Length, part);
        this.RequireParts(nameof(AllToAll), incoming.Length, part);
        if (part == 0) return;
        byte[] input = Bytes(outgoing), output = new byte[input.Length];
        Call("MPI_Alltoallv", () => _ranks.AlltoallFlattened(input, input.Length / Size, ref output));
        output.CopyTo(MemoryMarshal.AsBytes(incoming));
    }

    /// <inheritdoc/>
    public void Broadcast<T>(Span<T> values, int root) where T : unmanaged
    {
        if (values.Length == 0) return;
        var bytes = Bytes<T>(values);
        Call("MPI_Bcast", () => _ranks.Broadcast(ref bytes, root));
        bytes.CopyTo(MemoryMarshal.AsBytes(values));
    }

    /// <inheritdoc/>
    public void Barrier() => Call("MPI_Barrier", _ranks.Barrier);

    /// <inheritdoc/>
    public ICommunicator Split(int color, int key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(color);
        MPI.Communicator? made = null;
        Call("MPI_Comm_split", () => made = _ranks.Split(color, key));
        return new MpiNetCommunicator((MPI.Intracommunicator)made!);
    }

    /// <inheritdoc/>
    /// <remarks>The package has no MPI_Comm_split_type: ranks whose hosts have the same name share a machine.</remarks>
    public ICommunicator SplitByNode()
    {
        var hosts = new long[Size];
        AllGather<long>([MemoryMarshal.Read<long>(SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)))], hosts);
        return Split(Array.IndexOf(hosts, hosts[Rank]), Rank);
    }

    /// <inheritdoc/>
    public void Send<T>(ReadOnlySpan<T> values, int destination, int tag) where T : unmanaged
    {
        var bytes = Bytes(values);
        Call("MPI_Send", () => _ranks.Send(bytes, destination, tag));
    }

    /// <inheritdoc/>
    public ICommunicationRequest StartSend<T>(T* values, int count, int destination, int tag) where T : unmanaged
    {
        var bytes = Bytes(new ReadOnlySpan<T>(values, count));
        MPI.Request? request = null;
        Call("MPI_Isend", () => request = _ranks.ImmediateSend(bytes, destination, tag));
        return new MpiNetRequest(request!);
    }

    /// <inheritdoc/>
    public MessageEnvelope Receive<T>(Span<T> values, int source, int tag) where T : unmanaged
    {
        var bytes = new byte[checked(values.Length * sizeof(T))];
        MPI.CompletedStatus? status = null;
        Call("MPI_Recv", () => _ranks.Receive(Source(source), Tag(tag), ref bytes, out status));
        bytes.AsSpan(0, status!.Count()).CopyTo(MemoryMarshal.AsBytes(values));
        return new MessageEnvelope(status.Source, status.Tag, status.Count() / sizeof(T));
    }

    /// <inheritdoc/>
    public bool TryProbe<T>(int source, int tag, out MessageEnvelope message) where T : unmanaged
    {
        MPI.Status? status = null;
        Call("MPI_Iprobe", () => status = _ranks.ImmediateProbe(Source(source), Tag(tag)));
        message = status is null ? default : new MessageEnvelope(status.Source, status.Tag, status.Count(typeof(byte))!.Value / sizeof(T));
        return status is not null;
    }

    /// <inheritdoc/>
    public MessageEnvelope Probe<T>(int source, int tag) where T : unmanaged
    {
        MPI.Status? status = null;
        Call("MPI_Probe", () => status = _ranks.Probe(Source(source), Tag(tag)));
        return new MessageEnvelope(status!.Source, status.Tag, status.Count(typeof(byte))!.Value / sizeof(T));
    }

    /// <summary>Makes the call known to the watchdog, and its error an <see cref="MpiException"/>. The package throws many types, and marks them.</summary>
    internal static void Call(string name, Action call)
    {
        var entered = MpiCall.Enter(name);
        try
        {
            call();
        }
        catch (Exception e) when (e.Data["MPI Error Code"] is int code)
        {
            throw new MpiException(name, code, e.Data["MPI Error Class"] as int? ?? 0, e.Message);
        }
        finally
        {
            entered.Leave(0);
        }
    }

    private void Sum<T>(Span<T> values, MPI.ReductionOperation<T> add) where T : unmanaged
    {
        if (values.Length == 0) return;
        T[] input = values.ToArray(), output = new T[input.Length];
        Call("MPI_Allreduce", () => _ranks.Allreduce(input, add, ref output));
        output.CopyTo(values);
    }

    private static byte[] Bytes<T>(ReadOnlySpan<T> values) where T : unmanaged => MemoryMarshal.AsBytes(values).ToArray();

    private static int Source(int source) => source == MessageEnvelope.AnySource ? MPI.Communicator.anySource : source;

    private static int Tag(int tag) => tag == MessageEnvelope.AnyTag ? MPI.Communicator.anyTag : tag;
}
