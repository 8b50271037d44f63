namespace RawDL.NN;

/// <summary>
/// Samples that are worked on together. The memory belongs to the <see cref="DataLoader"/> and is valid until its next
/// <see cref="DataLoader.TryNext"/>, <see cref="DataLoader.Start"/> or <see cref="DataLoader.Dispose"/>.
/// </summary>
public sealed class Batch
{
    private readonly Shape _sample;
    private readonly float[] _inputs, _targets;
    private readonly int[] _labels, _indices;
    private readonly int _targetCount;
    private int _first;
    private Batch? _part;

    internal Batch(Dataset dataset, int capacity)
    {
        _sample = dataset.SampleShape;
        _targetCount = dataset.TargetCount;
        _inputs = new float[checked(capacity * _sample.Count)];
        _labels = new int[dataset.Classes > 0 ? capacity : 0];
        _targets = new float[checked(capacity * _targetCount)];
        _indices = new int[capacity];
    }

    private Batch(Batch whole) =>
        (_sample, _targetCount, _inputs, _labels, _targets, _indices) = (whole._sample, whole._targetCount, whole._inputs, whole._labels, whole._targets, whole._indices);

    /// <summary>Number of samples, at most the loader's batch size. It may be 0 on a rank when the last batch of an epoch has fewer samples than there are ranks.</summary>
    public int Count { get; internal set; }

    /// <summary>Number of samples of this step over all ranks: the divisor of a mean over the whole step.</summary>
    public int GlobalCount { get; internal set; }

    /// <summary>[Count, …sample shape].</summary>
    public Shape Shape => _sample.Batched(Count);

    /// <summary>The samples, augmented and normalised: <see cref="Shape"/> elements.</summary>
    public ReadOnlySpan<float> Inputs => _inputs.AsSpan(_first * _sample.Count, Count * _sample.Count);

    /// <summary>[Count] class labels; empty for a regression.</summary>
    public ReadOnlySpan<int> Labels => _labels.AsSpan(Math.Min(_first, _labels.Length), Math.Min(Count, _labels.Length));

    /// <summary>[Count, TargetCount] targets of a regression; empty for classes.</summary>
    public ReadOnlySpan<float> Targets => _targets.AsSpan(_first * _targetCount, Count * _targetCount);

    /// <summary>[Count] the position of every sample in the dataset.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(_first, Count);

    /// <summary>Some of the samples, over the same memory, valid until the next part is asked for.</summary>
    internal Batch Part(int first, int count)
    {
        if (first == 0 && count == Count) return this;
        _part ??= new Batch(this);
        (_part._first, _part.Count, _part.GlobalCount) = (first, count, GlobalCount);
        return _part;
    }

    internal Span<float> Input(int i) => _inputs.AsSpan(i * _sample.Count, _sample.Count);

    internal Span<float> AllInputs => _inputs.AsSpan(0, Count * _sample.Count);

    internal void Fill(Dataset dataset, int i, int index)
    {
        _indices[i] = index;
        dataset.Read(index, Input(i));
        if (_labels.Length > 0) _labels[i] = dataset.Label(index);
        else dataset.ReadTarget(index, _targets.AsSpan(i * _targetCount, _targetCount));
    }
}
