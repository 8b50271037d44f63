namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y = Σ x over all elements.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>A scalar, shape [].</returns>
    public static Tensor Sum(this Tensor x) => Reduce(x, new ReduceGeometry(1, x.Count, 1), new Shape(), 1f);

    /// <summary>y = Σ x over one dimension, which goes away.</summary>
    /// <param name="x">Rank ≥ 1.</param>
    /// <param name="dimension">The dimension; −1 is the innermost.</param>
    /// <returns>The shape of <paramref name="x"/> without the dimension.</returns>
    /// <exception cref="ShapeException">x has no such dimension.</exception>
    public static Tensor Sum(this Tensor x, int dimension)
    {
        var d = Dimension(x.Shape, dimension, nameof(Sum));
        return Reduce(x, Around(x.Shape, d), Without(x.Shape, d), 1f);
    }

    private static Shape Without(Shape shape, int dimension)
    {
        var extents = shape.ToArray();
        return new Shape([.. extents.AsSpan(0, dimension), .. extents.AsSpan(dimension + 1)]);
    }

    private static Tensor Reduce(Tensor x, ReduceGeometry geometry, Shape shape, float scale)
    {
        var tape = Tape.Of(x);
        var y = tape.Allocate(shape);
        tape.Device.Sum(geometry, x, y, scale, Store.Overwrite);
        tape.Record(y, (geometry, scale, x, y), static step =>
        {
            var (geometry, scale, x, y) = step;
            if (x.Gradient is { } dx) y.Device.SumBackward(geometry, y.Gradient!, dx, scale);
        });
        return y;
    }
}
