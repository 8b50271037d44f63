using System.Text.Json;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What a task that scores is told.</summary>
/// <param name="Kind">What it writes.</param>
/// <param name="Source">What messages call the rows.</param>
/// <param name="Model">The number of the broadcast with the model's file.</param>
/// <param name="Hash">SHA-256 of that file.</param>
/// <param name="Features">Columns of the sample, by their index.</param>
/// <param name="Label">The label's column; -1 without.</param>
/// <param name="Kept">Columns that pass through.</param>
/// <param name="BadRows">What becomes of rows that are no samples: with <see cref="NN.BadRows.LeaveOut"/> their predictions are null.</param>
internal sealed record ScoreCommand(ScoreKind Kind, string Source, long Model, string Hash, int[] Features, int Label, int[] Kept, BadRows BadRows)
{
    private const int MaximumColumns = 65_536;

    internal byte[] Encode() => JsonBytes.Of(json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("predict", Kind == ScoreKind.Predict);
        json.WriteString("source", Source);
        json.WriteNumber("model", Model);
        json.WriteString("hash", Hash);
        json.WriteIntegers("features", Features);
        json.WriteNumber("label", Label);
        json.WriteIntegers("kept", Kept);
        json.WriteBoolean("leave_out", BadRows == BadRows.LeaveOut);
        json.WriteEndObject();
    });

    /// <exception cref="SparkProtocolException">The bytes are no such command.</exception>
    internal static ScoreCommand Decode(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            return new ScoreCommand(root.GetProperty("predict").GetBoolean() ? ScoreKind.Predict : ScoreKind.Evaluate, root.GetProperty("source").GetString() ?? "", root.GetProperty("model").GetInt64(),
                root.GetProperty("hash").GetString() ?? "", Numbers(root.GetProperty("features")), root.GetProperty("label").GetInt32(), Numbers(root.GetProperty("kept")),
                root.GetProperty("leave_out").GetBoolean() ? BadRows.LeaveOut : BadRows.Fail);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new SparkProtocolException($"score: expected its command, got: {e.Message}", e);
        }
    }

    private static int[] Numbers(JsonElement array) =>
        array.GetArrayLength() <= MaximumColumns ? [.. array.EnumerateArray().Select(number => number.GetInt32())] : throw new SparkProtocolException($"score: expected at most {MaximumColumns} columns, got {array.GetArrayLength()}");
}

/// <summary>What a task that scores writes.</summary>
internal enum ScoreKind
{
    /// <summary>Every row with what the model says of it.</summary>
    Predict,

    /// <summary>One row with the partition's counts.</summary>
    Evaluate,
}
