namespace RawDL.NN;

/// <summary>Adds up one slice of all replicas' vectors, with the bits that <see cref="Reduction"/> and <see cref="ParameterAveraging"/> give.</summary>
/// <param name="First">First element of the slice in the vector: a multiple of <see cref="SquaredDistance.Block"/>.</param>
/// <param name="Sum">Σ weightᵢ·vectorᵢ.</param>
/// <param name="Distances">For each block of trainable elements and each replica ‖w_i − w̄‖², then ‖w̄‖².</param>
internal sealed record RoundSum(int First, float[] Sum, double[] Distances)
{
    /// <summary>First element of slice <paramref name="index"/> of <paramref name="slices"/>: that of the one behind the last is the length.</summary>
    public static int Start(int index, int slices, int length)
    {
        var blocks = (length + SquaredDistance.Block - 1) / SquaredDistance.Block;
        return (int)Math.Min(length, (long)blocks * index / slices * SquaredDistance.Block);
    }

    /// <summary>Adds up.</summary>
    /// <param name="first">First element of the slice.</param>
    /// <param name="vectors">The replicas' slices, by rank, one behind the other.</param>
    /// <param name="weights">Of the replicas; empty for 1.</param>
    /// <param name="replicas">Their number.</param>
    /// <param name="trainable">Elements of the vector's beginning that distances are measured of.</param>
    public static RoundSum Of(int first, ReadOnlySpan<float> vectors, ReadOnlySpan<float> weights, int replicas, int trainable)
    {
        var (length, scaled) = (vectors.Length / replicas, new float[vectors.Length]);
        var distances = Add(vectors, scaled, weights, replicas, Math.Clamp(trainable - first, 0, length));
        return new RoundSum(first, scaled[..length], distances);
    }

    /// <summary>The same in memory of the caller; gives <see cref="Distances"/>.</summary>
    /// <param name="vectors">As above.</param>
    /// <param name="scaled">Of the same length; begins with the sum.</param>
    /// <param name="weights">As above.</param>
    /// <param name="replicas">As above.</param>
    /// <param name="measured">Elements of the slice's beginning that distances are measured of.</param>
    public static double[] Add(ReadOnlySpan<float> vectors, Span<float> scaled, ReadOnlySpan<float> weights, int replicas, int measured)
    {
        var length = vectors.Length / replicas;
        vectors.CopyTo(scaled);
        for (var rank = 0; rank < weights.Length; rank++) Reduction.Scale(scaled.Slice(rank * length, length), weights[rank]);
        Reduction.AddInOrder(scaled, length, replicas);
        var distances = new double[(measured + SquaredDistance.Block - 1) / SquaredDistance.Block * (replicas + 1)];
        for (int block = 0, at = 0; at < measured; block++, at += SquaredDistance.Block)
        {
            var count = Math.Min(SquaredDistance.Block, measured - at);
            for (var rank = 0; rank < replicas; rank++)
                (distances[block * (replicas + 1) + rank], distances[block * (replicas + 1) + replicas]) = SquaredDistance.OfBlock(vectors.Slice(rank * length + at, count), scaled.Slice(at, count));
        }
        return distances;
    }

    /// <summary>Puts the slices together.</summary>
    public static RoundOutcome Join(RoundContribution[] contributions, List<RoundSum> slices)
    {
        slices.Sort((a, b) => a.First.CompareTo(b.First));
        var sum = new float[slices.Sum(slice => slice.Sum.Length)];
        var distances = new double[contributions.Length];
        var norm = 0.0;
        var end = 0;
        foreach (var slice in slices)
        {
            if (slice.First != end) throw new InvalidDataException($"round: expected the slice at {end}, got that at {slice.First}");
            slice.Sum.CopyTo(sum, slice.First);
            end += slice.Sum.Length;
            for (var block = 0; block < slice.Distances.Length; block += distances.Length + 1)
            {
                for (var rank = 0; rank < distances.Length; rank++) distances[rank] += slice.Distances[block + rank];
                norm += slice.Distances[block + distances.Length];
            }
        }
        return new RoundOutcome(contributions, sum, distances, norm);
    }
}
