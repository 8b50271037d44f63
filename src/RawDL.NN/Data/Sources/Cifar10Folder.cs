using System.Formats.Tar;
using System.IO.Compression;

namespace RawDL.NN;

/// <summary>
/// CIFAR-10, binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin of records with one label byte and 3 × 32 × 32 pixels, red,
/// green and blue planes. Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and its web page.
/// </summary>
internal static class Cifar10Folder
{
    public const string SourceName = "cifar10";

    private const int Pixels = 3 * 32 * 32, Record = 1 + Pixels;
    private const int MaxFile = 100_000 * Record;
    private const string TestFile = "test_batch.bin";

    public static IReadOnlyList<string> ClassNames { get; } = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>The files in the archive and in the folder.</summary>
    public static IReadOnlyList<string> FileNames { get; } = ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", TestFile];

    public static bool Recognizes(string folder) => FileNames.All(name => File.Exists(Path.Combine(folder, name)));

    public static DatasetPair Open(string folder, string name, DataOptions options)
    {
        if (!Recognizes(folder))
        {
            var archive = Datasets.Catalog.First(source => source.Name == SourceName).Files[0];
            DatasetDownload.Verify(Path.Combine(folder, archive.Name), archive, options.Cancel);
            Extract(Path.Combine(folder, archive.Name), folder);
        }
        var train = FileNames.Where(file => file != TestFile).Select(file => Path.Combine(folder, file)).ToArray();
        return new DatasetPair(Read(train, name + "/train"), Read([Path.Combine(folder, TestFile)], name + "/test"));
    }

    /// <summary>Puts the batches of a checked archive into a folder; nothing else in it is looked at, and no path from it is used.</summary>
    public static void Extract(string archive, string folder)
    {
        using var file = File.OpenRead(archive);
        using var gzip = new GZipStream(file, CompressionMode.Decompress);
        using var tar = new TarReader(gzip);
        while (tar.GetNextEntry() is { } entry)
        {
            var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
            if (entry.DataStream is not { } data || entry.Length > MaxFile || !FileNames.Contains(name)) continue;
            Durable.Write(Path.Combine(folder, name), data.CopyTo, entry.Length);
        }
        if (!Recognizes(folder)) throw new RawFileException(archive, null, $"expected {FileNames.Count} batches in the archive, got fewer");
    }

    internal static ByteDataset Read(string[] paths, string name)
    {
        var files = Array.ConvertAll(paths, InputFile.ReadAll);
        for (var i = 0; i < files.Length; i++)
            if (files[i].Length % Record != 0 || files[i].Length > MaxFile)
                throw new RawFileException(paths[i], null, $"expected records of {Record} bytes, 100000 at most, got {files[i].Length} bytes");
        var count = files.Sum(file => file.Length / Record);
        var samples = new byte[count * Pixels];
        var labels = new int[count];
        var next = 0;
        for (var i = 0; i < files.Length; i++)
        {
            for (var at = 0; at < files[i].Length; at += Record, next++)
            {
                labels[next] = files[i][at];
                if (labels[next] >= ClassNames.Count) throw new RawFileException(paths[i], at, $"expected labels 0 to {ClassNames.Count - 1}, got {labels[next]}");
                files[i].AsSpan(at + 1, Pixels).CopyTo(samples.AsSpan(next * Pixels));
            }
        }
        return new ByteDataset(name, new Shape(3, 32, 32), samples, labels, ClassNames);
    }
}
