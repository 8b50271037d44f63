namespace RawDL;

public static partial class TensorOps
{
    /// <summary>The elements start … start + count − 1 of one dimension, copied.</summary>
    /// <param name="x">Rank ≥ 1.</param>
    /// <param name="dimension">The dimension; −1 is the innermost.</param>
    /// <param name="start">First index, ≥ 0.</param>
    /// <param name="count">Extent of the result, ≥ 0.</param>
    /// <returns>The shape of <paramref name="x"/> with <paramref name="count"/> in the dimension.</returns>
    /// <exception cref="ShapeException">No such dimension, or the range leaves it.</exception>
    public static Tensor Slice(this Tensor x, int dimension, int start, int count)
    {
        var d = Dimension(x.Shape, dimension, nameof(Slice));
        if (start < 0 || count < 0 || start > x.Shape[d] - count)
            throw new ShapeException($"Slice: expected a range inside 0..{x.Shape[d]} of dimension {d}, got {start}..{(long)start + count} for x {x.Shape}.");
        var extents = x.Shape.ToArray();
        extents[d] = count;
        var tape = Tape.Of(x);
        var y = tape.Allocate(new Shape(extents));
        var forward = Rows(Around(x.Shape, d), start, count);
        tape.Device.Region(forward, x, y, Store.Overwrite);
        tape.Record(y, (forward, x, y), static step =>
        {
            var (forward, x, y) = step;
            if (x.Gradient is { } dx) y.Device.Region(Reversed(forward), y.Gradient!, dx, Store.Add);
        });
        return y;
    }

    // Rows of count · Inner elements out of rows of Reduced · Inner: source is the larger, target the tight one.
    private static RegionGeometry Rows(ReduceGeometry around, int start, int count) => new(
        1, 1, around.Outer, count * around.Inner,
        start * around.Inner, 0, 0, around.Reduced * around.Inner, 1,
        0, 0, 0, count * around.Inner, 1);

    private static RegionGeometry Reversed(RegionGeometry g) => new(
        g.D0, g.D1, g.D2, g.D3,
        g.TargetOffset, g.TargetStride0, g.TargetStride1, g.TargetStride2, g.TargetStride3,
        g.SourceOffset, g.SourceStride0, g.SourceStride1, g.SourceStride2, g.SourceStride3);
}
