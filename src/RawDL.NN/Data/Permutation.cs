namespace RawDL.NN;

/// <summary>Which random stream serves what: the purpose stands in the top byte, so that no two draw the same numbers from one seed.</summary>
internal static class RandomStreams
{
    public const ulong Order = 0x41UL << 56, Augmentation = 0x42UL << 56, Split = 0x43UL << 56, Digits = 0x44UL << 56, Sheet = 0x45UL << 56, Dropout = 0x46UL << 56;
}

/// <summary>Random orders from integers alone, hence the same on every machine.</summary>
internal static class Permutation
{
    /// <summary>Writes a uniformly drawn permutation of 0 … length − 1. Source: Durstenfeld, Algorithm 235, CACM 7 (1964).</summary>
    public static void Fill(Span<int> order, ulong seed, ulong stream)
    {
        var random = new RandomStream(seed, stream);
        for (var i = 0; i < order.Length; i++) order[i] = i;
        for (var i = order.Length - 1; i > 0; i--)
        {
            var j = random.NextInt(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
    }
}
