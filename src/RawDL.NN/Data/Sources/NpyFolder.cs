namespace RawDL.NN;

/// <summary>
/// A folder with train-images.npy and train-labels.npy, and test-images.npy and test-labels.npy or a split. Bytes are images and read as
/// b / 255, other types as they stand. Integer labels [N] are classes, floats [N] or [N, T] are the targets of a regression.
/// </summary>
internal static class NpyFolder
{
    private const int MaxClasses = 65_536;

    public static bool Recognizes(string folder) => File.Exists(PathOf(folder, "train", "images"));

    public static DatasetPair Open(string folder, string name, DataOptions options)
    {
        var train = ReadPart(folder, "train");
        if (!File.Exists(PathOf(folder, "test", "images"))) return DatasetPair.Split(Create(train, name, Classes(train, null)), options.TestFraction, options.Seed);
        var test = ReadPart(folder, "test");
        if (test.Sample != train.Sample) throw new RawFileException(test.Path, null, $"expected samples {train.Sample} as for training, got {test.Sample}");
        if (IsRegression(test) != IsRegression(train) || TargetCount(test) != TargetCount(train))
            throw new RawFileException(test.LabelPath, null, $"expected labels of the kind of training ({Describe(train.Labels)}), got {Describe(test.Labels)}");
        var classes = Classes(train, test);
        return new DatasetPair(Create(train, name + "/train", classes), Create(test, name + "/test", classes));
    }

    private sealed record Part(string Path, string LabelPath, Shape Sample, NpyArray Samples, NpyArray Labels);

    private static string PathOf(string folder, string part, string what) => System.IO.Path.Combine(folder, $"{part}-{what}.npy");

    private static bool IsRegression(Part part) => part.Labels.Kind[0] == 'f';

    private static int TargetCount(Part part) => !IsRegression(part) ? 0 : part.Labels.Shape.Length == 2 ? part.Labels.Shape[1] : 1;

    private static string Describe(NpyArray array) => $"{array.Kind} [{string.Join(", ", array.Shape.ToArray())}]";

    private static Part ReadPart(string folder, string part)
    {
        string path = PathOf(folder, part, "images"), labelPath = PathOf(folder, part, "labels");
        NpyArray samples = NpyFile.Read(path), labels = NpyFile.Read(labelPath);
        var extents = samples.Shape;
        if (extents.Length is < 2 or > 4 || samples.Count == 0)
            throw new RawFileException(path, null, $"expected samples [N, F], [N, H, W] or [N, C, H, W], got {Describe(samples)}");
        if (labels.Kind == "b1" || labels.Shape.Length != 1 && (labels.Kind[0] != 'f' || labels.Shape.Length != 2) || labels.Count == 0)
            throw new RawFileException(labelPath, null, $"expected integer labels [N], or float targets [N] or [N, T], got {Describe(labels)}");
        if (labels.Shape[0] != extents[0]) throw new RawFileException(labelPath, null, $"expected {extents[0]} labels, one for each sample, got {labels.Shape[0]}");
        var shape = extents.Length == 3 ? new Shape(1, extents[1], extents[2]) : new Shape(extents[1..]);
        return new Part(path, labelPath, shape, samples, labels);
    }

    private static IReadOnlyList<string> Classes(Part train, Part? test)
    {
        if (IsRegression(train)) return [];
        var most = 0;
        foreach (var part in (Part?[])[train, test])
            if (part is not null)
                foreach (var label in Labels(part)) most = Math.Max(most, label);
        return Dataset.NumberedClasses(Math.Min(most, MaxClasses - 1) + 1);
    }

    private static int[] Labels(Part part)
    {
        try
        {
            return part.Labels.ToInts();
        }
        catch (InvalidOperationException e)
        {
            throw new RawFileException(part.LabelPath, null, $"expected labels 0 to {MaxClasses - 1}, got a larger one", e);
        }
    }

    private static Dataset Create(Part part, string name, IReadOnlyList<string> classes)
    {
        var labels = classes.Count > 0 ? Labels(part) : [];
        LabelCheck.RunFile(part.LabelPath, labels, classes.Count);
        if (part.Samples.Kind == "u1" && classes.Count > 0) return new ByteDataset(name, part.Sample, part.Samples.TakeData(), labels, classes);
        var values = part.Samples.ToFloats();
        if (part.Samples.Kind == "u1") ByteDataset.ToUnit(part.Samples.Data.Span, values);
        FiniteCheck.Run(part.Path, values, part.Sample.Count);
        if (classes.Count > 0) return new FloatDataset(name, part.Sample, values, labels, classes);
        var targets = part.Labels.ToFloats();
        FiniteCheck.Run(part.LabelPath, targets, TargetCount(part));
        return new FloatDataset(name, part.Sample, values, targets, TargetCount(part));
    }
}
