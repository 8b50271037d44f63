using System.Diagnostics.CodeAnalysis;
using static RawDL.Mpi.MpiFunctions;

namespace RawDL.Mpi;

/// <summary>
/// The ranks of an MPI communicator. Collectives are in place where MPI allows it, and longer vectors than MPI can count go in chunks. Every failed
/// call throws <see cref="MpiException"/>; let it leave <see cref="Mpi.Run"/>, which then ends the other ranks too.
/// </summary>
/// <remarks>Communicators live until MPI ends: freeing one is a collective, and a rank that frees while another fails would hang.</remarks>
public sealed unsafe partial class MpiCommunicator : ICommunicator
{
    private readonly MpiLibrary _library;
    private readonly MpiAbi _abi;
    private readonly nint _handle;

    internal MpiCommunicator(MpiLibrary library, nint handle, MpiThreadLevel threadLevel)
    {
        _library = library;
        _abi = library.Abi;
        _handle = handle;
        ThreadLevel = threadLevel;
        int rank, size;
        MpiException.Check(MPI_Comm_rank(handle, &rank), nameof(MPI_Comm_rank));
        MpiException.Check(MPI_Comm_size(handle, &size), nameof(MPI_Comm_size));
        Rank = rank;
        Size = size;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <summary>Whether the library says that it is CUDA-aware: it takes addresses in the memory of a GPU. Debian's libraries are not.</summary>
    public bool ReadsDeviceMemory => _library.IsCudaAware();

    /// <summary>What the library allows threads to do.</summary>
    public MpiThreadLevel ThreadLevel { get; }

    /// <summary>The binary interface in use.</summary>
    public MpiFlavor Flavor => _abi.Flavor;

    /// <summary>The library's own name and version, such as <c>Open MPI v4.1.4, package: …</c>.</summary>
    public string LibraryVersion => _library.Version;

    /// <summary>The file that was loaded, as it was named.</summary>
    public string LibraryPath => _library.Path;

    /// <summary>Bytes that one call moves at most; far below 2³¹ elements, as some libraries count bytes in 32 bits. Tests lower it.</summary>
    internal long ChunkBytes { get; set; } = 1L << 30;

    /// <inheritdoc/>
    public void AllReduceSum(Span<float> values) => AllReduce(values, ReduceOperation.Sum);

    /// <inheritdoc/>
    public void AllReduceSum(Span<double> values) => AllReduce(values, ReduceOperation.Sum);

    /// <summary>Replaces each element by its sum, minimum or maximum over all ranks.</summary>
    /// <typeparam name="T">float, double, int or long.</typeparam>
    public void AllReduce<T>(Span<T> values, ReduceOperation operation) where T : unmanaged
    {
        fixed (T* pointer = values) AllReduce(pointer, values.Length, operation);
    }

    /// <summary>As the span form, for vectors of any length.</summary>
    public void AllReduce<T>(T* values, long count, ReduceOperation operation) where T : unmanaged
    {
        var (type, code) = (NumberType<T>(), Code(operation));
        for (long start = 0, chunk; start < count; start += chunk)
        {
            chunk = ChunkAt<T>(start, count);
            MpiCall.Enter(nameof(MPI_Allreduce)).Leave(MPI_Allreduce((void*)_abi.InPlace, values + start, (int)chunk, type, code, _handle));
        }
    }

    /// <inheritdoc/>
    public ICommunicationRequest StartAllReduceSum(float* values, long count)
    {
        MpiRequest? request = null;
        for (long start = 0, chunk; start < count || request is null; start += chunk)
        {
            chunk = ChunkAt<float>(start, count);
            nint handle = 0;
            MpiException.Check(MPI_Iallreduce((void*)_abi.InPlace, values + start, (int)chunk, _abi.Float, _abi.Sum, _handle, &handle), nameof(MPI_Iallreduce));
            request = new MpiRequest(handle, request, _abi.StatusIgnore);
        }
        return request;
    }

    /// <inheritdoc/>
    public void ReduceScatterSum(ReadOnlySpan<float> values, Span<float> mine) => ReduceScatterSum<float>(values, mine);

    /// <summary>As the float form, for float, double, int or long.</summary>
    public void ReduceScatterSum<T>(ReadOnlySpan<T> values, Span<T> mine) where T : unmanaged
    {
        this.RequireParts(nameof(ReduceScatterSum), values.Length, mine.Length);
        var type = NumberType<T>();
        fixed (T* input = values, output = mine)
        {
            if ((long)sizeof(T) * values.Length <= ChunkBytes)
            {
                if (mine.Length > 0)
                    MpiCall.Enter(nameof(MPI_Reduce_scatter_block)).Leave(MPI_Reduce_scatter_block(input, output, mine.Length, type, _abi.Sum, _handle));
                return;
            }
            for (var root = 0; root < Size; root++)
                for (long start = 0, chunk; start < mine.Length; start += chunk)
                {
                    chunk = ChunkAt<T>(start, mine.Length);
                    MpiCall.Enter(nameof(MPI_Reduce))
                        .Leave(MPI_Reduce(input + ((long)root * mine.Length) + start, output + start, (int)chunk, type, _abi.Sum, root, _handle));
                }
        }
    }

    /// <inheritdoc/>
    public void AllGather<T>(ReadOnlySpan<T> mine, Span<T> all) where T : unmanaged
    {
        this.RequireParts(nameof(AllGather), all.Length, mine.Length);
        if ((long)sizeof(T) * all.Length > ChunkBytes)
        {
            mine.CopyTo(all.Slice(Rank * mine.Length, mine.Length));
            for (var root = 0; root < Size; root++) Broadcast(all.Slice(root * mine.Length, mine.Length), root);
            return;
        }
        var type = BitType<T>();
        fixed (T* input = mine, output = all)
            if (mine.Length > 0)
                MpiCall.Enter(nameof(MPI_Allgather)).Leave(MPI_Allgather(input, mine.Length, type, output, mine.Length, type, _handle));
    }

    /// <inheritdoc/>
    public void AllToAll<T>(ReadOnlySpan<T> outgoing, Span<T> incoming) where T : unmanaged
    {
        var part = outgoing.Length / Size;
        this.RequireParts(nameof(AllToAll), outgoing.Length, part);
        this.RequireParts(nameof(AllToAll), incoming.Length, part);
        var type = BitType<T>();
        fixed (T* input = outgoing, output = incoming)
            if (part > 0) MpiCall.Enter(nameof(MPI_Alltoall)).Leave(MPI_Alltoall(input, part, type, output, part, type, _handle));
    }

    /// <inheritdoc/>
    public void Broadcast<T>(Span<T> values, int root) where T : unmanaged
    {
        var type = BitType<T>();
        fixed (T* pointer = values)
            for (long start = 0, chunk; start < values.Length; start += chunk)
            {
                chunk = ChunkAt<T>(start, values.Length);
                MpiCall.Enter(nameof(MPI_Bcast)).Leave(MPI_Bcast(pointer + start, (int)chunk, type, root, _handle));
            }
    }

    /// <inheritdoc/>
    public void Barrier() => MpiCall.Enter(nameof(MPI_Barrier)).Leave(MPI_Barrier(_handle));

    /// <summary>A second communicator of the same ranks, so that another thread can run collectives of its own. Every rank calls it.</summary>
    public MpiCommunicator Duplicate()
    {
        nint made = 0;
        MpiCall.Enter(nameof(MPI_Comm_dup)).Leave(MPI_Comm_dup(_handle, &made));
        return Derive(made);
    }

    /// <inheritdoc/>
    public ICommunicator Split(int color, int key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(color);
        nint made = 0;
        MpiCall.Enter(nameof(MPI_Comm_split)).Leave(MPI_Comm_split(_handle, color, key, &made));
        return Derive(made);
    }

    /// <inheritdoc/>
    public ICommunicator SplitByNode()
    {
        nint made = 0;
        MpiCall.Enter(nameof(MPI_Comm_split_type)).Leave(MPI_Comm_split_type(_handle, _abi.SharedMemory, Rank, _abi.InfoNull, &made));
        return Derive(made);
    }

    /// <summary>Ends every rank of the job at once, this one included.</summary>
    /// <param name="exitCode">1 to 255, which the launcher passes on.</param>
    [DoesNotReturn]
    public void Abort(int exitCode) => Mpi.Abort(exitCode);

    private MpiCommunicator Derive(nint handle) => new(_library, handle, ThreadLevel) { ChunkBytes = ChunkBytes };

    private long ChunkAt<T>(long start, long count) where T : unmanaged => Math.Min(count - start, Math.Max(1, ChunkBytes / sizeof(T)));

    private nint Code(ReduceOperation operation) => operation switch
    {
        ReduceOperation.Sum => _abi.Sum,
        ReduceOperation.Min => _abi.Min,
        _ => _abi.Max,
    };

    private nint NumberType<T>() =>
        typeof(T) == typeof(float) ? _abi.Float
        : typeof(T) == typeof(double) ? _abi.Double
        : typeof(T) == typeof(int) ? _abi.Int32
        : typeof(T) == typeof(long) ? _abi.Int64
        : throw new ArgumentException($"MpiCommunicator: expected elements of float, double, int or long, got {typeof(T)}.");

    /// <summary>For what is only moved, not computed with: bits of the same size.</summary>
    private nint BitType<T>() where T : unmanaged => sizeof(T) switch
    {
        1 => _abi.UInt8,
        2 => _abi.UInt16,
        4 => _abi.Int32,
        8 => _abi.Int64,
        _ => throw new ArgumentException($"MpiCommunicator: expected elements of 1, 2, 4 or 8 bytes, got {typeof(T)} of {sizeof(T)}."),
    };
}
