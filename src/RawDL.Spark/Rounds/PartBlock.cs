using System.Buffers;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>The replicas' parts of some elements, by rank, and their sum.</summary>
/// <param name="shards">Replicas.</param>
/// <param name="length">Elements.</param>
/// <param name="trainable">Elements of the whole vector's beginning that distances are measured of.</param>
internal sealed class PartBlock(int shards, int length, int trainable) : IDisposable
{
    private readonly bool[] _seen = new bool[shards];
    private readonly float[] _parts = ArrayPool<float>.Shared.Rent(shards * length);
    private readonly float[] _total = ArrayPool<float>.Shared.Rent(length);

    /// <summary>Number of elements.</summary>
    public int Length => length;

    /// <summary>The first replica without a part, or −1.</summary>
    public int Missing => Array.IndexOf(_seen, false);

    /// <summary>The sum, once it is made.</summary>
    public ReadOnlySpan<float> Total => _total.AsSpan(0, length);

    /// <summary>Is there a part of so many bytes of this replica?</summary>
    public bool Has(int rank, int bytes) => (uint)rank < (uint)shards && bytes == sizeof(float) * length;

    /// <summary>Takes a piece of a replica's part.</summary>
    public void Write(int rank, int at, ReadOnlySpan<byte> piece) => piece.CopyTo(MemoryMarshal.AsBytes(Part(rank, 0, length))[at..]);

    /// <summary>The replica's part is there; false if it was before.</summary>
    public bool Complete(int rank)
    {
        var isNew = !_seen[rank];
        _seen[rank] = true;
        return isNew;
    }

    /// <summary>Adds up, in pieces that stay in the caches; gives the distances of <see cref="RoundSum"/>.</summary>
    /// <param name="first">The block's first element in the vector, a multiple of <see cref="SquaredDistance.Block"/>.</param>
    /// <param name="weights">Of the replicas; empty for 1.</param>
    public double[] Sum(int first, ReadOnlySpan<float> weights)
    {
        var most = Math.Min(length, SquaredDistance.Block);
        var room = ArrayPool<float>.Shared.Rent(2 * shards * most);
        var distances = new List<double>();
        for (var at = 0; at < length; at += most)
        {
            var count = Math.Min(most, length - at);
            Span<float> parts = room.AsSpan(0, shards * count), scaled = room.AsSpan(shards * count, shards * count);
            for (var rank = 0; rank < shards; rank++) Part(rank, at, count).CopyTo(parts[(rank * count)..]);
            distances.AddRange(RoundSum.Add(parts, scaled, weights, shards, Math.Clamp(trainable - first - at, 0, count)));
            scaled[..count].CopyTo(_total.AsSpan(at));
        }
        ArrayPool<float>.Shared.Return(room);
        return [.. distances];
    }

    public void Dispose()
    {
        ArrayPool<float>.Shared.Return(_parts);
        ArrayPool<float>.Shared.Return(_total);
    }

    private Span<float> Part(int rank, int at, int count) => _parts.AsSpan(rank * length + at, count);
}
