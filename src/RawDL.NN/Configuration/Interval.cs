using System.Text.Json;

namespace RawDL.NN;

/// <summary>How often something happens: every so many epochs, every so many steps, or both; 0 for never.</summary>
/// <param name="Epochs">Epochs from one to the next.</param>
/// <param name="Steps">Steps from one to the next.</param>
public readonly record struct Interval(int Epochs, int Steps)
{
    /// <summary>Whether it happens after a step.</summary>
    /// <param name="step">Steps done, from 1.</param>
    /// <param name="endedEpoch">The number, from 1, of the epoch that ended with the step; 0 where none did.</param>
    public bool IsDue(long step, int endedEpoch) => (Steps > 0 && step % Steps == 0) || (Epochs > 0 && endedEpoch > 0 && endedEpoch % Epochs == 0);

    internal static Interval Read(ConfigurationObject source, Interval fallback)
    {
        int? epochs = source.OptionalInteger("every_epochs", 0), steps = source.OptionalInteger("every_steps", 0);
        return epochs is null && steps is null ? fallback : new Interval(epochs ?? 0, steps ?? 0);
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("every_epochs", Epochs);
        json.WriteNumber("every_steps", Steps);
    }
}
