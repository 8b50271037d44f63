namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Mean over the rows of <see cref="SoftmaxCrossEntropyPerSample"/>.</summary>
    /// <param name="logits">[N, C], N ≥ 1.</param>
    /// <param name="labels">int32 [N], 0 … C − 1 (<see cref="Tape.Labels"/>).</param>
    /// <param name="smoothing">Share of the probability spread over all classes, 0 … 1.</param>
    /// <returns>A scalar, shape [].</returns>
    /// <exception cref="ShapeException">Other shapes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Smoothing outside 0 … 1.</exception>
    public static Tensor SoftmaxCrossEntropy(this Tensor logits, Tensor labels, float smoothing = 0f) =>
        logits.SoftmaxCrossEntropyPerSample(labels, smoothing).Mean();

    /// <summary>loss = −Σᵢ qᵢ·ln softmax(x)ᵢ with q = (1 − smoothing)·onehot(label) + smoothing/C, per row, without overflow.</summary>
    /// <param name="logits">[N, C], C ≥ 1.</param>
    /// <param name="labels">int32 [N], 0 … C − 1 (<see cref="Tape.Labels"/>); a label outside gives a loss of NaN.</param>
    /// <param name="smoothing">Share of the probability spread over all classes, 0 … 1.</param>
    /// <returns>[N].</returns>
    /// <exception cref="ShapeException">Other shapes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Smoothing outside 0 … 1.</exception>
    /// <remarks>Gradient: dx = dloss·(softmax(x) − q). Source of the smoothing: Szegedy et al., CVPR 2016, section 7.</remarks>
    public static Tensor SoftmaxCrossEntropyPerSample(this Tensor logits, Tensor labels, float smoothing = 0f)
    {
        if (logits.Shape.Rank != 2 || logits.Shape[1] == 0)
            throw new ShapeException($"SoftmaxCrossEntropy: expected logits [N, C], got {logits.Shape}.");
        if (labels.Shape != new Shape(logits.Shape[0]))
            throw new ShapeException($"SoftmaxCrossEntropy: expected labels [{logits.Shape[0]}] for logits {logits.Shape}, got {labels.Shape}.");
        if (!(smoothing >= 0f && smoothing <= 1f))
            throw new ArgumentOutOfRangeException(null, $"SoftmaxCrossEntropy: expected smoothing in 0..1, got {smoothing}.");
        var geometry = new CrossEntropyGeometry(logits.Shape[0], logits.Shape[1], smoothing);
        var tape = Tape.Of(logits, labels);
        var probabilities = tape.Allocate(logits.Shape);
        var losses = tape.Allocate(labels.Shape);
        tape.Device.SoftmaxCrossEntropyForward(geometry, logits, labels, probabilities, losses);
        tape.Record(losses, (geometry, logits, labels, probabilities, losses), static step =>
        {
            var (geometry, logits, labels, probabilities, losses) = step;
            if (logits.Gradient is { } dx) losses.Device.SoftmaxCrossEntropyBackward(geometry, labels, probabilities, losses.Gradient!, dx);
        });
        return losses;
    }
}
