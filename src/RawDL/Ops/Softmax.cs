namespace RawDL;

public static partial class TensorOps
{
    /// <summary>yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) over one dimension, relative to the maximum, so without overflow.</summary>
    /// <param name="x">Rank ≥ 1.</param>
    /// <param name="dimension">The dimension of the classes; −1 is the innermost.</param>
    /// <returns>Same shape as <paramref name="x"/>; sums to 1 over the dimension.</returns>
    /// <exception cref="ShapeException">x has no such dimension.</exception>
    /// <remarks>Gradient: dxᵢ = yᵢ·(dyᵢ − Σⱼ dyⱼ·yⱼ). Source: Bridle, NATO ASI F68, 1990.</remarks>
    public static Tensor Softmax(this Tensor x, int dimension = -1) => Softmax(x, dimension, SoftmaxKind.Softmax);

    private static Tensor Softmax(Tensor x, int dimension, SoftmaxKind kind)
    {
        var geometry = Around(x.Shape, Dimension(x.Shape, dimension, kind == SoftmaxKind.Softmax ? nameof(Softmax) : nameof(LogSoftmax)));
        var tape = Tape.Of(x);
        var y = tape.Allocate(x.Shape);
        tape.Device.SoftmaxForward(geometry, kind, x, y);
        tape.Record(y, (geometry, kind, x, y), static step =>
        {
            var (geometry, kind, x, y) = step;
            if (x.Gradient is { } dx) y.Device.SoftmaxBackward(geometry, kind, y, y.Gradient!, dx);
        });
        return y;
    }
}
