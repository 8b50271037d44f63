namespace RawDL.Cli;

/// <summary>The file of --trace. One on hdfs:// or another file system of Hadoop is written on this machine, and copied whole in the end.</summary>
internal sealed class TraceFile : IDisposable
{
    private readonly string _path;
    private readonly IRemoteFiles? _files;

    private TraceFile(string path, IRemoteFiles? files) => (_path, _files, LocalPath) = (path, files, files is null ? path : Path.GetTempFileName());

    /// <summary>Where the run writes it.</summary>
    public string LocalPath { get; }

    /// <summary>Refuses a file that could not be written in the end.</summary>
    /// <param name="path">The file, or null.</param>
    /// <param name="run">The folder of the run, which may not be there yet, or null.</param>
    /// <exception cref="UsageException">It is a folder, or only a Spark application can reach it.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static TraceFile? Open(string? path, string? run)
    {
        if (path is null) return null;
        if (RemoteFolder.IsRemote(path)) return Open(new RemoteFiles(RemoteFolder.Application("--trace", "file", path).OpenFiles(own: true)), path);
        if (Directory.Exists(path)) throw Folder(path);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (Directory.Exists(folder) || run is null || folder != Path.TrimEndingDirectorySeparator(Path.GetFullPath(run))) Probe(path, folder);
        return new TraceFile(path, null);
    }

    /// <summary>As the public form, on any files.</summary>
    public static TraceFile Open(IRemoteFiles files, string path)
    {
        var trace = new TraceFile(path, files);
        try
        {
            if (files.IsFolder(path)) throw Folder(path);
            var probe = RemoteFolder.PartialOf(path);
            files.Upload(trace.LocalPath, probe);
            files.Delete(probe);
            return trace;
        }
        catch
        {
            trace.Dispose();
            throw;
        }
    }

    /// <summary>Copies it to another file system, if it was written.</summary>
    /// <exception cref="IOException">The file system refuses; what was there before is untouched.</exception>
    public void Mirror()
    {
        if (_files is not null && new FileInfo(LocalPath).Length > 0) RemoteFolder.Copy(_files, LocalPath, _path);
    }

    /// <summary>Removes the local copy of a file that is elsewhere.</summary>
    public void Dispose()
    {
        if (_files is null) return;
        _files.Dispose();
        File.Delete(LocalPath);
    }

    private static UsageException Folder(string path) => new($"--trace: expected a file, got the folder {Message.Quote(path)}.");

    private static void Probe(string path, string folder)
    {
        try
        {
            File.OpenHandle(Path.Combine(folder, $".rawdl-{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"--trace: expected a file that can be written, got {Message.Quote(path)}: {refused.Message}", refused);
        }
    }
}
