using System.Text.Json;

namespace RawDL.NN;

/// <summary>What a run has to remember besides parameters and optimizer: its counters, the best so far, and its curves.</summary>
internal sealed class RunState
{
    public long Step;

    /// <summary>Whole epochs done, and samples of the next one that the ranks have trained on together.</summary>
    public int Epoch, Position;

    /// <summary>Rounds of averaging done, and the steps of the next one where the period adapts itself.</summary>
    public long Round;
    public int AdaptedPeriod = 1;

    /// <summary>What the ranks agreed on when they last met, the first also that the run was interrupted: not saved.</summary>
    public bool IsStopWanted, IsTimeOver;
    public double Seconds, TrainingSeconds, EpochSeconds;

    /// <summary>Samples trained on, in all and in the running epoch; loss sum of the latter.</summary>
    public long Samples, EpochSamples;
    public double EpochLossSum;

    /// <summary>Evaluations in a row without a smaller loss, and that loss.</summary>
    public int Stale;
    public double SmallestLoss = double.PositiveInfinity;

    /// <summary>The rule that ended the run, or null.</summary>
    public string? StopReason;
    public LossPoint? Best;
    public readonly LossHistory History = new();

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("step", Step);
        json.WriteNumber("epoch", Epoch);
        json.WriteNumber("position", Position);
        json.WriteNumber("round", Round);
        json.WriteNumber("adapted_period", AdaptedPeriod);
        json.WriteNumber("seconds", Seconds);
        json.WriteNumber("training_seconds", TrainingSeconds);
        json.WriteNumber("epoch_seconds", EpochSeconds);
        json.WriteNumber("samples", Samples);
        json.WriteNumber("epoch_samples", EpochSamples);
        json.WriteNumber("epoch_loss_sum", EpochLossSum);
        json.WriteNumber("stale", Stale);
        if (double.IsFinite(SmallestLoss)) json.WriteNumber("smallest_loss", SmallestLoss);
        if (StopReason is not null) json.WriteString("stop_reason", StopReason);
        WritePoints(json, "best", Best is { } best ? [best] : []);
        WritePoints(json, "training", History.Training);
        WritePoints(json, "evaluation", History.Evaluation);
        json.WriteEndObject();
    }

    public static RunState Read(JsonElement json)
    {
        var state = new RunState
        {
            Step = json.GetProperty("step").GetInt64(),
            Epoch = json.GetProperty("epoch").GetInt32(),
            Position = json.GetProperty("position").GetInt32(),
            Round = json.GetProperty("round").GetInt64(),
            AdaptedPeriod = json.GetProperty("adapted_period").GetInt32(),
            Seconds = json.GetProperty("seconds").GetDouble(),
            TrainingSeconds = json.GetProperty("training_seconds").GetDouble(),
            EpochSeconds = json.GetProperty("epoch_seconds").GetDouble(),
            Samples = json.GetProperty("samples").GetInt64(),
            EpochSamples = json.GetProperty("epoch_samples").GetInt64(),
            EpochLossSum = json.GetProperty("epoch_loss_sum").GetDouble(),
            Stale = json.GetProperty("stale").GetInt32(),
            SmallestLoss = json.TryGetProperty("smallest_loss", out var smallest) ? smallest.GetDouble() : double.PositiveInfinity,
            StopReason = json.TryGetProperty("stop_reason", out var reason) ? reason.GetString() : null,
        };
        foreach (var point in ReadPoints(json.GetProperty("best"))) state.Best = point;
        foreach (var point in ReadPoints(json.GetProperty("training"))) state.History.AddTraining(point);
        foreach (var point in ReadPoints(json.GetProperty("evaluation"))) state.History.AddEvaluation(point);
        if (state.Step < 0 || state.Epoch < 0 || state.Position < 0 || state.Round < 0)
            throw new FormatException($"expected step, epoch, position and round >= 0, got {state.Step}, {state.Epoch}, {state.Position} and {state.Round}");
        return state;
    }

    private static void WritePoints(Utf8JsonWriter json, string name, IReadOnlyList<LossPoint> points)
    {
        json.WriteStartArray(name);
        foreach (var point in points)
        {
            json.WriteStartArray();
            json.WriteNumberValue(point.Step);
            json.WriteNumberValue(point.Epoch);
            WriteValue(point.Loss);
            WriteValue(point.Accuracy);
            json.WriteEndArray();
        }
        json.WriteEndArray();

        // A loss overflows in a run that may recover; an accuracy is missing where there are no classes.
        void WriteValue(double value)
        {
            if (double.IsFinite(value)) json.WriteNumberValue(value);
            else json.WriteNullValue();
        }
    }

    private static IEnumerable<LossPoint> ReadPoints(JsonElement array)
    {
        foreach (var point in array.EnumerateArray())
        {
            if (point.GetArrayLength() != 4) throw new FormatException($"expected points of 4 numbers, got {point.GetArrayLength()}");
            yield return new LossPoint(point[0].GetInt64(), point[1].GetDouble(), Value(point[2]), Value(point[3]));
        }

        static double Value(JsonElement value) => value.ValueKind == JsonValueKind.Null ? double.NaN : value.GetDouble();
    }
}
