namespace RawDL.NN;

/// <summary>Labels are checked once, when a dataset is made, so that no loss and no metric has to.</summary>
internal static class LabelCheck
{
    /// <exception cref="ArgumentException">A label is not in 0 … classes − 1.</exception>
    public static void Run(string name, ReadOnlySpan<int> labels, int classes)
    {
        if (FirstBad(labels, classes) is var i and >= 0)
            throw new ArgumentException($"{name}: expected labels 0 to {classes - 1}, got {labels[i]} for sample {i}.");
    }

    /// <exception cref="RawFileException">A label of a file is not in 0 … classes − 1.</exception>
    public static void RunFile(string path, ReadOnlySpan<int> labels, int classes)
    {
        if (FirstBad(labels, classes) is var i and >= 0)
            throw new RawFileException(path, null, $"expected labels 0 to {classes - 1}, got {labels[i]} for sample {i}");
    }

    private static int FirstBad(ReadOnlySpan<int> labels, int classes)
    {
        for (var i = 0; i < labels.Length; i++)
            if ((uint)labels[i] >= (uint)classes) return i;
        return -1;
    }
}
