namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y = Σ x / n over all n elements.</summary>
    /// <param name="x">At least one element.</param>
    /// <returns>A scalar, shape [].</returns>
    /// <exception cref="ShapeException">x has no element.</exception>
    public static Tensor Mean(this Tensor x)
    {
        if (x.Count == 0) throw new ShapeException($"Mean: expected at least one element, got x {x.Shape}.");
        return Reduce(x, new ReduceGeometry(1, x.Count, 1), new Shape(), 1f / x.Count);
    }

    /// <summary>y = Σ x / n over one dimension of extent n, which goes away.</summary>
    /// <param name="x">Rank ≥ 1.</param>
    /// <param name="dimension">The dimension; −1 is the innermost.</param>
    /// <returns>The shape of <paramref name="x"/> without the dimension.</returns>
    /// <exception cref="ShapeException">x has no such dimension, or its extent is 0.</exception>
    public static Tensor Mean(this Tensor x, int dimension)
    {
        var d = Dimension(x.Shape, dimension, nameof(Mean));
        if (x.Shape[d] == 0) throw new ShapeException($"Mean: expected an extent of at least 1 in dimension {d}, got x {x.Shape}.");
        return Reduce(x, Around(x.Shape, d), Without(x.Shape, d), 1f / x.Shape[d]);
    }
}
