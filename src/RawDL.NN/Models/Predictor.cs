namespace RawDL.NN;

/// <summary>Asks a model again and again: memory and weights in the order in which products read them are kept from one call to the next, which a single sample gains most by.</summary>
/// <param name="model">Lives longer, and keeps its parameters as they are: what is trained or read into it after the first call may not be seen.</param>
public sealed class Predictor(Model model) : IDisposable
{
    private readonly Tape _tape = new(model.Device, TapeMode.Inference) { FixedWeights = true };
    private float[] _inputs = [], _outputs = [];

    /// <summary>What the model says of raw samples: class probabilities that sum to 1, or the outputs of a regression. The bits depend neither on what was asked before
    /// nor, but for statistics of the batch, on the samples beside.</summary>
    /// <param name="samples">A whole number of samples of <see cref="Model.SampleShape"/>, in raw units.</param>
    /// <returns>[N, classes], or [N, outputs] for a regression.</returns>
    /// <exception cref="ShapeException">Not a whole number of samples.</exception>
    public float[] Predict(ReadOnlySpan<float> samples)
    {
        var size = model.SampleShape.Count;
        if (samples.Length % size != 0) throw new ShapeException($"Predict: expected a multiple of {size} values for samples {model.SampleShape}, got {samples.Length}.");
        var count = samples.Length / size;
        var width = model.PredictionWidth;
        var results = new float[count * width];
        for (var first = 0; first < count; first += Model.EvaluationBatch)
        {
            var n = Math.Min(Model.EvaluationBatch, count - first);
            var inputs = Room(ref _inputs, n * size);
            samples.Slice(first * size, n * size).CopyTo(inputs);
            model.Normalization.Apply(inputs, model.SampleShape);
            _tape.Reset();
            var outputs = Room(ref _outputs, n * model.Outputs);
            model.Forward(_tape.Input(inputs, model.SampleShape.Batched(n))).CopyTo(outputs);
            for (var i = 0; i < n; i++)
            {
                var result = results.AsSpan((first + i) * width, width);
                var output = outputs.Slice(i * model.Outputs, model.Outputs);
                if (model.ClassNames.Count > 0) model.Probabilities(output, result);
                else output.CopyTo(result);
            }
        }
        return results;
    }

    /// <summary>Frees what is kept; the model stays.</summary>
    public void Dispose() => _tape.Dispose();

    private static Span<float> Room(ref float[] kept, int length)
    {
        if (kept.Length < length) kept = new float[length];
        return kept.AsSpan(0, length);
    }
}
