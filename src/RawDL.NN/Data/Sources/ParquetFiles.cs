namespace RawDL.NN;

/// <summary>Parquet files with samples: one file, a folder of them as Spark writes it, or a folder with a train and a test of either.</summary>
internal static class ParquetFiles
{
    private const string Extension = ".parquet";

    public static bool Recognizes(string path) =>
        Directory.Exists(path) ? Part(path, "train") is not null || Files(path).Length > 0 : Path.GetExtension(path).Equals(Extension, StringComparison.OrdinalIgnoreCase);

    /// <exception cref="RawFileException">A file is damaged, or its rows are no samples; the row and the column are named.</exception>
    public static DatasetPair Open(string path, string name, DataOptions options)
    {
        if (Directory.Exists(path) && Part(path, "train") is { } first)
        {
            var train = Read(first, null, options);
            return TableBuilder.Finish(path, name, train, Part(path, "test") is { } second ? Read(second, train.Layout, options) : null, options);
        }
        return TableBuilder.Finish(path, name, Read(path, null, options), null, options);
    }

    private static TableBuilder Read(string path, TableLayout? layout, DataOptions options)
    {
        var paths = Directory.Exists(path) ? Files(path) : [path];
        if (paths.Length == 0) throw new RawFileException(path, null, $"expected files *{Extension} in the folder, got none");
        TableBuilder? builder = null;
        foreach (var file in paths)
        {
            using var table = ParquetTable.Open(file);
            builder ??= new TableBuilder(layout ?? TableLayout.Choose(file, table.Columns, options.LabelColumn, null, LabelNeed.Required), options with { Sample = options.Sample ?? table.Sample });
            var columns = builder.Layout.Locate(file, table.Columns);
            var before = 0L;
            for (var group = 0; group < table.Groups; group++)
            {
                options.Cancel.ThrowIfCancellationRequested();
                var values = Array.ConvertAll(columns, column => table.Read(group, column));
                builder.Add(file, before, values);
                before += values[0].Rows;
            }
        }
        return builder!;
    }

    // A folder that Spark writes is often called train.parquet.
    private static string? Part(string folder, string part) =>
        ((string[])[part + Extension, part]).Select(name => Path.Combine(folder, name)).FirstOrDefault(path => File.Exists(path) || (Directory.Exists(path) && Files(path).Length > 0));

    // Spark's own marks begin with _ and Hadoop's checksums with a dot.
    private static string[] Files(string folder)
    {
        var files = Directory.GetFiles(folder, "*" + Extension).Where(path => Path.GetFileName(path)[0] is not ('.' or '_')).ToArray();
        Array.Sort(files, string.CompareOrdinal);
        if (SparkSinkLog.Read(folder) is not { } written) return files;
        foreach (var name in written.Order(StringComparer.Ordinal))
            if (!File.Exists(Path.Combine(folder, name))) throw new RawFileException(Path.Combine(folder, name), null, "expected a file of the stream that wrote the folder, got nothing at this path");
        return Array.FindAll(files, path => written.Contains(Path.GetFileName(path)));
    }
}
