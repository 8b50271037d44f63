namespace RawDL.NN;

/// <summary>Finds, downloads and opens data: the sets of the <see cref="Catalog"/> by name, anything else by path.</summary>
public static partial class Datasets
{
    private const string DigitsName = "digits";

    /// <summary>
    /// Opens a set of the catalog by name, else a path: a CSV file; a Parquet file, or a folder of some; a folder with IDX files named as MNIST's; with train-images.npy and
    /// train-labels.npy; with the batches of CIFAR-10; or with a folder of PNG and JPEG images for each class.
    /// A source of one part is split by <see cref="DataOptions.TestFraction"/> and <see cref="DataOptions.Seed"/>.
    /// </summary>
    /// <exception cref="ArgumentException">The name is unknown and no path, or an option does not fit.</exception>
    /// <exception cref="RawFileException">A file is missing or breaks its format.</exception>
    /// <exception cref="OperationCanceledException">A download was stopped.</exception>
    public static DatasetPair Open(string nameOrPath, DataOptions options)
    {
        var source = Named(nameOrPath);
        if (source?.Name == DigitsName)
        {
            RequireSize("train", options.TrainSize);
            RequireSize("test", options.TestSize);
            return Digits.Open(options.Seed, options.TrainSize ?? Digits.DefaultTrain, options.TestSize ?? Digits.DefaultTest);
        }
        if (options.TrainSize is not null || options.TestSize is not null)
            throw new ArgumentException($"{nameOrPath}: expected sizes for '{DigitsName}' only, got a train or test size for a source that has its own.");
        if (source is null) return OpenPath(nameOrPath, options);
        var folder = Find(source, options) ?? Fetch(source, options);
        options.Say?.Invoke($"{source.Name}: reading {folder}");
        return source.Name == Cifar10Folder.SourceName ? Cifar10Folder.Open(folder, source.Name, options) : IdxFolder.Open(folder, source.Name, source.ClassNames, options);
    }

    /// <summary>
    /// The folder with all files of a set, or null when there is none or the set needs none. Looked at in this order: NAME in
    /// <see cref="DataOptions.Directory"/>, that folder itself, NAME in <c>$RAWDL_DATA</c>, NAME in the user's cache.
    /// </summary>
    public static string? Find(DatasetSource source, DataOptions options)
    {
        if (options.Directory is { } folder)
        {
            if (source.IsIn(Path.Combine(folder, source.Name))) return Path.Combine(folder, source.Name);
            if (source.IsIn(folder)) return folder;
        }
        if (Variable("RAWDL_DATA") is { } data && source.IsIn(Path.Combine(data, source.Name))) return Path.Combine(data, source.Name);
        return Cache() is { } cache && source.IsIn(Path.Combine(cache, source.Name)) ? Path.Combine(cache, source.Name) : null;
    }

    /// <summary>
    /// Downloads the files of a set that are missing into NAME in <see cref="DataOptions.Directory"/>, else in the user's cache, and returns that folder. Each
    /// file is checked by its SHA-256 and then put in place as a whole; the mirrors are tried in their order.
    /// </summary>
    /// <exception cref="ArgumentException">The set needs no files, or there is no folder to put them into.</exception>
    /// <exception cref="RawFileException">No mirror gave the files; the line says which files are needed and where.</exception>
    /// <exception cref="IOException">A file could not be saved.</exception>
    /// <exception cref="OperationCanceledException">The download was stopped; no part of a file stays.</exception>
    public static string Fetch(DatasetSource source, DataOptions options)
    {
        using var client = new HttpClient();
        return Fetch(source, options, client);
    }

    internal static string Fetch(DatasetSource source, DataOptions options, HttpClient client)
    {
        if (source.Files.Count == 0) throw new ArgumentException($"{source.Name}: expected a set with files to fetch, got one that the program draws itself.");
        var root = options.Directory ?? Cache() ?? throw new ArgumentException($"{source.Name}: expected a folder for its files (--data-dir), got none and no home directory.");
        var folder = Path.Combine(root, source.Name);
        if (source.IsIn(folder)) return folder;
        new DatasetDownload(source, folder, options, client).Run();
        return folder;
    }

    private static DatasetSource? Named(string name)
    {
        foreach (var source in Catalog)
            if (string.Equals(source.Name, name, StringComparison.OrdinalIgnoreCase)) return source;
        return null;
    }

    private static DatasetPair OpenPath(string path, DataOptions options)
    {
        var name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(path));
        if (ParquetFiles.Recognizes(path)) return ParquetFiles.Open(path, name, options);
        if (System.IO.Directory.Exists(path))
        {
            if (IdxFolder.Recognizes(path)) return IdxFolder.Open(path, name, null, options);
            if (NpyFolder.Recognizes(path)) return NpyFolder.Open(path, name, options);
            if (Cifar10Folder.Recognizes(path)) return Cifar10Folder.Open(path, name, options);
            if (ImageFolder.Recognizes(path)) return ImageFolder.Open(path, name, options);
            throw new RawFileException(path, null, "expected IDX files named as MNIST's, train-images.npy, data_batch_1.bin, Parquet files or a folder of images for each class, got none of them");
        }
        if (Path.GetExtension(path).Equals(".csv", StringComparison.OrdinalIgnoreCase)) return DatasetPair.Split(CsvTable.Read(path, name, options.LabelColumn), options.TestFraction, options.Seed);
        if (Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase)) return PackedData.Decode(SafetensorsFile.Read(path));
        if (File.Exists(path)) throw new RawFileException(path, null, "expected a CSV file (.csv), a Parquet file (.parquet), packed data (.safetensors) or a folder, got another file");
        var names = string.Join(", ", Catalog.Select(source => source.Name));
        throw new ArgumentException($"Data: expected {names}, a .csv or .parquet file or a folder, got {RawFileException.Quote(path)}.");
    }

    private static void RequireSize(string part, int? size)
    {
        if (size is < 1 or > Digits.Most) throw new ArgumentException($"{DigitsName}: expected a {part} size of 1 to {Digits.Most}, got {size}.");
    }

    private static string? Cache()
    {
        if (OperatingSystem.IsWindows()) return Under(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "rawdl");
        // The specification of XDG_CACHE_HOME has relative paths ignored.
        if (Variable("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache)) return Path.Combine(cache, "rawdl");
        return Under(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), Path.Combine(".cache", "rawdl"));
    }

    private static string? Under(string folder, string name) => folder.Length > 0 ? Path.Combine(folder, name) : null;

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
