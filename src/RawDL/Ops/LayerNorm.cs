namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Layer normalisation of each sample: y = scale·(x − mean) / √(variance + epsilon) + shift, biased variance.</summary>
    /// <param name="x">[N, …], rank ≥ 2.</param>
    /// <param name="scale">The shape of one sample.</param>
    /// <param name="shift">The shape of one sample.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>Source: Ba, Kiros and Hinton, arXiv 1607.06450, equations 3 and 4.</remarks>
    /// <exception cref="ShapeException">The rank is below 2, or a parameter has not the shape of a sample.</exception>
    public static Tensor LayerNorm(this Tensor x, Tensor scale, Tensor shift, float epsilon = 1e-5f)
    {
        if (x.Shape.Rank < 2) throw new ShapeException($"LayerNorm: expected x of rank >= 2, got x {x.Shape}.");
        Require(scale, "scale");
        Require(shift, "shift");
        var tape = Tape.Of(x);
        var geometry = new NormGeometry(x.Shape[0], x.Shape[1], x.Shape.Product(2, x.Shape.Rank), epsilon);
        var y = tape.Allocate(x.Shape);
        var statistics = tape.Allocate(new Shape(2, x.Shape[0]));
        tape.Device.LayerNormForward(geometry, x, scale, shift, statistics, y);
        tape.Record(y, (geometry, x, scale, shift, statistics, y), static step =>
        {
            var (geometry, x, scale, shift, statistics, y) = step;
            y.Device.LayerNormBackward(geometry, x, scale, statistics, y.Gradient!, x.Gradient, scale.Gradient, shift.Gradient);
        });
        return y;

        void Require(Tensor tensor, string name)
        {
            if (tensor.Shape != x.Shape.Sample())
                throw new ShapeException($"LayerNorm: {name} expected {x.Shape.Sample()} for x {x.Shape}, got {tensor.Shape}.");
        }
    }
}
