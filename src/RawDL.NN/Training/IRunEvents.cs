namespace RawDL.NN;

/// <summary>Listens to a run: a progress bar, plain lines, JSON. Every method may stay out; all come from the training thread and should return fast.</summary>
public interface IRunEvents
{
    /// <summary>Before the first step.</summary>
    void Started(RunStart start) { }

    /// <summary>After each step.</summary>
    void Stepped(in StepProgress progress) { }

    /// <summary>After the last step of each epoch.</summary>
    void EpochEnded(EpochProgress epoch) { }

    /// <summary>After each evaluation on the test data.</summary>
    /// <param name="epoch">The epoch in which it ran, from 1.</param>
    /// <param name="step">Steps done.</param>
    /// <param name="evaluation">The scores.</param>
    /// <param name="best">True when no earlier one was better.</param>
    void Evaluated(int epoch, long step, Evaluation evaluation, bool best) { }

    /// <summary>After a checkpoint is safe on disk.</summary>
    void CheckpointSaved(string path, long step) { }

    /// <summary>Something that the user should know and that does not stop the run; one line.</summary>
    void Warned(string message) { }

    /// <summary>After the run's files are written.</summary>
    void Finished(TrainerResult result) { }
}

/// <summary>What is about to run.</summary>
/// <param name="TotalSteps">Optimizer steps of the whole run.</param>
/// <param name="Epochs">Epochs of the whole run, a last partial one counted.</param>
/// <param name="FirstStep">Steps already done, &gt; 0 after a resume.</param>
/// <param name="StepsPerEpoch">Batches of one epoch.</param>
/// <param name="Parameters">Trained values.</param>
/// <param name="TrainSamples">Training samples.</param>
/// <param name="TestSamples">Test samples.</param>
/// <param name="Device">Name and description of the device.</param>
/// <param name="Resumed">True when the run goes on from a checkpoint.</param>
public sealed record RunStart(
    long TotalSteps, int Epochs, long FirstStep, int StepsPerEpoch, int Parameters, int TrainSamples, int TestSamples, string Device, bool Resumed);

/// <summary>Where the run stands after a step.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps of the whole run.</param>
/// <param name="Epoch">The epoch of the step, from 1.</param>
/// <param name="Loss">Mean loss of the batch.</param>
/// <param name="EpochLoss">Mean loss of the epoch so far.</param>
/// <param name="LearningRate">The rate of the step.</param>
/// <param name="ImagesPerSecond">Training samples/s of this process's run, evaluation and saving not counted.</param>
/// <param name="Remaining">Expected training time of the steps left.</param>
public readonly record struct StepProgress(
    long Step, long TotalSteps, int Epoch, double Loss, double EpochLoss, float LearningRate, double ImagesPerSecond, TimeSpan Remaining);

/// <summary>An epoch that ended.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="Step">Steps done.</param>
/// <param name="TrainLoss">Mean loss of its samples, each at the step that trained on it.</param>
/// <param name="LearningRate">The rate of its last step.</param>
/// <param name="ImagesPerSecond">Training samples/s of the epoch, evaluation and saving not counted.</param>
/// <param name="Seconds">Training seconds of the epoch.</param>
public sealed record EpochProgress(int Epoch, long Step, double TrainLoss, float LearningRate, double ImagesPerSecond, double Seconds);
