namespace RawDL.NN;

/// <summary>A data set that is known by name.</summary>
/// <param name="Name">The name, also of its folder.</param>
/// <param name="Description">One line.</param>
/// <param name="SampleShape">[C, H, W] of one sample.</param>
/// <param name="ClassNames">One name per class.</param>
/// <param name="TrainCount">Number of training samples.</param>
/// <param name="TestCount">Number of test samples.</param>
/// <param name="Files">What is downloaded; empty for a set that the program draws itself.</param>
/// <param name="Mirrors">Addresses to which a file name is appended, in the order in which they are tried.</param>
public sealed record DatasetSource(string Name, string Description, Shape SampleShape, IReadOnlyList<string> ClassNames,
    int TrainCount, int TestCount, IReadOnlyList<DatasetFile> Files, IReadOnlyList<string> Mirrors)
{
    /// <summary>Number of classes.</summary>
    public int Classes => ClassNames.Count;

    /// <summary>Bytes to download, 0 for a set that the program draws itself.</summary>
    public long TotalBytes
    {
        get
        {
            var sum = 0L;
            foreach (var file in Files) sum += file.Bytes;
            return sum;
        }
    }

    /// <summary>Whether a folder holds all files of the set, in any form that <see cref="Datasets.Open"/> reads.</summary>
    internal bool IsIn(string folder) => System.IO.Directory.Exists(folder) && (Name == Cifar10Folder.SourceName
        ? Cifar10Folder.Recognizes(folder) || File.Exists(Path.Combine(folder, Files[0].Name))
        : Files.Count > 0 && IdxFolder.IsWhole(folder));
}
