using System.Diagnostics;
using System.Text.Json;
using RawDL.Spark;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary>What Spark tells of a stream, a line a batch, and the sums.</summary>
internal sealed class StreamProgress(Session session)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _last = -1;
    private long _rows;
    private int _batches;

    private double Seconds => Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Says what is new.</summary>
    public void Show(StreamingQuery query)
    {
        foreach (var text in query.Progress())
        {
            using var document = JsonDocument.Parse(text);
            var progress = document.RootElement;
            var (batch, rows) = (progress.GetProperty("batchId").GetInt64(), progress.GetProperty("numInputRows").GetInt64());
            // While nothing comes, Spark tells the number of the batch to come, without rows.
            if (batch <= _last || rows == 0) continue;
            (_last, _rows, _batches) = (batch, _rows + rows, _batches + 1);
            var rate = progress.TryGetProperty("processedRowsPerSecond", out var number) && number.ValueKind == JsonValueKind.Number ? number.GetDouble() : 0;
            session.Say(Invariant($"batch {batch}: {rows} rows, {rate:F0} rows/s"));
        }
    }

    public string ToText(string place) => Invariant($"{_rows} rows in {_batches} batches to {place}, {Seconds:F1} s");

    public void WriteJson(Utf8JsonWriter json, string place)
    {
        json.WriteStartObject();
        json.WriteString("to", place);
        json.WriteNumber("batches", _batches);
        json.WriteNumber("rows", _rows);
        json.WriteNumber("seconds", Math.Round(Seconds, 3));
        json.WriteNumber("rows_per_second", Math.Round(_rows / Seconds, 1));
        json.WriteEndObject();
    }
}
