namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y = max(x·Wᵀ + b, 0): <see cref="Linear(Tensor, Tensor, Tensor?)"/> and <see cref="Relu"/> in one pass.</summary>
    /// <param name="x">[N, In].</param>
    /// <param name="weight">W, [Out, In].</param>
    /// <param name="bias">b, [Out], or null.</param>
    /// <returns>[N, Out].</returns>
    /// <exception cref="ShapeException">The extents do not fit; the message is that of Linear.</exception>
    /// <remarks>With dz = dy where y &gt; 0, else 0: dx = dz·W, dW = dzᵀ·x, db = Σ dz over the batch.</remarks>
    public static Tensor LinearRelu(this Tensor x, Tensor weight, Tensor? bias = null) => Linear(x, weight, bias, relu: true);
}
