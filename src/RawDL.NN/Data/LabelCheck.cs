namespace RawDL.NN;

/// <summary>Labels are checked once, when a dataset is made, so that no loss and no metric has to.</summary>
internal static class LabelCheck
{
    /// <exception cref="ArgumentException">A label is not in 0 … classes − 1.</exception>
    public static void Run(string name, ReadOnlySpan<int> labels, int classes)
    {
        for (var i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] >= (uint)classes)
                throw new ArgumentException($"{name}: expected labels 0 to {classes - 1}, got {labels[i]} for sample {i}.");
        }
    }
}
