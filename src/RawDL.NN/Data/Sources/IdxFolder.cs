namespace RawDL.NN;

/// <summary>A folder with IDX files in the naming of MNIST, plain or gzip-compressed; without test files the training files are split.</summary>
internal static class IdxFolder
{
    // A byte label needs 256; wider label types may not ask for a network of millions of outputs.
    private const int MaxClasses = 65_536;

    public static bool Recognizes(string folder) => Find(folder, "train", "images", 3) is not null;

    public static bool IsWhole(string folder) => Recognizes(folder) && Find(folder, "train", "labels", 1) is not null
        && Find(folder, "t10k", "images", 3) is not null && Find(folder, "t10k", "labels", 1) is not null;

    /// <param name="folder">The folder.</param>
    /// <param name="name">The name of the set.</param>
    /// <param name="classNames">One name per class; null for the numbers up to the largest label.</param>
    /// <param name="options">How to split.</param>
    public static DatasetPair Open(string folder, string name, IReadOnlyList<string>? classNames, DataOptions options)
    {
        var train = ReadPart(folder, "train");
        if (Find(folder, "t10k", "images", 3) is null)
            return DatasetPair.Split(Create(train, name, classNames ?? Numbered([train])), options.TestFraction, options.Seed);
        var test = ReadPart(folder, "t10k");
        if (test.Sample != train.Sample) throw new RawFileException(test.Images, null, $"expected samples {train.Sample} as for training, got {test.Sample}");
        classNames ??= Numbered([train, test]);
        return new DatasetPair(Create(train, name + "/train", classNames), Create(test, name + "/test", classNames));
    }

    private sealed record Part(string Images, string LabelFile, Shape Sample, IdxArray Pixels, int[] Labels);

    private static string? Find(string folder, string part, string what, int rank)
    {
        foreach (var dash in "-.")
            foreach (var ending in (string[])["", ".gz"])
            {
                var path = Path.Combine(folder, $"{part}-{what}{dash}idx{rank}-ubyte{ending}");
                if (File.Exists(path)) return path;
            }
        return null;
    }

    private static Part ReadPart(string folder, string part)
    {
        string Required(string what, int rank) => Find(folder, part, what, rank)
            ?? throw new RawFileException(Path.Combine(folder, $"{part}-{what}-idx{rank}-ubyte"), null, "expected this file, plain or .gz, got nothing at this path");
        string images = Required("images", 3), labels = Required("labels", 1);
        IdxArray pixels = IdxFile.Read(images), classes = IdxFile.Read(labels);
        var extents = pixels.Dimensions;
        if (extents.Length is not (3 or 4)) throw new RawFileException(images, 3, $"expected images [N, H, W] or [N, C, H, W], got {extents.Length} dimensions");
        if (classes.Dimensions.Length != 1 || classes.Type > IdxType.Int32) throw new RawFileException(labels, 2, $"expected integer labels [N], got {classes.Type} in {classes.Dimensions.Length} dimensions");
        if (extents[0] != classes.Count) throw new RawFileException(labels, 4, $"expected {extents[0]} labels, one for each image, got {classes.Count}");
        if (pixels.Count == 0) throw new RawFileException(images, 4, $"expected at least one pixel, got [{string.Join(", ", extents.ToArray())}]");
        var shape = extents.Length == 3 ? new Shape(1, extents[1], extents[2]) : new Shape(extents[1], extents[2], extents[3]);
        return new Part(images, labels, shape, pixels, classes.ToInts());
    }

    private static IReadOnlyList<string> Numbered(ReadOnlySpan<Part> parts)
    {
        var most = 0;
        foreach (var part in parts)
            foreach (var label in part.Labels) most = Math.Max(most, label);
        return Dataset.NumberedClasses(Math.Min(most, MaxClasses - 1) + 1);
    }

    private static Dataset Create(Part part, string name, IReadOnlyList<string> classNames)
    {
        LabelCheck.RunFile(part.LabelFile, part.Labels, classNames.Count);
        if (part.Pixels.Type == IdxType.UInt8) return new ByteDataset(name, part.Sample, part.Pixels.TakeData(), part.Labels, classNames);
        var values = part.Pixels.ToFloats();
        FiniteCheck.Run(part.Images, values, part.Sample.Count);
        return new FloatDataset(name, part.Sample, values, part.Labels, classNames);
    }
}
