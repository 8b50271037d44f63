using System.Globalization;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>
/// The files of a folder that a stream of Spark has written whole, by the log in _spark_metadata: one file a batch, N or N.compact (all up to N), each a line v1 and
/// then a JSON object a line. Other files there are leftovers of a batch that was cut off and written again.
/// Source: FileStreamSinkLog.scala and CompactibleFileStreamLog.scala of Apache Spark 3.5.
/// </summary>
internal static class SparkSinkLog
{
    private const string Folder = "_spark_metadata", Compact = ".compact", Version = "v1";

    /// <summary>Names of the files, or null for a folder without a log.</summary>
    /// <exception cref="RawFileException">The log is damaged.</exception>
    public static HashSet<string>? Read(string folder)
    {
        var log = Path.Combine(folder, Folder);
        if (!Directory.Exists(log)) return null;
        var batches = new List<(long Batch, bool IsCompact, string Path)>();
        foreach (var path in Directory.GetFiles(log))
        {
            var name = Path.GetFileName(path);
            var isCompact = name.EndsWith(Compact, StringComparison.Ordinal);
            if (long.TryParse(isCompact ? name[..^Compact.Length] : name, NumberStyles.None, CultureInfo.InvariantCulture, out var batch)) batches.Add((batch, isCompact, path));
        }
        var whole = batches.Where(batch => batch.IsCompact).Select(batch => batch.Batch).DefaultIfEmpty(-1).Max();
        var files = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (batch, isCompact, path) in batches)
            if (batch > whole || (isCompact && batch == whole)) Add(path, files);
        return files;
    }

    private static void Add(string path, HashSet<string> files)
    {
        var lines = System.Text.Encoding.UTF8.GetString(InputFile.ReadAll(path)).Split('\n');
        if (lines[0] != Version) throw new RawFileException(path, 0, $"expected a log of version {Version}, got {RawFileException.Quote(lines[0])}");
        foreach (var line in lines.Skip(1).Where(line => line.Length > 0))
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                var file = document.RootElement.GetProperty("path").GetString() ?? "";
                files.Add(Uri.UnescapeDataString(file[(file.LastIndexOf('/') + 1)..]));
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                throw new RawFileException(path, null, $"expected a JSON object with a path a line, got: {e.Message}", e);
            }
        }
    }
}
