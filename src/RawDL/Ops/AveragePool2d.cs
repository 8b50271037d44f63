namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y[n, c, i, j] = Σ x inside the window at (i·stride − padding, j·stride − padding) / kernel area: padding counts as zeros.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="kernel">Window, pixels.</param>
    /// <param name="stride">Pixels from one window to the next.</param>
    /// <param name="padding">Pixels added on every side, at most half the kernel.</param>
    /// <returns>[N, C, OutH, OutW] with OutH = ⌊(H + 2·padding − kernel) / stride⌋ + 1, OutW alike.</returns>
    /// <exception cref="ShapeException">The extents do not fit.</exception>
    public static Tensor AveragePool2d(this Tensor x, (int Height, int Width) kernel, (int Height, int Width) stride, (int Height, int Width) padding = default)
    {
        var geometry = Pool2dGeometry.Resolve(nameof(AveragePool2d), x.Shape, kernel, stride, padding);
        var tape = Tape.Of(x);
        var y = tape.Allocate(new Shape(x.Shape[0], x.Shape[1], geometry.OutHeight, geometry.OutWidth));
        tape.Device.AveragePool2dForward(geometry, x, y);
        tape.Record(y, (geometry, x, y), static step =>
        {
            var (geometry, x, y) = step;
            if (x.Gradient is { } dx) y.Device.AveragePool2dBackward(geometry, y.Gradient!, dx);
        });
        return y;
    }
}
