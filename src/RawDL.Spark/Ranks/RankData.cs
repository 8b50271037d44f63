namespace RawDL.Spark;

/// <summary>Files with the content of broadcasts, one for all tasks of the process that hold it at a time.</summary>
internal sealed class RankData
{
    private readonly Dictionary<long, (string Path, int Holders)> _files = [];

    /// <summary>The file of a broadcast; gone when the last holder has left.</summary>
    internal string Take(TaskContext context, long broadcast)
    {
        lock (_files)
        {
            var (path, holders) = _files.GetValueOrDefault(broadcast);
            if (holders == 0)
            {
                path = Path.Combine(LocalFolder, $"rawdl-data-{Guid.NewGuid():N}.safetensors");
                using var file = SparkContext.Create(path);
                file.Write(context.Broadcast(broadcast).Span);
            }
            _files[broadcast] = (path, holders + 1);
            return path;
        }
    }

    internal void Leave(long broadcast)
    {
        lock (_files)
        {
            var (path, holders) = _files[broadcast];
            if (holders > 1)
            {
                _files[broadcast] = (path, holders - 1);
                return;
            }
            _files.Remove(broadcast);
            File.Delete(path);
        }
    }

    /// <summary>Where Spark itself keeps files of the application, and deletes what is left of them.</summary>
    internal static string LocalFolder =>
        (Environment.GetEnvironmentVariable("SPARK_LOCAL_DIRS") ?? "").Split(',', 2)[0] is { Length: > 0 } folder && Directory.Exists(folder) ? folder : Path.GetTempPath();
}
