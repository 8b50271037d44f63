namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y[n, c] = mean of x[n, c] over its plane.</summary>
    /// <param name="x">[N, C, H, W], H·W ≥ 1.</param>
    /// <returns>[N, C].</returns>
    /// <exception cref="ShapeException">x is not of rank 4 or has empty planes.</exception>
    /// <remarks>Source: Lin, Chen and Yan, Network In Network, ICLR 2014, section 3.2.</remarks>
    public static Tensor GlobalAveragePool(this Tensor x)
    {
        if (x.Shape.Rank != 4 || x.Shape.Product(2, 4) == 0)
            throw new ShapeException($"GlobalAveragePool: expected x [N, C, H, W] with H, W >= 1, got x {x.Shape}.");
        var plane = x.Shape.Product(2, 4);
        return Reduce(x, new ReduceGeometry(x.Shape[0] * x.Shape[1], plane, 1), new Shape(x.Shape[0], x.Shape[1]), 1f / plane);
    }
}
