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
        return Save(name, all, group.Size);
    }

    /// <summary>The rows of all ranks, one behind the other.</summary>
    public static SafetensorsTensor Save(string name, float[] all, int ranks) => SafetensorsTensor.Create(name, new Shape(ranks, all.Length / ranks), all);

    /// <summary>The rows of all ranks, one behind the other, each as <see cref="Restore"/> gives it.</summary>
    public static float[]? RestoreAll(string name, int length, int ranks, SafetensorsFile file, PerRankMerge merge)
    {
        if (file.Find(name) is null) return null;
        var all = new float[ranks * length];
        for (var rank = 0; rank < ranks; rank++) Restore(name, length, rank, ranks, file, merge)!.CopyTo(all, rank * length);
        return all;
    }

    /// <summary>This rank's row, or what <paramref name="merge"/> makes of the rows of another number of ranks; null where the file has none.</summary>
    /// <exception cref="RawFileException">Rows of another length.</exception>
    public static float[]? Restore(string name, int length, int rank, int ranks, SafetensorsFile file, PerRankMerge merge)
    {
        if (file.Find(name) is not { } tensor) return null;
        if (tensor.Extents is not [var rows, var width] || width != length)
            throw new RawFileException(file.Path, null, $"expected tensor {RawFileException.Quote(name)} [ranks, {length}], got [{string.Join(", ", tensor.Extents.ToArray())}]");
        var all = new float[rows * width];
        tensor.CopyTo(all);
        if (rows == ranks) return all.AsSpan(rank * length, length).ToArray();
        var merged = new float[length];
        if (merge == PerRankMerge.Sum && rank != 0) return merged;
        for (var i = 0; i < all.Length; i++) merged[i % length] += merge == PerRankMerge.Mean ? all[i] / rows : all[i];
        return merged;
    }
}
