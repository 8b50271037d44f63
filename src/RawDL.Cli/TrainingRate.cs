using System.Diagnostics;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>Images per second of a training of LeNet on drawn digits, by the trainer itself: the second half of the steps that fit into the time.</summary>
internal sealed class TrainingRate : IRunEvents
{
    private readonly List<(long Step, long Time)> _steps = [];

    public TrainingRate(Device device, int batch, double seconds, CancellationToken stop)
    {
        var configuration = Recipes.Read("lenet") with
        {
            BatchSize = batch,
            Augmentation = new Augmentation(),
            Epochs = 1_000_000,
            EarlyStopping = new EarlyStopping { MaximumSeconds = (float)(2 * seconds) },
            Evaluation = new Interval(0, 0),
            Checkpoint = new Interval(0, 0),
        };
        var data = Datasets.Open("digits", new DataOptions { TrainSize = 64 * batch, TestSize = 1 });
        using (var trainer = new Trainer(configuration, data, new TrainerOptions { Device = device, Events = this })) trainer.Run(stop);
        stop.ThrowIfCancellationRequested();
        var (first, last) = (_steps[_steps.Count / 2], _steps[^1]);
        ImagesPerSecond = last.Step > first.Step ? batch * (last.Step - first.Step) / Stopwatch.GetElapsedTime(first.Time, last.Time).TotalSeconds : double.NaN;
    }

    public double ImagesPerSecond { get; }

    // Steps that a device does by itself are told of together: their last one counts.
    void IRunEvents.Stepped(in StepProgress progress)
    {
        var now = Stopwatch.GetTimestamp();
        if (_steps.Count > 0 && Stopwatch.GetElapsedTime(_steps[^1].Time, now).TotalMilliseconds < 1) _steps[^1] = (progress.Step, now);
        else _steps.Add((progress.Step, now));
    }
}
