namespace RawDL.NN;

/// <summary>Images in memory, one byte per element: a byte b reads as b / 255.</summary>
public sealed class ByteDataset : Dataset
{
    private readonly ReadOnlyMemory<byte> _samples;
    private readonly int[] _labels;

    /// <summary>Creates the dataset over the given memory, which it keeps.</summary>
    /// <param name="name">The name in messages and reports.</param>
    /// <param name="sampleShape">The shape of one image, [C, H, W].</param>
    /// <param name="samples">All images one after the other.</param>
    /// <param name="labels">One label per image.</param>
    /// <param name="classNames">One name per class.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, or a label is not below the number of classes.</exception>
    public ByteDataset(string name, Shape sampleShape, ReadOnlyMemory<byte> samples, int[] labels, IReadOnlyList<string> classNames)
        : base(name, sampleShape, labels.Length, classNames, 0)
    {
        if (samples.Length != (long)sampleShape.Count * labels.Length)
            throw new ArgumentException($"{name}: expected {(long)sampleShape.Count * labels.Length} bytes for {labels.Length} samples of {sampleShape}, got {samples.Length}.");
        LabelCheck.Run(name, labels, classNames.Count);
        (_samples, _labels) = (samples, labels);
    }

    /// <inheritdoc/>
    public override void Read(int index, Span<float> sample) => ToUnit(Bytes(index), sample);

    /// <summary>b / 255 for every byte b.</summary>
    internal static void ToUnit(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (var i = 0; i < values.Length; i++) values[i] = bytes[i] * (1f / 255f);
    }

    /// <summary>The bytes of sample <paramref name="index"/>.</summary>
    public ReadOnlySpan<byte> Bytes(int index) => _samples.Span.Slice(checked(index * SampleShape.Count), SampleShape.Count);

    /// <inheritdoc/>
    public override int Label(int index) => _labels[index];

    internal override ReadOnlyMemory<byte>? Bytes() => _samples;
}
