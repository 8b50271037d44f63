namespace RawDL;

public static partial class TensorOps
{
    /// <summary>yᵢ = xᵢ − ln Σⱼ exp(xⱼ) over one dimension, relative to the maximum, so without overflow.</summary>
    /// <param name="x">Rank ≥ 1.</param>
    /// <param name="dimension">The dimension of the classes; −1 is the innermost.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <exception cref="ShapeException">x has no such dimension.</exception>
    /// <remarks>Gradient: dxᵢ = dyᵢ − exp(yᵢ)·Σⱼ dyⱼ.</remarks>
    public static Tensor LogSoftmax(this Tensor x, int dimension = -1) => Softmax(x, dimension, SoftmaxKind.LogSoftmax);
}
