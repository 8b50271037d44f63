namespace RawDL.NN;

/// <summary>Does steps in the trainer's place, several in a row: a device without the host, or replicas elsewhere.</summary>
internal interface IStepRunner
{
    /// <summary>Steps that it should be given at a time, for the sake of progress and of an interrupt; grows with <see cref="Run"/>.</summary>
    int MostSteps { get; }

    /// <summary>What the timeline calls <see cref="Run"/>.</summary>
    string Span => "compute";

    /// <summary>Does the next steps of an epoch.</summary>
    /// <param name="firstStep">Number of the first, from 1.</param>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="position">Samples of the epoch that all ranks have used.</param>
    /// <param name="rates">Learning rate of each step.</param>
    /// <param name="losses">Receives the loss of each step.</param>
    /// <returns>Steps done; fewer than the rates when the next one's loss or gradients are not finite, which has changed nothing.</returns>
    /// <exception cref="OperationCanceledException">Somebody ended the run; nothing has changed.</exception>
    int Run(long firstStep, int epoch, int position, ReadOnlySpan<float> rates, Span<float> losses);

    /// <summary>The order of the samples is taken anew, as after steps that were done elsewhere.</summary>
    void Forget() { }
}
