namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Mean over all elements of (x − target)².</summary>
    /// <param name="x">Any shape, at least one element.</param>
    /// <param name="target">Same shape.</param>
    /// <returns>A scalar, shape [].</returns>
    /// <exception cref="ShapeException">Another shape of the target, or no element.</exception>
    /// <remarks>Composed of subtract, square and mean.</remarks>
    public static Tensor MeanSquaredError(this Tensor x, Tensor target)
    {
        RequireSameShape(x, target, nameof(MeanSquaredError));
        return x.Subtract(target).Square().Mean();
    }
}
