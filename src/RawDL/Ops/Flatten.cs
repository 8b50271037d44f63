namespace RawDL;

public static partial class TensorOps
{
    /// <summary>[N, …] as [N, product of the rest]; a view, as <see cref="Reshape"/>.</summary>
    /// <param name="x">Rank ≥ 1.</param>
    /// <exception cref="ShapeException">x is a scalar.</exception>
    public static Tensor Flatten(this Tensor x)
    {
        if (x.Shape.Rank == 0) throw new ShapeException($"Flatten: expected rank 1 or more, got x {x.Shape}.");
        return x.Reshape(new Shape(x.Shape[0], x.Shape.Product(1, x.Shape.Rank)));
    }
}
