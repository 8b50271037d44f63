namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Mean over all elements of max(0, 1 − target·score).</summary>
    /// <param name="scores">Any shape, at least one element.</param>
    /// <param name="targets">Same shape, −1 or +1.</param>
    /// <returns>A scalar, shape [].</returns>
    /// <exception cref="ShapeException">Another shape of the targets, or no element.</exception>
    /// <remarks>Composed of multiply, negate, add, relu and mean; the gradient at the margin is 0. Source: Cortes and Vapnik, Machine Learning 20 (1995).</remarks>
    public static Tensor Hinge(this Tensor scores, Tensor targets)
    {
        RequireSameShape(scores, targets, nameof(Hinge));
        return scores.Multiply(targets).Negate().Add(1f).Relu().Mean();
    }
}
