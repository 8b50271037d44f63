using System.Text.RegularExpressions;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>
/// The folder of a run on hdfs:// or another file system of Hadoop. The run works in a local one, and what it has committed there is copied: each file under
/// another name first, safe on the other side, then renamed over the old one. A reader sees whole files only, and a checkpoint goes when a newer one is safe.
/// </summary>
internal sealed partial class RemoteFolder : IDisposable
{
    private const string Configuration = "config.json", Metrics = "metrics.jsonl", Checkpoints = "checkpoints", Partial = ".part";
    private const long MaximumConfigurationBytes = 1 << 20;
    private readonly IRemoteFiles _files;

    // What the other side holds of each local file: its length and time of change.
    private readonly Dictionary<string, (long, DateTime)> _copied = [];
    private bool _hasFolders;

    private RemoteFolder(IRemoteFiles files, string path) => (_files, Path, LocalPath) = (files, path.TrimEnd('/'), Directory.CreateTempSubdirectory("rawdl-run-").FullName);

    /// <summary>The folder, as a user names it.</summary>
    public string Path { get; }

    /// <summary>Where the run works; gone with this object.</summary>
    public string LocalPath { get; }

    /// <summary>True for a path with a scheme, such as hdfs://.</summary>
    public static bool IsRemote(string? path) => path is not null && SchemePattern().IsMatch(path);

    /// <summary>Opens a folder for a run: what a run there has left is fetched, to go on with it.</summary>
    /// <param name="spark">The application.</param>
    /// <param name="path">The folder.</param>
    /// <returns>Null for a path of this machine, or none.</returns>
    /// <exception cref="IOException">The file system refuses.</exception>
    public static RemoteFolder? Open(SparkContext spark, string? path) => IsRemote(path) ? Open(new RemoteFiles(spark.OpenFiles(own: true)), path!) : null;

    /// <summary>Opens the folder that --out or --resume names, in the application of this process.</summary>
    /// <param name="created">--out: a folder without a run.</param>
    /// <param name="resumed">--resume: the folder of a run.</param>
    /// <returns>Null where both are paths of this machine, or none.</returns>
    /// <exception cref="UsageException">spark-submit did not start this process.</exception>
    /// <exception cref="RunFolderException">There is a run already, or none to go on with.</exception>
    public static RemoteFolder? OpenRun(string? created, string? resumed)
    {
        if (!IsRemote(created) && !IsRemote(resumed)) return null;
        var (option, path) = resumed is null ? ("--out", created!) : ("--resume", resumed);
        if (!IsRemote(path)) return null;
        var folder = Open(Application(option, "folder", path), path)!;
        try
        {
            folder.Require(isRun: resumed is not null);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>The application that reaches a place.</summary>
    /// <exception cref="UsageException">spark-submit did not start this process.</exception>
    public static SparkContext Application(string option, string what, string path) => SparkJob.Current?.Context
        ?? throw new UsageException($"{option}: expected a {what} of this machine, got {Message.Quote(path)}, which only a Spark application can reach: rawdl submit -- train {option} …");

    /// <summary>As the public forms, on any files.</summary>
    public static RemoteFolder Open(IRemoteFiles files, string path)
    {
        var folder = new RemoteFolder(files, path);
        try
        {
            folder.Fetch();
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a folder that does not fit what is asked for.</summary>
    /// <exception cref="RunFolderException">There is a run already, or none to go on with.</exception>
    public void Require(bool isRun)
    {
        var found = File.Exists(System.IO.Path.Combine(LocalPath, Configuration));
        if (found && !isRun) throw new RunFolderException($"{Path}: expected a new folder, got one with a run; go on with it by --resume, or choose another --out.");
        if (!found && isRun) throw new RunFolderException($"{Path}: expected the folder of a run with a {Configuration}, got none.");
    }

    /// <summary>Copies what has changed since the last time.</summary>
    /// <exception cref="IOException">The file system refuses; what was there before is untouched.</exception>
    public void Mirror()
    {
        var local = Changed();
        if (local.Count == 0) return;
        if (!_hasFolders) _files.CreateFolder($"{Path}/{Checkpoints}");
        _hasFolders = true;
        foreach (var (name, state) in local)
        {
            Copy(_files, Local(name), $"{Path}/{name}");
            _copied[name] = state;
        }
        // Now that the newer ones are safe.
        foreach (var name in _copied.Keys.Where(name => !File.Exists(Local(name))).ToArray())
        {
            _files.Delete($"{Path}/{name}");
            _copied.Remove(name);
        }
    }

    /// <summary>Copies a file, whole.</summary>
    /// <exception cref="IOException">The file system refuses; what was there before is untouched.</exception>
    public static void Copy(IRemoteFiles files, string localPath, string path)
    {
        var partial = PartialOf(path);
        files.Upload(localPath, partial);
        files.Replace(partial, path);
    }

    /// <summary>A name beside a file for what is not whole yet.</summary>
    public static string PartialOf(string path)
    {
        var end = path.LastIndexOf('/') + 1;
        // Hadoop's readers skip names that begin with a dot.
        return $"{path[..end]}.{path[end..]}.{Guid.NewGuid():N}{Partial}";
    }

    /// <summary>Removes the local folder.</summary>
    public void Dispose()
    {
        _files.Dispose();
        try
        {
            Directory.Delete(LocalPath, recursive: true);
        }
        catch (Exception held) when (held is IOException or UnauthorizedAccessException)
        {
            // A temporary folder left behind harms nothing.
        }
    }

    // Lines that a checkpoint does not know are cut when a run goes on, so they may come before it but not after it; the summary says that all is there.
    private static int Order(string name) => name switch
    {
        Configuration => 0,
        Metrics => 1,
        _ when name.StartsWith(Checkpoints, StringComparison.Ordinal) => 2,
        "model.safetensors" => 3,
        "summary.json" => 5,
        _ => 4,
    };

    private List<(string Name, (long, DateTime) State)> Changed()
    {
        var changed = new List<(string Name, (long, DateTime) State)>();
        foreach (var folder in (string[])["", Checkpoints])
        {
            var place = new DirectoryInfo(Local(folder));
            if (!place.Exists) continue;
            foreach (var file in place.EnumerateFiles())
            {
                var name = folder.Length == 0 ? file.Name : $"{folder}/{file.Name}";
                var state = (file.Length, file.LastWriteTimeUtc);
                if (file.Name[0] != '.' && !(_copied.TryGetValue(name, out var before) && before == state)) changed.Add((name, state));
            }
        }
        changed.Sort((a, b) => (Order(a.Name), a.Name).CompareTo((Order(b.Name), b.Name)));
        return changed;
    }

    // The files that a run goes on from. Names come from outside: only those that a run gives are taken.
    private void Fetch()
    {
        if (!_files.Exists($"{Path}/{Configuration}")) return;
        Directory.CreateDirectory(Local(Checkpoints));
        var places = new List<(string Folder, IReadOnlyList<HadoopFile> Files)> { ("", _files.List(Path)) };
        if (_files.Exists($"{Path}/{Checkpoints}")) places.Add((Checkpoints, _files.List($"{Path}/{Checkpoints}")));
        foreach (var (folder, files) in places)
            foreach (var file in files)
            {
                if (file.IsFolder) continue;
                var name = file.Path[(file.Path.LastIndexOf('/') + 1)..];
                if (folder.Length == 0 ? name is not (Configuration or Metrics) : !CheckpointPattern().IsMatch(name)) continue;
                if (name == Configuration && file.Length > MaximumConfigurationBytes) throw new RunFolderException($"{Path}/{Configuration}: expected at most {MaximumConfigurationBytes} bytes of JSON, got {file.Length}.");
                var path = folder.Length == 0 ? name : $"{folder}/{name}";
                _files.Download($"{Path}/{path}", Local(path));
                var copy = new FileInfo(Local(path));
                _copied[path] = (copy.Length, copy.LastWriteTimeUtc);
            }
        _hasFolders = true;
    }

    private string Local(string name) => System.IO.Path.Combine(LocalPath, name);

    [GeneratedRegex("^(?!file:)[A-Za-z][A-Za-z0-9+.-]+:/", RegexOptions.CultureInvariant)]
    private static partial Regex SchemePattern();

    [GeneratedRegex(@"^(step-\d{1,19}|best)\.safetensors$", RegexOptions.CultureInvariant)]
    private static partial Regex CheckpointPattern();
}
