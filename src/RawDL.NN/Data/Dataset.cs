namespace RawDL.NN;

/// <summary>
/// Samples with a class label each, or with float targets each. Samples are in raw units: images 0 … 1, tables as they stand in the file;
/// <see cref="Normalization"/> comes later. Reading is safe from several threads at once.
/// </summary>
public abstract class Dataset
{
    /// <summary>Creates a dataset of classes.</summary>
    /// <param name="name">The name in messages and reports: <c>mnist/train</c>.</param>
    /// <param name="sampleShape">The shape of one sample, without a batch extent: [C, H, W] or [F].</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="classNames">One name per class; the label is the index. Empty for a regression.</param>
    /// <param name="targetCount">Floats per target, at least 1 for a regression; 0 for classes.</param>
    /// <exception cref="ArgumentException">Neither classes nor targets, or both.</exception>
    protected Dataset(string name, Shape sampleShape, int count, IReadOnlyList<string> classNames, int targetCount)
    {
        if (classNames.Count > 0 == targetCount > 0)
            throw new ArgumentException($"{name}: expected either classes or targets, got {classNames.Count} classes and {targetCount} targets.");
        (Name, SampleShape, Count, ClassNames, TargetCount) = (name, sampleShape, count, classNames, targetCount);
    }

    /// <summary>The name in messages and reports.</summary>
    public string Name { get; }

    /// <summary>The shape of one sample, without a batch extent: [C, H, W] for images, [F] for tables.</summary>
    public Shape SampleShape { get; }

    /// <summary>Number of samples.</summary>
    public int Count { get; }

    /// <summary>Number of classes, 0 for a regression.</summary>
    public int Classes => ClassNames.Count;

    /// <summary>One name per class; empty for a regression.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Floats per target of a regression, 0 for classes.</summary>
    public int TargetCount { get; }

    /// <summary>Writes sample <paramref name="index"/> over all of <paramref name="sample"/>, which holds <c>SampleShape.Count</c> floats.</summary>
    public abstract void Read(int index, Span<float> sample);

    /// <summary>All samples as bytes, of which <see cref="Read"/> gives byte/255; null where samples are not bytes.</summary>
    internal virtual ReadOnlyMemory<byte>? Bytes() => null;

    /// <summary>The class of sample <paramref name="index"/>, 0 … Classes − 1.</summary>
    /// <exception cref="InvalidOperationException">The dataset is a regression.</exception>
    public virtual int Label(int index) => throw new InvalidOperationException($"{Name}: expected a dataset of classes, got a regression with {TargetCount} targets.");

    /// <summary>Writes the target of sample <paramref name="index"/>, <see cref="TargetCount"/> floats.</summary>
    /// <exception cref="InvalidOperationException">The dataset has classes.</exception>
    public virtual void ReadTarget(int index, Span<float> target) =>
        throw new InvalidOperationException($"{Name}: expected a regression, got a dataset of {Classes} classes.");

    /// <summary>The names of numbered classes: <c>0, 1, … count − 1</c>.</summary>
    public static IReadOnlyList<string> NumberedClasses(int count)
    {
        var names = new string[count];
        for (var i = 0; i < count; i++) names[i] = i.ToString();
        return names;
    }
}
