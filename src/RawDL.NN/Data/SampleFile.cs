namespace RawDL.NN;

/// <summary>The samples of one file, for a model to be asked about: an image, an npy array, or IDX, plain or gzip-compressed.</summary>
public static class SampleFile
{
    private const int MaxValues = 500_000_000;

    /// <summary>
    /// Reads all samples of a file and fits them to what a model expects: grey is repeated for colour, colour becomes grey, and images of another
    /// size are resized, which is said. Bytes read as b / 255, other numbers as they stand. Arrays are one sample or [N, …]; without a channel extent they are grey.
    /// </summary>
    /// <param name="path">A .png, .jpg, .jpeg or .npy file; any other name is taken for IDX.</param>
    /// <param name="expected">The shape of one sample, [C, H, W] or [F].</param>
    /// <param name="classNames">The classes of the model; empty for a regression of one target.</param>
    /// <param name="say">Gets a line about every conversion; null for silence.</param>
    /// <returns>The samples. Their labels are not known, and all 0.</returns>
    /// <exception cref="RawFileException">The file is missing, breaks its format or does not fit the shape.</exception>
    /// <exception cref="ShapeException">The expected shape is neither [C, H, W] nor [F].</exception>
    public static FloatDataset Read(string path, Shape expected, IReadOnlyList<string> classNames, Action<string>? say = null)
    {
        if (expected.Rank is not (1 or 3)) throw new ShapeException($"SampleFile: expected a sample [C, H, W] or [F], got {expected}.");
        var array = Load(path, expected);
        // Asked first: an array without elements may have extents that no shape can hold.
        if (array.Values.Length == 0) throw new RawFileException(path, null, $"expected at least one sample, got {array}");
        var (count, shape) = Divide(array.Extents, expected) ?? throw new RawFileException(path, null, $"expected samples {expected}, got {array}");
        FiniteCheck.Run(path, array.Values, shape.Count);
        if ((long)count * expected.Count > MaxValues) throw new RawFileException(path, null, $"expected at most {MaxValues} values, got {count} samples {expected}");
        var values = shape == expected ? array.Values : Fit(array.Values, count, shape, expected);
        if (shape != expected) say?.Invoke($"{path}: {shape} fitted to {expected}");
        var name = Path.GetFileNameWithoutExtension(path);
        return classNames.Count > 0
            ? new FloatDataset(name, expected, values, new int[count], classNames)
            : new FloatDataset(name, expected, values, new float[count], 1);
    }

    private sealed record Numbers(int[] Extents, float[] Values)
    {
        public override string ToString() => $"[{string.Join(", ", Extents)}]";
    }

    private static Numbers Load(string path, Shape expected)
    {
        if (ImageFile.IsName(path))
        {
            var bytes = InputFile.ReadAll(path);
            var header = ImageFile.Inspect(bytes, path);
            var size = (long)header.Width * header.Height;
            var channels = expected.Rank == 3 ? expected[0] : 3 * size == expected.Count ? 3 : 1;
            if (channels is not (1 or 3)) throw new RawFileException(path, null, $"expected a sample {expected}, got an image, which has 1 or 3 channels");
            return new Numbers([channels, header.Height, header.Width], FromBytes(ImageFile.Decode(bytes, path, out _, out _, channels)));
        }
        if (Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase))
        {
            var array = NpyFile.Read(path);
            return new Numbers(array.Shape.ToArray(), array.Kind == "u1" ? FromBytes(array.Data.Span) : array.ToFloats());
        }
        var idx = IdxFile.Read(path);
        return new Numbers(idx.Dimensions.ToArray(), idx.Type == IdxType.UInt8 ? FromBytes(idx.Data.Span) : idx.ToFloats());
    }

    private static float[] FromBytes(ReadOnlySpan<byte> bytes)
    {
        var values = new float[bytes.Length];
        ByteDataset.ToUnit(bytes, values);
        return values;
    }

    /// <summary>How many samples of which shape an array holds; null when they cannot be fitted.</summary>
    private static (int Count, Shape Sample)? Divide(int[] extents, Shape expected)
    {
        if (expected.Rank == 1)
        {
            var all = Product(extents, 0);
            return all == expected.Count ? (1, expected) : extents.Length > 1 && Product(extents, 1) == expected.Count ? (extents[0], expected) : null;
        }
        if (extents.AsSpan().SequenceEqual(expected.ToArray())) return (1, expected);
        var channels = expected[0];
        return extents switch
        {
            [var n, var c, var h, var w] when c == channels || c is 1 or 3 && channels is 1 or 3 => (n, new Shape(c, h, w)),
            [3, var h, var w] when channels == 3 => (1, new Shape(3, h, w)),
            [var n, var h, var w] when channels is 1 or 3 => (n, new Shape(1, h, w)),
            [var h, var w] when channels is 1 or 3 => (1, new Shape(1, h, w)),
            _ => null,
        };
    }

    private static long Product(int[] extents, int first)
    {
        var product = 1L;
        for (var i = first; i < extents.Length; i++) product *= extents[i];
        return product;
    }

    private static float[] Fit(float[] values, int count, Shape from, Shape to)
    {
        int size = from[1] * from[2], newSize = to[1] * to[2];
        var result = new float[count * to.Count];
        var grey = new float[size];
        for (var i = 0; i < count; i++)
        {
            var sample = values.AsSpan(i * from.Count, from.Count);
            for (var c = 0; c < to[0]; c++)
            {
                var plane = from[0] == to[0] ? sample.Slice(c * size, size) : from[0] == 1 ? sample : ToGrey(sample, grey);
                var target = result.AsSpan(i * to.Count + c * newSize, newSize);
                if (from[1] == to[1] && from[2] == to[2]) plane.CopyTo(target);
                else ImageResize.Run(plane, from[1], from[2], to[1], to[2]).CopyTo(target);
            }
        }
        return result;
    }

    // The weights of the image decoder, so that arrays and files give one result: 77, 150 and 29 of 256.
    private static Span<float> ToGrey(ReadOnlySpan<float> colours, float[] grey)
    {
        for (var i = 0; i < grey.Length; i++)
            grey[i] = (77 * colours[i] + 150 * colours[grey.Length + i] + 29 * colours[2 * grey.Length + i]) / 256;
        return grey;
    }
}
