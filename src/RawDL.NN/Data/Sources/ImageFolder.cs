using System.Runtime.ExceptionServices;

namespace RawDL.NN;

/// <summary>
/// A folder with one subfolder of PNG and JPEG images for each class, in ordinal order of their names; below train and test when there is a
/// folder train, else split. All images have one size; they are grey when every one of the training images is.
/// </summary>
internal static class ImageFolder
{
    public static bool Recognizes(string folder) => Directory.Exists(folder) && (ClassFolders(folder).Length > 0 || ClassFolders(Path.Combine(folder, "train")).Length > 0);

    public static DatasetPair Open(string folder, string name, DataOptions options)
    {
        string train = Path.Combine(folder, "train"), test = Path.Combine(folder, "test");
        var parts = ClassFolders(train).Length > 0;
        if (!parts) train = folder;
        var names = Array.ConvertAll(ClassFolders(train), path => Path.GetFileName(path)!);
        if (!parts || !Directory.Exists(test)) return DatasetPair.Split(Read(train, name, names, null), options.TestFraction, options.Seed);
        foreach (var path in ClassFolders(test))
            if (!names.Contains(Path.GetFileName(path))) throw new RawFileException(path, null, "expected a class that is among the training images too, got a new one");
        var images = Read(train, name + "/train", names, null);
        return new DatasetPair(images, Read(test, name + "/test", names, images.SampleShape));
    }

    private static string[] ClassFolders(string folder)
    {
        if (!Directory.Exists(folder)) return [];
        var folders = Array.FindAll(Directory.GetDirectories(folder), path => Path.GetFileName(path)[0] != '.' && Directory.EnumerateFiles(path).Any(ImageFile.IsName));
        Array.Sort(folders, string.CompareOrdinal);
        return folders;
    }

    /// <param name="folder">The folder with the classes.</param>
    /// <param name="name">The name of the dataset.</param>
    /// <param name="classNames">The classes, in order.</param>
    /// <param name="expected">The shape of every image, or null to take that of the first and to see whether there are colours.</param>
    private static ByteDataset Read(string folder, string name, string[] classNames, Shape? expected)
    {
        var (paths, labels) = List(folder, classNames);
        if (paths.Count == 0) throw new RawFileException(folder, null, "expected folders of PNG or JPEG images, got none");
        var headers = new ImageHeader[paths.Count];
        Each(paths.Count, i => headers[i] = ImageFile.Inspect(InputFile.ReadAll(paths[i]), paths[i]));
        var shape = expected ?? new Shape(headers.Any(header => header.Channels > 1) ? 3 : 1, headers[0].Height, headers[0].Width);
        for (var i = 0; i < headers.Length; i++)
            if (headers[i].Height != shape[1] || headers[i].Width != shape[2])
                throw new RawFileException(paths[i], null, $"expected {shape[2]} x {shape[1]} pixels as in {(expected is null ? paths[0] : "training")}, got {headers[i].Width} x {headers[i].Height}");
        if ((long)paths.Count * shape.Count > Array.MaxLength) throw new RawFileException(folder, null, $"expected at most {Array.MaxLength} bytes of pixels, got {paths.Count} images {shape}");
        var samples = new byte[paths.Count * shape.Count];
        Each(paths.Count, i =>
        {
            var planes = ImageFile.Read(paths[i], out _, out _, shape[0]);
            if (planes.Length != shape.Count) throw new RawFileException(paths[i], null, "expected the same image as a moment ago, got another size");
            planes.CopyTo(samples.AsSpan(i * shape.Count));
        });
        return new ByteDataset(name, shape, samples, labels.ToArray(), classNames);
    }

    private static (List<string> Paths, List<int> Labels) List(string folder, string[] classNames)
    {
        var paths = new List<string>();
        var labels = new List<int>();
        for (var label = 0; label < classNames.Length; label++)
        {
            var path = Path.Combine(folder, classNames[label]);
            if (!Directory.Exists(path)) continue;
            var files = Array.FindAll(Directory.GetFiles(path), ImageFile.IsName);
            Array.Sort(files, string.CompareOrdinal);
            paths.AddRange(files);
            labels.AddRange(Enumerable.Repeat(label, files.Length));
        }
        return (paths, labels);
    }

    private static void Each(int count, Action<int> work)
    {
        try
        {
            Parallel.For(0, count, work);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }
}
