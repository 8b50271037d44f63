namespace RawDL.NN;

/// <summary>Samples in memory as floats, with labels or with targets: tables, arrays.</summary>
public sealed class FloatDataset : Dataset
{
    private readonly float[] _samples;
    private readonly int[] _labels = [];
    private readonly float[] _targets = [];

    /// <summary>Creates a dataset of classes over the given arrays, which it keeps.</summary>
    /// <param name="name">The name in messages and reports.</param>
    /// <param name="sampleShape">The shape of one sample.</param>
    /// <param name="samples">All samples one after the other.</param>
    /// <param name="labels">One label per sample.</param>
    /// <param name="classNames">One name per class.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, or a label is not below the number of classes.</exception>
    public FloatDataset(string name, Shape sampleShape, float[] samples, int[] labels, IReadOnlyList<string> classNames)
        : base(name, sampleShape, labels.Length, classNames, 0)
    {
        RequireLength(samples);
        LabelCheck.Run(name, labels, classNames.Count);
        (_samples, _labels) = (samples, labels);
    }

    /// <summary>Creates a regression over the given arrays, which it keeps.</summary>
    /// <param name="name">The name in messages and reports.</param>
    /// <param name="sampleShape">The shape of one sample.</param>
    /// <param name="samples">All samples one after the other.</param>
    /// <param name="targets"><paramref name="targetCount"/> floats per sample.</param>
    /// <param name="targetCount">Floats per target, at least 1.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public FloatDataset(string name, Shape sampleShape, float[] samples, float[] targets, int targetCount)
        : base(name, sampleShape, targets.Length / Math.Max(targetCount, 1), [], targetCount)
    {
        RequireLength(samples);
        if (targets.Length != Count * targetCount)
            throw new ArgumentException($"{name}: expected {targetCount} targets for every sample, got {targets.Length} in all.");
        (_samples, _targets) = (samples, targets);
    }

    /// <inheritdoc/>
    public override void Read(int index, Span<float> sample) => _samples.AsSpan(checked(index * SampleShape.Count), SampleShape.Count).CopyTo(sample);

    /// <inheritdoc/>
    public override int Label(int index) => Classes > 0 ? _labels[index] : base.Label(index);

    /// <inheritdoc/>
    public override void ReadTarget(int index, Span<float> target)
    {
        if (TargetCount == 0) base.ReadTarget(index, target);
        _targets.AsSpan(index * TargetCount, TargetCount).CopyTo(target);
    }

    private void RequireLength(float[] samples)
    {
        if (samples.LongLength != (long)SampleShape.Count * Count)
            throw new ArgumentException($"{Name}: expected {(long)SampleShape.Count * Count} values for {Count} samples of {SampleShape}, got {samples.LongLength}.");
    }
}
