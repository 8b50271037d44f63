namespace RawDL.NN;

/// <summary>What becomes of values of N ranks where another number of ranks goes on.</summary>
internal enum PerRankMerge
{
    /// <summary>Every rank takes the mean.</summary>
    Mean,

    /// <summary>Rank 0 takes the sum, the others begin with 0: nothing is lost and nothing counted twice.</summary>
    Sum,
}

/// <summary>Values that each rank has of its own, in a checkpoint as one tensor [N, n].</summary>
internal static class PerRank
{
    /// <summary>Gathers the rows. Every rank calls it.</summary>
    public static SafetensorsTensor Save(string name, float[] mine, ICommunicator group)
    {
        var all = new float[(long)group.Size * mine.Length];
        group.AllGather<float>(mine, all);
        return SafetensorsTensor.Create(name, new Shape(group.Size, mine.Length), all);
    }

    /// <summary>This rank's row, or what <paramref name="merge"/> makes of the rows of another number of ranks; null where the file has none.</summary>
    /// <exception cref="RawFileException">Rows of another length.</exception>
    public static float[]? Restore(string name, int length, ICommunicator group, SafetensorsFile file, PerRankMerge merge)
    {
        if (file.Find(name) is not { } tensor) return null;
        if (tensor.Extents is not [var rows, var width] || width != length)
            throw new RawFileException(file.Path, null, $"expected tensor {RawFileException.Quote(name)} [ranks, {length}], got [{string.Join(", ", tensor.Extents.ToArray())}]");
        var all = new float[rows * width];
        tensor.CopyTo(all);
        if (rows == group.Size) return all.AsSpan(group.Rank * length, length).ToArray();
        var merged = new float[length];
        if (merge == PerRankMerge.Sum && group.Rank != 0) return merged;
        for (var i = 0; i < all.Length; i++) merged[i % length] += merge == PerRankMerge.Mean ? all[i] / rows : all[i];
        return merged;
    }
}
