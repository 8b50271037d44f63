namespace RawDL.Spark;

/// <summary>Files on hdfs:// and every other file system that Hadoop reaches, through the driver's JVM. Content passes through a local file, not through commands, so size does not matter.</summary>
public sealed class HadoopFiles : IDisposable
{
    private const string Package = "org.apache.hadoop.fs.", InputOutput = "org.apache.hadoop.io.IOUtils";
    private const int CopyBuffer = 1 << 16;
    private readonly SparkContext _spark;
    private readonly JavaObject _configuration;

    private readonly Py4JConnection _jvm;
    private readonly bool _ownsConnection;

    internal HadoopFiles(SparkContext spark, Py4JConnection? own)
    {
        (_spark, _jvm, _ownsConnection) = (spark, own ?? spark.Jvm, own is not null);
        _configuration = spark.Java.On(_jvm).CallObject("hadoopConfiguration");
    }

    /// <summary>True if there is a file or folder.</summary>
    public bool Exists(string path)
    {
        using var target = Open(path);
        return target.System.Call("exists", target.Path).Boolean;
    }

    /// <summary>True if there is a folder.</summary>
    public bool IsFolder(string path)
    {
        using var target = Open(path);
        return target.System.Call("isDirectory", target.Path).Boolean;
    }

    /// <summary>Removes a file, or a folder with all in it; false if there is none.</summary>
    public bool Delete(string path)
    {
        using var target = Open(path);
        return target.System.Call("delete", target.Path, true).Boolean;
    }

    /// <summary>Makes a folder and those above it.</summary>
    public void CreateFolder(string path)
    {
        using var target = Open(path);
        if (!target.System.Call("mkdirs", target.Path).Boolean) throw new IOException($"{path}: expected a new folder, got none");
    }

    /// <summary>What a folder holds, sorted by path.</summary>
    public List<HadoopFile> List(string path)
    {
        using var target = Open(path);
        using var entries = target.System.CallObject("listStatus", target.Path);
        var files = new List<HadoopFile>();
        foreach (var element in entries.Elements())
        {
            using var entry = element.Object;
            using var name = entry.CallObject("getPath");
            files.Add(new HadoopFile(name.Call("toString").Text, entry.Call("getLen").Long, entry.Call("isDirectory").Boolean,
                DateTime.UnixEpoch.AddMilliseconds(entry.Call("getModificationTime").Long)));
        }
        files.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return files;
    }

    /// <summary>Gives a file another name in place of what had it, in one step where the file system can.</summary>
    public void Replace(string source, string destination)
    {
        using var from = _jvm.New($"{Package}Path", source);
        using var to = _jvm.New($"{Package}Path", destination);
        using var place = to.CallObject("toUri");
        try
        {
            using var context = _jvm.Static($"{Package}FileContext", "getFileContext", place, _configuration).Object;
            using var overwrite = _jvm.Static($"{Package}Options$Rename", "valueOf", "OVERWRITE").Object;
            using var options = _jvm.NewArray($"{Package}Options$Rename", overwrite);
            context.CallVoid("rename", from, to, options);
        }
        catch (JavaException missing) when (missing.ClassName.EndsWith("UnsupportedFileSystemException", StringComparison.Ordinal))
        {
            Delete(destination);
            using var target = Open(destination);
            if (!target.System.Call("rename", from, to).Boolean) throw new IOException($"{destination}: expected a new name for {source}, got a refusal of the file system");
        }
    }

    /// <summary>Copies a local file there, overwriting, and waits until the file system says that it is safe.</summary>
    public void Upload(string localPath, string path)
    {
        using var target = Open(path);
        using var input = _jvm.New("java.io.FileInputStream", Path.GetFullPath(localPath));
        using var output = target.System.CallObject("create", target.Path, true);
        try
        {
            _jvm.Static(InputOutput, "copyBytes", input, output, CopyBuffer, false);
            output.CallVoid("hsync");
        }
        finally
        {
            input.CallVoid("close");
            output.CallVoid("close");
        }
    }

    /// <summary>Copies a file to a local one, overwriting.</summary>
    public void Download(string path, string localPath)
    {
        using var target = Open(path);
        using var input = target.System.CallObject("open", target.Path);
        using var output = _jvm.New("java.io.FileOutputStream", Path.GetFullPath(localPath));
        try
        {
            _jvm.Static(InputOutput, "copyBytes", input, output, CopyBuffer, false);
        }
        finally
        {
            input.CallVoid("close");
            output.CallVoid("close");
        }
    }

    /// <summary>Copies a file, or a folder with all in it, to a local path where nothing is.</summary>
    public void DownloadAll(string path, string localPath)
    {
        using var target = Open(path);
        using var local = _spark.Jvm.New($"{Package}Path", new Uri(Path.GetFullPath(localPath)).AbsoluteUri);
        // The last argument leaves out Hadoop's checksum files.
        target.System.CallVoid("copyToLocalFile", false, target.Path, local, true);
    }

    /// <summary>Writes a whole file under another name, then replaces: readers see the old or the new content.</summary>
    public void Write(string path, ReadOnlySpan<byte> content)
    {
        var local = _spark.TemporaryPath();
        try
        {
            using (var file = SparkContext.Create(local)) file.Write(content);
            var partial = $"{path}.{Guid.NewGuid():N}.part";
            Upload(local, partial);
            Replace(partial, path);
        }
        finally
        {
            File.Delete(local);
        }
    }

    /// <summary>Reads a whole file.</summary>
    public byte[] Read(string path)
    {
        var local = _spark.TemporaryPath();
        try
        {
            Download(path, local);
            return File.ReadAllBytes(local);
        }
        finally
        {
            File.Delete(local);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _configuration.Dispose();
        if (_ownsConnection) _jvm.Dispose();
    }

    private Place Open(string path)
    {
        var name = _jvm.New($"{Package}Path", path);
        try
        {
            return new Place(name, name.CallObject("getFileSystem", _configuration));
        }
        catch
        {
            name.Dispose();
            throw;
        }
    }

    private readonly record struct Place(JavaObject Path, JavaObject System) : IDisposable
    {
        public void Dispose()
        {
            System.Dispose();
            Path.Dispose();
        }
    }
}
