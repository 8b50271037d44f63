namespace RawDL.Cli;

/// <summary>Spark's files of settings: a key and a value on each line, apart by spaces or an equals sign, # before comments.</summary>
internal static class SparkProperties
{
    private const int MaximumBytes = 1 << 20;

    /// <summary>What a file says; nothing if it is not there.</summary>
    public static IReadOnlyDictionary<string, string> Read(string path)
    {
        var settings = new Dictionary<string, string>();
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > MaximumBytes) return settings;
            foreach (var line in File.ReadLines(path))
            {
                var text = line.Trim();
                var end = text.AsSpan().IndexOfAny(" \t=:");
                if (text.Length > 0 && text[0] is not ('#' or '!') && end > 0) settings[text[..end]] = text[end..].TrimStart(' ', '\t', '=', ':');
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            // Spark says so better.
        }
        return settings;
    }
}
