namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Zeros around each plane.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="top">Rows above, pixels.</param>
    /// <param name="bottom">Rows below, pixels.</param>
    /// <param name="left">Columns before, pixels.</param>
    /// <param name="right">Columns after, pixels.</param>
    /// <returns>[N, C, top + H + bottom, left + W + right].</returns>
    /// <exception cref="ShapeException">x is not of rank 4, or a negative padding.</exception>
    public static Tensor Pad(this Tensor x, int top, int bottom, int left, int right)
    {
        if (x.Shape.Rank != 4) throw new ShapeException($"Pad: expected x [N, C, H, W], got {x.Shape}.");
        if (top < 0 || bottom < 0 || left < 0 || right < 0)
            throw new ShapeException($"Pad: expected padding >= 0, got top {top}, bottom {bottom}, left {left}, right {right} for x {x.Shape}.");
        int height = x.Shape[2], width = x.Shape[3];
        long rows = (long)top + height + bottom, columns = (long)left + width + right;
        if (Math.Max(rows, columns) > int.MaxValue)
            throw new ShapeException($"Pad: expected at most {int.MaxValue} rows and columns, got {rows}x{columns} for x {x.Shape}.");
        int tall = (int)rows, wide = (int)columns;
        var tape = Tape.Of(x);
        var y = tape.AllocateZero(new Shape(x.Shape[0], x.Shape[1], tall, wide));
        var inside = new RegionGeometry(
            1, x.Shape[0] * x.Shape[1], height, width,
            0, 0, height * width, width, 1,
            top * wide + left, 0, tall * wide, wide, 1);
        tape.Device.Region(inside, x, y, Store.Overwrite);
        tape.Record(y, (inside, x, y), static step =>
        {
            var (inside, x, y) = step;
            if (x.Gradient is { } dx) y.Device.Region(Reversed(inside), y.Gradient!, dx, Store.Add);
        });
        return y;
    }
}
