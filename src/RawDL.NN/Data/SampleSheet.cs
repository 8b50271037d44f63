namespace RawDL.NN;

/// <summary>A picture of some samples of a dataset, as `rawdl data preview` writes it.</summary>
public static class SampleSheet
{
    private const int Gap = 2, SmallestSide = 56;
    private const byte Background = 64;
    private const long MaxPixels = 1L << 26;

    /// <summary>
    /// Writes a grid of samples as PNG through <see cref="Durable"/>. The cells run through the classes in their order, an equal share each (ten
    /// rows of MNIST are a class each), and within a class through the first samples; a regression shows the first ones. Small images are enlarged by a whole factor.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="dataset">Images [1, H, W] or [3, H, W]; values are cut to 0 … 1.</param>
    /// <param name="rows">Rows of cells, at least 1.</param>
    /// <param name="columns">Columns of cells, at least 1.</param>
    /// <exception cref="ArgumentException">The samples are no images, or the sheet would be empty or above 2²⁶ pixels.</exception>
    /// <exception cref="IOException">The file could not be saved.</exception>
    public static void WritePng(string path, Dataset dataset, int rows, int columns)
    {
        var shape = dataset.SampleShape;
        if (shape.Rank != 3 || shape[0] is not (1 or 3)) throw new ArgumentException($"SampleSheet: expected images [1, H, W] or [3, H, W], got {shape}.");
        int channels = shape[0], high = shape[1], wide = shape[2];
        var factor = Math.Max(1, SmallestSide / Math.Max(high, wide));
        long height = rows * ((long)high * factor + Gap) + Gap, width = columns * ((long)wide * factor + Gap) + Gap;
        if (rows < 1 || columns < 1 || rows > MaxPixels || columns > MaxPixels || height > MaxPixels || width > MaxPixels || height * width > MaxPixels)
            throw new ArgumentException($"SampleSheet: expected a sheet of 1 to {MaxPixels} pixels, got {rows} x {columns} images {shape}.");
        var sheet = new byte[channels * height * width];
        Array.Fill(sheet, Background);
        var sample = new float[shape.Count];
        var cells = Choose(dataset, rows * columns);
        for (var cell = 0; cell < cells.Length; cell++)
        {
            if (cells[cell] < 0) continue;
            dataset.Read(cells[cell], sample);
            int top = cell / columns * (high * factor + Gap) + Gap, left = cell % columns * (wide * factor + Gap) + Gap;
            for (var c = 0; c < channels; c++)
                for (var y = 0; y < high * factor; y++)
                    for (var x = 0; x < wide * factor; x++)
                        sheet[(c * height + top + y) * width + left + x] = (byte)(Math.Clamp(sample[(c * high + y / factor) * wide + x / factor], 0f, 1f) * 255f + 0.5f);
        }
        Durable.Write(path, stream => ImageFile.WritePng(stream, sheet, (int)width, (int)height, channels));
    }

    /// <summary>The sample of every cell, −1 for none.</summary>
    private static int[] Choose(Dataset dataset, int count)
    {
        var cells = new int[count];
        Array.Fill(cells, -1);
        if (dataset.Classes == 0)
        {
            for (var i = 0; i < Math.Min(count, dataset.Count); i++) cells[i] = i;
            return cells;
        }
        // Cell k shows class k · Classes / count; those of class c begin at c · count / Classes, rounded up.
        int Begin(int label) => (int)(((long)label * count + dataset.Classes - 1) / dataset.Classes);
        var next = new int[dataset.Classes];
        for (var label = 0; label < next.Length; label++) next[label] = Begin(label);
        for (var i = 0; i < dataset.Count; i++)
        {
            var label = dataset.Label(i);
            if (next[label] < Begin(label + 1)) cells[next[label]++] = i;
        }
        return cells;
    }
}
