using RawDL.NN;

namespace RawDL.Cli;

/// <summary>A file or folder of any file system as one of this machine. What had to be copied goes when it is disposed.</summary>
internal sealed class SparkFiles : IDisposable
{
    private readonly string? _temporary;

    private SparkFiles(string path, string? temporary) => (Path, _temporary) = (path, temporary);

    /// <summary>On this machine.</summary>
    public string Path { get; }

    /// <summary>Data, or anything else: a file, or a folder with all in it.</summary>
    /// <exception cref="UsageException">The place needs spark-submit.</exception>
    /// <exception cref="RawDL.Spark.JavaException">It could not be read.</exception>
    public static SparkFiles Local(string path) => SparkPlace.IsRemote(path) ? Copy(path) : new SparkFiles(SparkPlace.WithoutScheme(path), null);

    /// <summary>The model at a place: the file itself, or of a run's folder the final one, else that of the best evaluation, else what the folder has.</summary>
    public static SparkFiles LocalModel(string path)
    {
        if (!SparkPlace.IsRemote(path)) return Local(path);
        using var files = SparkPlace.Require(path).OpenFiles();
        var folder = path.TrimEnd('/');
        foreach (var name in (string[])["model.safetensors", "checkpoints/best.safetensors"])
            if (files.Exists($"{folder}/{name}")) return Copy($"{folder}/{name}");
        return Copy(path);
    }

    public void Dispose()
    {
        if (_temporary is not null) Directory.Delete(_temporary, recursive: true);
    }

    private static SparkFiles Copy(string path)
    {
        using var files = SparkPlace.Require(path).OpenFiles();
        if (!files.Exists(path)) throw new RawFileException(path, null, "expected a file or a folder, got nothing at this path");
        var folder = Directory.CreateTempSubdirectory("rawdl-copy-").FullName;
        try
        {
            // The name stays, as the data set is called so; a place such as hdfs://host/ has none.
            var name = System.IO.Path.GetFileName(path.TrimEnd('/'));
            var local = System.IO.Path.Combine(folder, name is "" or "." or ".." || name.IndexOfAny(System.IO.Path.GetInvalidFileNameChars()) >= 0 ? "data" : name);
            files.DownloadAll(path, local);
            return new SparkFiles(local, folder);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }
}
