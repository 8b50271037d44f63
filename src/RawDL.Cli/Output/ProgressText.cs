using System.Globalization;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>The lines of a run, the same words on a terminal and in a file.</summary>
internal static class ProgressText
{
    public static string Start(RunStart start) => string.Create(CultureInfo.InvariantCulture,
        $"{(start.Resumed ? $"Going on at step {start.FirstStep} of" : "Training")} {start.TotalSteps} steps ({start.Epochs} epoch{(start.Epochs == 1 ? "" : "s")}): {start.Parameters} parameters, {start.TrainSamples} training and {start.TestSamples} test samples, on {start.Device}.");

    public static string Epoch(int epoch, int epochs, long step, EpochProgress? ended, Evaluation evaluation, bool best)
    {
        var train = ended is null ? "" : string.Create(CultureInfo.InvariantCulture, $"  loss {ended.TrainLoss:F4}");
        var speed = ended is null ? "" : string.Create(CultureInfo.InvariantCulture, $"  {ended.ImagesPerSecond:F0} images/s  {ended.Seconds:F1} s");
        var accuracy = double.IsNaN(evaluation.Accuracy) ? "" : string.Create(CultureInfo.InvariantCulture, $"  accuracy {evaluation.Accuracy:P2}");
        return string.Create(CultureInfo.InvariantCulture,
            $"epoch {epoch}/{epochs}  step {step}{train}  test loss {evaluation.Loss:F4}{accuracy}{speed}{(best ? "  best" : "")}");
    }

    public static string Duration(TimeSpan time) =>
        time.TotalHours >= 1 ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}" : $"{time.Minutes}:{time.Seconds:00}";
}
