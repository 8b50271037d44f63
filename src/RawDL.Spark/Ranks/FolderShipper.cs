namespace RawDL.Spark;

/// <summary>Sends the files of a run to the driver as they appear, from a thread of its own: of the periodic checkpoints the newest one, and of the metrics what is new.</summary>
internal sealed class FolderShipper
{
    private const int MostAppended = 1 << 20;
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(200);
    private readonly string _folder;
    private readonly RankUplink _uplink;
    private readonly ManualResetEventSlim _ending = new();
    private readonly Dictionary<string, (DateTime Written, long Length)> _sent = [];
    private readonly Thread _thread;
    private string _newestStep;
    private long _metrics;
    private bool _isOver;

    /// <param name="folder">The run's.</param>
    /// <param name="uplink">Where to.</param>
    internal FolderShipper(string folder, RankUplink uplink)
    {
        (_folder, _uplink) = (folder, uplink);
        // What was laid out for the run is the driver's own. The run cuts the metrics to the same length, and from there on they only grow.
        _newestStep = NewestStep();
        _metrics = new FileInfo(Path.Combine(folder, RankFiles.Metrics)) is { Exists: true } metrics ? metrics.Length : 0;
        _thread = new Thread(Run) { IsBackground = true, Name = "rawdl-rank-files" };
        _thread.Start();
    }

    /// <summary>After the run's end: sends what is left.</summary>
    internal void Finish()
    {
        _ending.Set();
        _thread.Join();
        _isOver = true;
        Ship();
    }

    private void Run()
    {
        while (!_ending.Wait(s_period) && !_uplink.IsLost) Ship();
    }

    private void Ship()
    {
        try
        {
            ShipNew();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _uplink.Line($"warning: files of the run: {exception.Message}");
        }
    }

    private void ShipNew()
    {
        if (NewestStep() is var step && string.CompareOrdinal(step, _newestStep) > 0 && Send(step)) _newestStep = step;
        foreach (var name in _isOver ? [.. RankFiles.Committed, .. RankFiles.Final] : RankFiles.Committed) Send(name);
        ShipMetrics();
    }

    private string NewestStep()
    {
        var newest = "";
        foreach (var path in Directory.EnumerateFiles(Path.Combine(_folder, RankFiles.Checkpoints)))
        {
            var name = $"{RankFiles.Checkpoints}/{Path.GetFileName(path)}";
            if (RankFiles.IsStep(name) && string.CompareOrdinal(name, newest) > 0) newest = name;
        }
        return newest;
    }

    private bool Send(string name)
    {
        var file = new FileInfo(Path.Combine(_folder, name));
        if (!file.Exists || _sent.GetValueOrDefault(name) == (file.LastWriteTimeUtc, file.Length)) return false;
        try
        {
            using var content = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            _uplink.File(name, content);
        }
        catch (FileNotFoundException)
        {
            return false;   // Pruned meanwhile: there is a newer one.
        }
        _sent[name] = (file.LastWriteTimeUtc, file.Length);
        return true;
    }

    // The last line may still be on its way.
    private void ShipMetrics()
    {
        var path = Path.Combine(_folder, RankFiles.Metrics);
        if (!File.Exists(path)) return;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        while (file.Length > _metrics)
        {
            var piece = new byte[Math.Min(MostAppended, file.Length - _metrics)];
            file.Position = _metrics;
            var end = piece.AsSpan(0, file.ReadAtLeast(piece, piece.Length, throwOnEndOfStream: false)).LastIndexOf((byte)'\n') + 1;
            if (end == 0) return;
            _uplink.Append(RankFiles.Metrics, _metrics, piece.AsSpan(0, end));
            _metrics += end;
        }
    }
}
