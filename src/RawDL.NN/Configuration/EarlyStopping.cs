using System.Text.Json;

namespace RawDL.NN;

/// <summary>When a run ends before its last step. Looked at after each evaluation, the time after each step.</summary>
public sealed record EarlyStopping
{
    /// <summary>Evaluations in a row without a smaller loss before the run ends; 0 for never.</summary>
    public int Patience { get; init; }

    /// <summary>How much smaller a loss must be to count, ≥ 0.</summary>
    public float MinimumImprovement { get; init; }

    /// <summary>Accuracy at which the run ends, 0 to 1; null for never.</summary>
    public float? TargetAccuracy { get; init; }

    /// <summary>Wall time after which the run ends, seconds; null for never.</summary>
    public float? MaximumSeconds { get; init; }

    internal static EarlyStopping Read(ConfigurationObject source)
    {
        var stopping = new EarlyStopping
        {
            Patience = source.Integer("patience", 0, 0),
            MinimumImprovement = source.Number("minimum_improvement", 0, 0),
            TargetAccuracy = source.OptionalNumber("target_accuracy", 0, 1),
            MaximumSeconds = source.OptionalNumber("maximum_seconds", 0),
        };
        source.End();
        return stopping;
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("early_stopping");
        json.WriteNumber("patience", Patience);
        json.WriteNumber("minimum_improvement", MinimumImprovement);
        if (TargetAccuracy is { } accuracy) json.WriteNumber("target_accuracy", accuracy);
        if (MaximumSeconds is { } seconds) json.WriteNumber("maximum_seconds", seconds);
        json.WriteEndObject();
    }
}
