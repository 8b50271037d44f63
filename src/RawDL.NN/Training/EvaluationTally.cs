namespace RawDL.NN;

/// <summary>Counts predictions batch by batch, and over all ranks at the end. All counts are doubles in one block, so one reduction adds them; they are
/// exact below 2⁵³.</summary>
/// <remarks>Layout: loss sum, samples, one count per K, then the confusion matrix [label, predicted].</remarks>
public sealed class EvaluationTally
{
    private const int LossSum = 0, Samples = 1, FirstTop = 2;

    private readonly IReadOnlyList<string> _classNames;
    private readonly int _tops;
    private readonly double[] _counts;

    /// <summary>Starts at zero.</summary>
    /// <param name="classNames">One name per class; empty for regression.</param>
    public EvaluationTally(IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        _classNames = classNames;
        foreach (var k in TopKs)
            if (k <= classNames.Count) _tops++;
        _counts = new double[FirstTop + _tops + classNames.Count * classNames.Count];
    }

    /// <summary>The K of the top-K accuracies; those above the number of classes are left out.</summary>
    public static ReadOnlySpan<int> TopKs => [1, 2, 3, 5];

    /// <summary>All counts, for another process that adds them by <see cref="Add"/>.</summary>
    internal ReadOnlySpan<double> Counts => _counts;

    /// <summary>Adds the counts of another process. The order matters to the last bit of the loss only.</summary>
    /// <exception cref="ArgumentException">They are of another number of classes.</exception>
    internal void Add(ReadOnlySpan<double> counts)
    {
        if (counts.Length != _counts.Length) throw new ArgumentException($"EvaluationTally: expected {_counts.Length} counts, got {counts.Length}.");
        for (var i = 0; i < counts.Length; i++) _counts[i] += counts[i];
    }

    /// <summary>Adds a batch's mean loss.</summary>
    public void AddLoss(double meanLoss, int count)
    {
        _counts[LossSum] += meanLoss * count;
        _counts[Samples] += count;
    }

    /// <summary>Adds one prediction.</summary>
    /// <param name="label">The right class.</param>
    /// <param name="scores">One score per class; the largest is the prediction, the first among equals. A NaN never wins.</param>
    public void AddPrediction(int label, ReadOnlySpan<float> scores)
    {
        var predicted = 0;
        var rank = 0;
        for (var c = 0; c < scores.Length; c++)
        {
            if (scores[c] > scores[predicted] || (float.IsNaN(scores[predicted]) && !float.IsNaN(scores[c]))) predicted = c;
            // Classes that stand before the label: larger, or as large and earlier. A label with a NaN score stands last.
            if (c != label && (float.IsNaN(scores[label]) || scores[c] > scores[label] || (scores[c] == scores[label] && c < label))) rank++;
        }
        for (var i = 0; i < _tops; i++)
            if (rank < TopKs[i]) _counts[FirstTop + i]++;
        _counts[FirstTop + _tops + label * _classNames.Count + predicted]++;
    }

    /// <summary>Adds the counts of all ranks and computes the scores; every rank gets the same.</summary>
    public Evaluation Complete(ICommunicator communicator)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        var counts = (double[])_counts.Clone();
        communicator.AllReduceSum(counts.AsSpan());
        // Counts are exact in any order; the losses are added in that of the ranks.
        counts[LossSum] = communicator.SumInOrder(_counts[LossSum]);
        var whole = new long[counts.Length];
        for (var i = Samples; i < whole.Length; i++) whole[i] = (long)counts[i];
        return new Evaluation(_classNames, whole.AsSpan(FirstTop + _tops), whole.AsSpan(FirstTop, _tops), counts[LossSum], whole[Samples]);
    }
}
