namespace RawDL.NN;

/// <summary>Runs rounds on replicas that keep nothing: each begins from what <see cref="RoundStart"/> says, so that a part of a round may be lost, done again or done twice.</summary>
internal interface IRoundExecutor
{
    /// <summary>Number of replicas.</summary>
    int Shards { get; }

    /// <summary>Lets every replica do its steps and adds up what they made.</summary>
    /// <param name="start">What all begin with.</param>
    /// <param name="description">What the round is, for people who watch.</param>
    /// <param name="timeline">Receives the driver's part of the time, or null.</param>
    /// <exception cref="OperationCanceledException">Somebody ended the run; nothing has changed.</exception>
    RoundOutcome Run(RoundStart start, string description, Timeline? timeline);

    /// <summary>Median of some rounds without work or bytes.</summary>
    double EmptyRoundMilliseconds();
}
