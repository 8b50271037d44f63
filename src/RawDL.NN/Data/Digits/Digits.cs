namespace RawDL.NN;

/// <summary>
/// Handwritten-like digits, 28 × 28 pixels, white on black as in MNIST, drawn by the program: something to train on before anything is
/// downloaded. Sample i of a split is a function of (seed, split, i) alone, with the same bytes on every machine, for any number of samples.
/// </summary>
public static class Digits
{
    /// <summary>The sizes when none are asked for.</summary>
    public const int DefaultTrain = 16_000, DefaultTest = 3_000;

    /// <summary>The largest number of samples of a split.</summary>
    public const int Most = 2_000_000;

    // Samples that one thread draws in one go; a sample does not depend on it.
    private const int Chunk = 256;

    /// <summary>Draws <paramref name="count"/> samples of one split on all cores.</summary>
    /// <param name="name">The name in messages and reports.</param>
    /// <param name="seed">Another seed, other writers.</param>
    /// <param name="split">0 for training, 1 for test; any other number gives further samples that share none with these.</param>
    /// <param name="count">Number of samples.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is below 1 or above 2 million, or the split is not in 0 … 2²⁴ − 1.</exception>
    public static ByteDataset Draw(string name, ulong seed, int split, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Most);
        ArgumentOutOfRangeException.ThrowIfNegative(split);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(split, 1 << 24);
        var images = new byte[count * DigitRenderer.Pixels];
        var labels = new int[count];
        Parallel.For(0, (count + Chunk - 1) / Chunk, chunk =>
        {
            var renderer = new DigitRenderer(seed, split);
            for (var i = chunk * Chunk; i < Math.Min(count, (chunk + 1) * Chunk); i++)
                labels[i] = renderer.Draw(i, images.AsSpan(i * DigitRenderer.Pixels, DigitRenderer.Pixels));
        });
        return new ByteDataset(name, new Shape(1, DigitRenderer.Side, DigitRenderer.Side), images, labels, Dataset.NumberedClasses(10));
    }

    /// <summary>Training and test samples of one seed.</summary>
    public static DatasetPair Open(ulong seed = 0, int train = DefaultTrain, int test = DefaultTest) =>
        new(Draw("digits/train", seed, 0, train), Draw("digits/test", seed, 1, test));
}
