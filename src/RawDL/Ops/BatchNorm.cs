namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Batch normalisation per channel: y = scale·(x − mean) / √(variance + epsilon) + shift.</summary>
    /// <param name="x">[N, C, …], rank ≥ 2.</param>
    /// <param name="scale">[C].</param>
    /// <param name="shift">[C].</param>
    /// <param name="runningMean">[C]; in training moved to the batch's mean by <paramref name="momentum"/>.</param>
    /// <param name="runningVariance">[C]; in training moved to the batch's unbiased variance; stays where a channel has one value.</param>
    /// <param name="momentum">Weight of the new value, as in PyTorch.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>A training tape normalises by the batch's mean and biased variance, an inference tape by the running statistics.
    /// Source: Ioffe and Szegedy, ICML 2015, algorithms 1 and 2.</remarks>
    /// <exception cref="ShapeException">The rank is below 2, or a parameter is not [C].</exception>
    public static Tensor BatchNorm(this Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, float momentum = 0.1f, float epsilon = 1e-5f)
    {
        if (x.Shape.Rank < 2) throw new ShapeException($"BatchNorm: expected x of rank >= 2, got x {x.Shape}.");
        var channels = x.Shape[1];
        Require(scale, "scale");
        Require(shift, "shift");
        Require(runningMean, "running mean");
        Require(runningVariance, "running variance");
        var tape = Tape.Of(x);
        var geometry = new NormGeometry(x.Shape[0], channels, x.Shape.Product(2, x.Shape.Rank), epsilon);
        var y = tape.Allocate(x.Shape);
        if (!tape.IsTraining)
        {
            tape.Device.BatchNormInference(geometry, x, scale, shift, runningMean, runningVariance, y);
            return y;
        }
        var statistics = tape.Allocate(new Shape(2, channels));
        tape.Device.BatchNormForward(geometry, x, scale, shift, runningMean, runningVariance, momentum, statistics, y);
        tape.Record(y, (geometry, x, scale, shift, statistics, y), static step =>
        {
            var (geometry, x, scale, shift, statistics, y) = step;
            y.Device.BatchNormBackward(geometry, x, scale, statistics, y.Gradient!, x.Gradient, scale.Gradient, shift.Gradient);
        });
        return y;

        void Require(Tensor tensor, string name)
        {
            if (tensor.Shape != new Shape(channels))
                throw new ShapeException($"BatchNorm: {name} expected [{channels}] for x {x.Shape}, got {tensor.Shape}.");
        }
    }
}
