namespace RawDL.NN;

/// <summary>Values from a file are checked once, when it is opened, so that no not-a-number gets into a network.</summary>
internal static class FiniteCheck
{
    /// <exception cref="RawFileException">A value is infinite or not a number.</exception>
    public static void Run(string path, ReadOnlySpan<float> values, int sample)
    {
        for (var i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i])) throw new RawFileException(path, null, $"expected finite float32 values, got {values[i]} in sample {i / sample}");
    }
}
