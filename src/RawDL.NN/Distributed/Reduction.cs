using System.Numerics;

namespace RawDL.NN;

/// <summary>Sums vectors over the ranks of a group: by the library's own allreduce, or in a fixed order.</summary>
/// <remarks>The fixed order is a binary tree over the rank numbers, ((x₀ + x₁) + (x₂ + x₃)) + …, for every element alike: an all-to-all gives each rank its part of all vectors, it
/// adds them up, an all-gather spreads the sums. Bytes per rank are those of a ring, 2·(N − 1)/N of the vector, whatever the library and wherever the ranks run.</remarks>
internal sealed class Reduction(ICommunicator group, bool deterministic)
{
    private float[] _outgoing = [], _incoming = [];

    /// <summary>Bytes that this rank has sent, those of a ring where the library does not say.</summary>
    public long Bytes { get; private set; }

    /// <summary>Replaces each element by its sum over all ranks.</summary>
    public void Sum(Span<float> values)
    {
        if (group.Size == 1 || values.Length == 0) return;
        Bytes += RingBytes(values.Length, group.Size);
        if (deterministic) SumInOrder(values);
        else group.AllReduceSum(values);
    }

    /// <summary>Replaces each element by its weighted sum over all ranks.</summary>
    /// <param name="values">This rank's.</param>
    /// <param name="weight">This rank's.</param>
    public void SumWeighted(Span<float> values, float weight)
    {
        Scale(values, weight);
        Sum(values);
    }

    /// <summary>values ← weight·values.</summary>
    internal static void Scale(Span<float> values, float weight)
    {
        var i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count) (new Vector<float>(values[i..]) * weight).CopyTo(values[i..]);
        for (; i < values.Length; i++) values[i] *= weight;
    }

    /// <summary>What each rank of a ring sends to reduce n float32 values.</summary>
    internal static long RingBytes(long n, int ranks) => 2 * (ranks - 1) * (4 * n) / ranks;

    /// <summary>Adds up <paramref name="count"/> vectors of a length that lie one behind the other, into the first of them, in the order of the tree.</summary>
    internal static void AddInOrder(Span<float> vectors, int length, int count)
    {
        for (var stride = 1; stride < count; stride *= 2)
            for (var i = 0; i + stride < count; i += 2 * stride)
                Add(vectors.Slice(i * length, length), vectors.Slice((i + stride) * length, length));
    }

    /// <summary>sum ← sum + other.</summary>
    internal static void Add(Span<float> sum, ReadOnlySpan<float> other)
    {
        var i = 0;
        for (; i <= sum.Length - Vector<float>.Count; i += Vector<float>.Count)
            (new Vector<float>(sum[i..]) + new Vector<float>(other[i..])).CopyTo(sum[i..]);
        for (; i < sum.Length; i++) sum[i] += other[i];
    }

    private void SumInOrder(Span<float> values)
    {
        var part = (values.Length + group.Size - 1) / group.Size;
        var padded = part * group.Size;
        if (_outgoing.Length < padded) (_outgoing, _incoming) = (new float[padded], new float[padded]);
        Span<float> outgoing = _outgoing.AsSpan(0, padded), incoming = _incoming.AsSpan(0, padded);
        values.CopyTo(outgoing);
        outgoing[values.Length..].Clear();
        group.AllToAll<float>(outgoing, incoming);
        AddInOrder(incoming, part, group.Size);
        group.AllGather<float>(incoming[..part], outgoing);
        outgoing[..values.Length].CopyTo(values);
    }
}
