namespace RawDL.NN;

/// <summary>Some samples of another dataset, in a given order.</summary>
public sealed class SubsetDataset : Dataset
{
    private readonly Dataset _source;
    private readonly int[] _indices;

    /// <summary>Creates the view.</summary>
    /// <param name="name">The name in messages and reports.</param>
    /// <param name="source">The dataset below.</param>
    /// <param name="indices">Indices in <paramref name="source"/>, in the order of the view.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index is not in the source.</exception>
    public SubsetDataset(string name, Dataset source, int[] indices)
        : base(name, source.SampleShape, indices.Length, source.ClassNames, source.TargetCount)
    {
        foreach (var index in indices)
        {
            if ((uint)index >= (uint)source.Count)
                throw new ArgumentOutOfRangeException(nameof(indices), $"{name}: expected indices below {source.Count}, got {index}.");
        }
        (_source, _indices) = (source, indices);
    }

    /// <summary>What it is a view of.</summary>
    internal Dataset Source => _source;

    /// <summary>The first <paramref name="count"/> samples of a dataset, or the dataset itself when it has no more.</summary>
    public static Dataset First(Dataset source, int count)
    {
        if (count >= source.Count) return source;
        var indices = new int[count];
        for (var i = 0; i < count; i++) indices[i] = i;
        return new SubsetDataset(source.Name, source, indices);
    }

    /// <inheritdoc/>
    public override void Read(int index, Span<float> sample) => _source.Read(_indices[index], sample);

    /// <inheritdoc/>
    public override int Label(int index) => _source.Label(_indices[index]);

    /// <inheritdoc/>
    public override void ReadTarget(int index, Span<float> target) => _source.ReadTarget(_indices[index], target);

    internal override ReadOnlyMemory<byte>? Bytes()
    {
        if (_source.Bytes() is not { } source) return null;
        var size = SampleShape.Count;
        var bytes = new byte[checked(size * Count)];
        for (var i = 0; i < Count; i++) source.Span.Slice(_indices[i] * size, size).CopyTo(bytes.AsSpan(i * size));
        return bytes;
    }
}
