namespace RawDL.NN;

/// <summary>Training met a NaN or an infinity. The last good checkpoint stays.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Creates the exception with one line.</summary>
    /// <param name="step">The step that failed, from 1.</param>
    /// <param name="layer">The first layer, or the parameter, that is not finite.</param>
    /// <param name="message">What was found where, and what to do.</param>
    public TrainingDivergedException(long step, string layer, string message) : base(message)
    {
        Step = step;
        Layer = layer;
    }

    /// <summary>The step that failed, from 1.</summary>
    public long Step { get; }

    /// <summary>Name of the first layer, or the parameter, that is not finite.</summary>
    public string Layer { get; }
}
