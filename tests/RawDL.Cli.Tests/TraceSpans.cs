using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary>What a file of --trace holds.</summary>
internal static class TraceSpans
{
    /// <summary>The names of the spans of each process.</summary>
    public static Dictionary<string, string[]> Read(string path)
    {
        using var trace = JsonDocument.Parse(File.ReadAllBytes(path));
        var events = trace.RootElement.GetProperty("traceEvents").EnumerateArray().ToLookup(e => (e.GetProperty("ph").GetString(), e.GetProperty("pid").GetInt32()));
        return events.Where(process => process.Key.Item1 == "M").ToDictionary(process => process.Single().GetProperty("args").GetProperty("name").GetString()!,
            process => events[("X", process.Key.Item2)].Select(span => span.GetProperty("name").GetString()!).ToArray());
    }
}
