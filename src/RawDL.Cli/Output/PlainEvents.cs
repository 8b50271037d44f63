using System.Diagnostics;
using System.Globalization;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>Progress for a file or a pipe: one line per epoch, and between them a sign of life at most every 30 s.</summary>
internal sealed class PlainEvents(Session session) : IRunEvents
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(30);

    private readonly Stopwatch _silence = Stopwatch.StartNew();
    private int _epochs;
    private EpochProgress? _epoch;

    public void Started(RunStart start)
    {
        _epochs = start.Epochs;
        session.Say(ProgressText.Start(start));
        _silence.Restart();
    }

    public void Stepped(in StepProgress progress)
    {
        if (_silence.Elapsed < Heartbeat) return;
        _silence.Restart();
        session.Say(string.Create(CultureInfo.InvariantCulture,
            $"step {progress.Step}/{progress.TotalSteps}  epoch {progress.Epoch}/{_epochs}  loss {progress.EpochLoss:F4}  {progress.ImagesPerSecond:F0} images/s  {ProgressText.Duration(progress.Remaining)} left"));
    }

    public void EpochEnded(EpochProgress epoch) => _epoch = epoch;

    public void Evaluated(int epoch, long step, Evaluation evaluation, bool best)
    {
        session.Say(ProgressText.Epoch(epoch, _epochs, step, _epoch is { } ended && ended.Epoch == epoch && ended.Step == step ? ended : null, evaluation, best));
        _silence.Restart();
    }

    public void Warned(string message) => session.Warn(message);
}
