namespace RawDL.NN;

/// <summary>
/// y = (x − Mean[c]) / Std[c], with one mean and one standard deviation per channel. The channel is the outermost extent of a sample:
/// C of [C, H, W], and every single feature of [F]. It belongs to the model: saved with it and applied wherever the model is used.
/// </summary>
/// <param name="Mean">[C], in units of the samples.</param>
/// <param name="Std">[C], above 0.</param>
public sealed record Normalization(float[] Mean, float[] Std)
{
    // The smallest normal float32: the reciprocal of a smaller one may be infinite.
    private const float SmallestDeviation = 1.17549435e-38f;

    /// <summary>Changes nothing: mean 0 and deviation 1.</summary>
    public static Normalization None(Shape sample)
    {
        var std = new float[sample[0]];
        Array.Fill(std, 1f);
        return new Normalization(new float[sample[0]], std);
    }

    /// <summary>
    /// Mean and standard deviation (divided by the number of values) of every channel over a whole dataset. A channel that never changes,
    /// or by less than a normal float32, gets deviation 1, so that it becomes 0 and not infinite.
    /// </summary>
    public static Normalization Compute(Dataset dataset)
    {
        var shape = dataset.SampleShape;
        int channels = shape[0], size = shape.Product(1, shape.Rank);
        // Deviations from the first sample keep the difference of squares exact enough for features such as years or prices.
        double[] pivot = new double[channels], sum = new double[channels], squares = new double[channels];
        var sample = new float[shape.Count];
        for (var i = 0; i < dataset.Count; i++)
        {
            dataset.Read(i, sample);
            for (var c = 0; c < channels; c++)
            {
                if (i == 0) pivot[c] = size > 0 ? sample[c * size] : 0;
                foreach (var x in sample.AsSpan(c * size, size))
                {
                    var d = x - pivot[c];
                    sum[c] += d;
                    squares[c] += d * d;
                }
            }
        }
        float[] mean = new float[channels], std = new float[channels];
        var n = Math.Max(1.0, (double)dataset.Count * size);
        for (var c = 0; c < channels; c++)
        {
            mean[c] = (float)(pivot[c] + sum[c] / n);
            var deviation = (float)Math.Sqrt(Math.Max(0, squares[c] / n - sum[c] / n * (sum[c] / n)));
            std[c] = deviation >= SmallestDeviation ? deviation : 1f;
        }
        return new Normalization(mean, std);
    }

    /// <summary>Normalises one sample or several in place.</summary>
    /// <param name="samples">A whole number of samples.</param>
    /// <param name="sample">The shape of one sample; its outermost extent is the number of channels.</param>
    /// <exception cref="ShapeException">The number of channels is another.</exception>
    public void Apply(Span<float> samples, Shape sample)
    {
        Require(sample);
        int channels = Mean.Length, size = sample.Product(1, sample.Rank);
        for (var at = 0; at + sample.Count <= samples.Length && sample.Count > 0; at += sample.Count)
        {
            for (var c = 0; c < channels; c++)
            {
                float mean = Mean[c], scale = 1f / Std[c];
                var values = samples.Slice(at + c * size, size);
                for (var i = 0; i < values.Length; i++) values[i] = (values[i] - mean) * scale;
            }
        }
    }

    /// <summary>Checks that samples of this shape can be normalised.</summary>
    /// <exception cref="ShapeException">The number of channels is another.</exception>
    public void Require(Shape sample)
    {
        if (sample.Rank == 0 || sample[0] != Mean.Length || Mean.Length != Std.Length)
            throw new ShapeException($"Normalization: mean [{Mean.Length}] and deviation [{Std.Length}] expect {Mean.Length} channels, got a sample {sample}.");
    }

    /// <summary>The same values.</summary>
    public bool Equals(Normalization? other) => other is not null && Mean.AsSpan().SequenceEqual(other.Mean) && Std.AsSpan().SequenceEqual(other.Std);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Mean.Length, Mean.Length > 0 ? Mean[0] : 0, Std.Length > 0 ? Std[0] : 0);
}
