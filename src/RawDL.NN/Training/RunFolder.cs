using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>
/// What a run leaves: config.json, model.safetensors, checkpoints/step-N.safetensors and best.safetensors, metrics.jsonl, summary.json, report.txt.
/// One process at a time works in it.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string StepPrefix = "step-", Extension = ".safetensors";

    /// <summary>How long a folder in use is asked for again: a killed process lets it go only when the system has taken its memory back.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly FileStream _lock;

    private RunFolder(string path, FileStream held, bool resumed) => (Path, _lock, IsResumed) = (path, held, resumed);

    /// <summary>The folder, as given.</summary>
    public string Path { get; }

    /// <summary>True when it holds a run that goes on.</summary>
    public bool IsResumed { get; }

    /// <summary>The final parameters.</summary>
    public string ModelPath => In("model.safetensors");

    /// <summary>The parameters of the best evaluation.</summary>
    public string BestPath => In(System.IO.Path.Combine("checkpoints", "best.safetensors"));

    /// <summary>The outcome as JSON.</summary>
    public string SummaryPath => In("summary.json");

    /// <summary>One line of JSON per epoch, per evaluation, and with several ranks per round.</summary>
    public string MetricsPath => In("metrics.jsonl");

    /// <summary>The outcome as text.</summary>
    public string ReportPath => In("report.txt");

    /// <summary>Begins a run in a new folder or an empty one, and writes its configuration.</summary>
    /// <exception cref="RunFolderException">The folder holds something.</exception>
    /// <exception cref="IOException">It could not be made.</exception>
    public static RunFolder Create(string path, TrainingConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (File.Exists(path)) throw new RunFolderException($"{path}: expected a folder for the run, got a file.");
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => !System.IO.Path.GetFileName(entry).StartsWith('.')))
        {
            throw new RunFolderException(File.Exists(System.IO.Path.Combine(path, "config.json"))
                ? $"{path}: expected a new folder, got one with a run; go on with it by --resume, or choose another --out."
                : $"{path}: expected a new or empty folder for the run, got one with other files.");
        }
        Durable.CreateDirectory(System.IO.Path.Combine(path, "checkpoints"));
        var folder = new RunFolder(path, Lock(path), resumed: false);
        Durable.WriteAllBytes(folder.In("config.json"), Encoding.UTF8.GetBytes(configuration.ToJson() + "\n"));
        return folder;
    }

    /// <summary>Opens the folder of a run to go on with it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="configuration">The run's own configuration.</param>
    /// <exception cref="RunFolderException">There is no run in it, or another process works on it.</exception>
    /// <exception cref="ConfigurationException">Its configuration is damaged.</exception>
    public static RunFolder Resume(string path, out TrainingConfiguration configuration)
    {
        var file = System.IO.Path.Combine(path, "config.json");
        if (!File.Exists(file)) throw new RunFolderException($"{path}: expected the folder of a run with a config.json, got {(Directory.Exists(path) ? "a folder without" : "no such folder")}.");
        configuration = TrainingConfiguration.Read(file);
        return new RunFolder(path, Lock(path), resumed: true);
    }

    /// <summary>The model in the folder of a run: the final one, else that of the best evaluation, else the newest checkpoint.</summary>
    /// <exception cref="RawFileException">There is none.</exception>
    public static string FindModel(string path)
    {
        foreach (var name in (string[])["model.safetensors", System.IO.Path.Combine("checkpoints", "best.safetensors")])
            if (File.Exists(System.IO.Path.Combine(path, name))) return System.IO.Path.Combine(path, name);
        return CheckpointSteps(path) is [var newest, ..] ? CheckpointPath(path, newest)
            : throw new RawFileException(path, null, "expected a model.safetensors or a checkpoint in the folder, got none");
    }

    /// <summary>Lets another process in.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>The path of a file of the run.</summary>
    public string In(string name) => System.IO.Path.Combine(Path, name);

    internal string CheckpointPath(long step) => CheckpointPath(Path, step);

    /// <summary>Steps of the periodic checkpoints, newest first.</summary>
    internal List<long> CheckpointSteps() => CheckpointSteps(Path);

    private static string CheckpointPath(string path, long step) =>
        System.IO.Path.Combine(path, "checkpoints", string.Create(CultureInfo.InvariantCulture, $"{StepPrefix}{step:D10}{Extension}"));

    private static List<long> CheckpointSteps(string path)
    {
        var steps = new List<long>();
        var folder = System.IO.Path.Combine(path, "checkpoints");
        if (!Directory.Exists(folder)) return steps;
        foreach (var file in Directory.EnumerateFiles(folder, StepPrefix + "*" + Extension))
        {
            var name = System.IO.Path.GetFileNameWithoutExtension(file.AsSpan())[StepPrefix.Length..];
            if (long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var step)) steps.Add(step);
        }
        steps.Sort((a, b) => b.CompareTo(a));
        return steps;
    }

    /// <summary>Deletes the older periodic checkpoints.</summary>
    internal void Prune(int keep)
    {
        var steps = CheckpointSteps();
        for (var i = keep; i < steps.Count; i++) File.Delete(CheckpointPath(steps[i]));
    }

    /// <summary>Appends lines of JSON.</summary>
    internal void AddMetrics(IReadOnlyList<Action<Utf8JsonWriter>> lines)
    {
        using var stream = new FileStream(MetricsPath, FileMode.Append, FileAccess.Write, FileShare.Read);
        foreach (var line in lines) stream.Write([.. JsonBytes.Of(line), (byte)'\n']);
    }

    /// <summary>Drops the lines after a step: the run goes on from there and writes them again. A line cut by a crash goes too.</summary>
    internal void CutMetrics(long step)
    {
        if (!File.Exists(MetricsPath)) return;
        var kept = new StringBuilder();
        foreach (var line in File.ReadLines(MetricsPath))
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                if (document.RootElement.GetProperty("step").GetInt64() <= step) kept.Append(line).Append('\n');
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
            {
                break;
            }
        }
        Durable.WriteAllBytes(MetricsPath, Encoding.UTF8.GetBytes(kept.ToString()));
    }

    private static FileStream Lock(string path)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(System.IO.Path.Combine(path, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e)
            {
                if (Stopwatch.GetElapsedTime(started) > Patience) throw new RunFolderException($"{path}: expected a run that no other process works on, got one in use ({e.Message})");
                Thread.Sleep(20);
            }
        }
    }
}
