namespace RawDL.NN;

/// <summary>One point of a learning curve.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Epoch">Passes over the training data done, with fraction.</param>
/// <param name="Loss">Mean loss.</param>
/// <param name="Accuracy">0 to 1; NaN for training points and regression.</param>
public readonly record struct LossPoint(long Step, double Epoch, double Loss, double Accuracy);

/// <summary>The learning curves of a run, for drawing.</summary>
public sealed class LossHistory
{
    private readonly List<LossPoint> _training = [];
    private readonly List<LossPoint> _evaluation = [];

    /// <summary>Mean training loss of each epoch.</summary>
    public IReadOnlyList<LossPoint> Training => _training;

    /// <summary>Loss and accuracy of each evaluation.</summary>
    public IReadOnlyList<LossPoint> Evaluation => _evaluation;

    internal void AddTraining(LossPoint point) => _training.Add(point);

    internal void AddEvaluation(LossPoint point) => _evaluation.Add(point);
}
