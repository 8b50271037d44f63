using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>How a run ended.</summary>
public enum RunStatus
{
    /// <summary>All steps were done.</summary>
    Completed,

    /// <summary>A rule of early stopping ended it.</summary>
    EarlyStopped,

    /// <summary>The caller cancelled it; a checkpoint holds the state, a resume goes on.</summary>
    Interrupted,
}

/// <summary>The outcome of a run.</summary>
public sealed record TrainerResult
{
    /// <summary>How it ended.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Which rule stopped it, one line; null when all steps were done.</summary>
    public required string? StopReason { get; init; }

    /// <summary>The final parameters on the test data; null when interrupted before any evaluation of them.</summary>
    public required Evaluation? Evaluation { get; init; }

    /// <summary>The best evaluation of the run: highest accuracy, for regression lowest loss; null when there was none.</summary>
    public required LossPoint? Best { get; init; }

    /// <summary>Optimizer steps done, those before a resume counted.</summary>
    public required long Step { get; init; }

    /// <summary>Whole epochs done.</summary>
    public required int Epochs { get; init; }

    /// <summary>Wall time of the run, those before a resume counted, seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Time spent in training steps, those before a resume counted, seconds.</summary>
    public required double TrainingSeconds { get; init; }

    /// <summary>Training samples per training second.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>SHA-256 of the flat float32 parameter values, hexadecimal.</summary>
    public required string ParametersSha256 { get; init; }

    /// <summary>Trained values.</summary>
    public required int Parameters { get; init; }

    /// <summary>Number of ranks.</summary>
    public required int WorldSize { get; init; }

    /// <summary>Name and description of the device.</summary>
    public required string Device { get; init; }

    /// <summary>Name of the training data.</summary>
    public required string Data { get; init; }

    /// <summary>What was run, every default written out.</summary>
    public required TrainingConfiguration Configuration { get; init; }

    /// <summary>What communication cost; null for one rank.</summary>
    public CommunicationReport? Communication { get; init; }

    /// <summary>The learning curves.</summary>
    public required LossHistory History { get; init; }

    /// <summary>Writes the outcome as one object, the content of summary.json. What is undefined is null.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteString("status", Status switch { RunStatus.Completed => "completed", RunStatus.EarlyStopped => "early_stopped", _ => "interrupted" });
        if (StopReason is not null) json.WriteString("stop_reason", StopReason);
        NN.Evaluation.WriteNumber(json, "accuracy", Evaluation?.Accuracy ?? double.NaN);
        NN.Evaluation.WriteNumber(json, "loss", Evaluation?.Loss ?? double.NaN);
        NN.Evaluation.WriteNumber(json, "best_accuracy", Best?.Accuracy ?? double.NaN);
        NN.Evaluation.WriteNumber(json, "best_loss", Best?.Loss ?? double.NaN);
        json.WriteNumber("images_per_second", Math.Round(ImagesPerSecond, 1));
        json.WriteNumber("seconds", Math.Round(Seconds, 3));
        json.WriteNumber("training_seconds", Math.Round(TrainingSeconds, 3));
        json.WriteNumber("epochs", Epochs);
        json.WriteNumber("steps", Step);
        json.WriteNumber("parameters", Parameters);
        json.WriteString("parameters_sha256", ParametersSha256);
        json.WriteNumber("seed", Configuration.Seed);
        json.WriteNumber("world_size", WorldSize);
        json.WriteString("device", Device);
        json.WriteString("data", Data);
        if (Communication is not null)
        {
            json.WritePropertyName("communication");
            Communication.Write(json);
        }
        json.WritePropertyName("configuration");
        Configuration.WriteJson(json);
        json.WriteEndObject();
    }

    /// <summary>The outcome for people: the scores, and what the run was.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        if (Evaluation is not null) text.Append(Evaluation.ToText()).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"Network:     {Configuration.Name}, {Parameters:N0} parameters, on {Data}\n");
        text.Append(CultureInfo.InvariantCulture, $"Training:    {Epochs} epochs, {Step:N0} steps, {Seconds:F1} s, {ImagesPerSecond:N0} images/s\n");
        if (StopReason is not null) text.Append("Stopped by:  ").Append(StopReason).Append('\n');
        text.Append("Device:      ").Append(Device).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"Seed:        {Configuration.Seed}\n");
        text.Append("Parameters:  SHA-256 ").Append(ParametersSha256).Append('\n');
        if (Communication is not null) text.Append(Communication.ToText());
        return text.ToString();
    }

    internal void Save(RunFolder folder)
    {
        Durable.WriteAllBytes(folder.SummaryPath, (byte[])[.. JsonBytes.Of(WriteJson, ConfigurationJson.Indented), (byte)'\n']);
        Durable.WriteAllBytes(folder.ReportPath, Encoding.UTF8.GetBytes(ToText()));
    }
}
