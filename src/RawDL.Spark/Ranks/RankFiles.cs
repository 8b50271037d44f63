using System.Globalization;

namespace RawDL.Spark;

/// <summary>The files of a run that travel, by names that are known; nothing else is read or written on either side.</summary>
internal static class RankFiles
{
    internal const string Configuration = "config.json", Metrics = "metrics.jsonl", Checkpoints = "checkpoints", Trace = "trace.json";
    private const string StepPrefix = $"{Checkpoints}/step-", Best = $"{Checkpoints}/best.safetensors", Extension = ".safetensors";
    private const int StepDigits = 10;

    /// <summary>Whole as soon as they are there.</summary>
    internal static readonly string[] Committed = [Best, "model.safetensors", "summary.json", "report.txt"];

    /// <summary>Whole when the run has ended.</summary>
    internal static readonly string[] Final = ["confusion.png", "loss.png", Trace];

    /// <summary>The name of a periodic checkpoint.</summary>
    internal static string Step(long step) => string.Create(CultureInfo.InvariantCulture, $"{StepPrefix}{step:D10}{Extension}");

    internal static bool IsStep(string name) =>
        name.Length >= StepPrefix.Length + StepDigits + Extension.Length && name.StartsWith(StepPrefix, StringComparison.Ordinal) && name.EndsWith(Extension, StringComparison.Ordinal)
        && long.TryParse(name.AsSpan(StepPrefix.Length, name.Length - StepPrefix.Length - Extension.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step) && name == Step(step);

    /// <summary>The name, if it is one of these.</summary>
    /// <exception cref="SparkProtocolException">It is not.</exception>
    internal static string Check(string name) => Committed.Contains(name) || Final.Contains(name) || name == Metrics || IsStep(name)
        ? name
        : throw new SparkProtocolException($"ranks: expected a file of a run, got {NN.RawFileException.Quote(name)}");
}
