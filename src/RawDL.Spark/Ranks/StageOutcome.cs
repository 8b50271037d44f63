using System.Text.Json;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What a task tells the driver of its attempt.</summary>
/// <param name="Kind">How it ended.</param>
/// <param name="Code">The exit code of the rank that ended first, if it is known.</param>
/// <param name="Reason">In one line; empty after a good end.</param>
internal sealed record StageOutcome(StageOutcomeKind Kind, int? Code, string Reason)
{
    internal byte[] Encode() => JsonBytes.Of(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("kind", (int)Kind);
        if (Code is { } code) json.WriteNumber("code", code);
        json.WriteString("reason", Reason);
        json.WriteEndObject();
    });

    internal static StageOutcome Decode(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            return new StageOutcome((StageOutcomeKind)root.GetProperty("kind").GetInt32(), root.TryGetProperty("code", out var code) ? code.GetInt32() : null, root.GetProperty("reason").GetString() ?? "");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new SparkProtocolException($"ranks: expected the outcome of a task, got: {exception.Message}", exception);
        }
    }
}

/// <summary>How an attempt ended.</summary>
internal enum StageOutcomeKind
{
    /// <summary>Rank 0's task says more; this one has nothing to add.</summary>
    Follows,

    /// <summary>All ranks ran, and ended by themselves.</summary>
    Ended,

    /// <summary>The ranks could not begin, and another attempt would not change that.</summary>
    Refused,
}
