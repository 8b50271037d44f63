namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y[n, c, i, j] = the largest x inside the window at (i·stride − padding, j·stride − padding). Padding never wins; NaN always does.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="kernel">Window, pixels.</param>
    /// <param name="stride">Pixels from one window to the next.</param>
    /// <param name="padding">Pixels added on every side, at most half the kernel.</param>
    /// <returns>[N, C, OutH, OutW] with OutH = ⌊(H + 2·padding − kernel) / stride⌋ + 1, OutW alike.</returns>
    /// <exception cref="ShapeException">The extents do not fit.</exception>
    /// <remarks>The gradient goes to the first among equals, in row-major order.</remarks>
    public static Tensor MaxPool2d(this Tensor x, (int Height, int Width) kernel, (int Height, int Width) stride, (int Height, int Width) padding = default)
    {
        var geometry = Pool2dGeometry.Resolve(nameof(MaxPool2d), x.Shape, kernel, stride, padding);
        var tape = Tape.Of(x);
        var shape = new Shape(x.Shape[0], x.Shape[1], geometry.OutHeight, geometry.OutWidth);
        var y = tape.Allocate(shape);
        var argmax = tape.Allocate(shape);
        tape.Device.MaxPool2dForward(geometry, x, y, argmax);
        tape.Record(y, (geometry, x, y, argmax), static step =>
        {
            var (geometry, x, y, argmax) = step;
            if (x.Gradient is { } dx) y.Device.MaxPool2dBackward(geometry, argmax, y.Gradient!, dx);
        });
        return y;
    }
}

public readonly partial record struct Pool2dGeometry
{
    /// <summary>Checks the operands of a pooling and resolves the problem.</summary>
    /// <exception cref="ShapeException">The extents do not fit; the message names <paramref name="operation"/> and them.</exception>
    public static Pool2dGeometry Resolve(
        string operation, Shape x, (int Height, int Width) kernel, (int Height, int Width) stride, (int Height, int Width) padding)
    {
        if (x.Rank != 4) throw new ShapeException($"{operation}: expected x [N, C, H, W], got x {x}.");
        if (kernel.Height < 1 || kernel.Width < 1) throw new ShapeException($"{operation}: expected a kernel >= 1, got {Pair(kernel)}.");
        if (stride.Height < 1 || stride.Width < 1) throw new ShapeException($"{operation}: expected a stride >= 1, got {Pair(stride)}.");
        // More than half the kernel would leave windows without a pixel.
        if (padding.Height < 0 || padding.Width < 0 || padding.Height > kernel.Height / 2 || padding.Width > kernel.Width / 2)
            throw new ShapeException($"{operation}: expected a padding of at most half the kernel {Pair(kernel)}, got {Pair(padding)}.");
        long tall = x[2] + 2L * padding.Height, wide = x[3] + 2L * padding.Width;
        if (Math.Max(tall, wide) > int.MaxValue || tall * wide > int.MaxValue)
            throw new ShapeException($"{operation}: expected a padded image of at most {int.MaxValue} elements, got {tall}x{wide} for x {x} (padding {Pair(padding)}).");
        long height = tall - kernel.Height, width = wide - kernel.Width;
        if (height < 0 || width < 0)
            throw new ShapeException($"{operation}: expected an image of at least the kernel {Pair(kernel)} (padding {Pair(padding)}), got x {x}.");
        return new Pool2dGeometry(x[0] * x[1], x[2], x[3], (int)(height / stride.Height) + 1, (int)(width / stride.Width) + 1,
            kernel.Height, kernel.Width, stride.Height, stride.Width, padding.Height, padding.Width);
    }

    private static string Pair((int Height, int Width) pair) => $"{pair.Height}x{pair.Width}";
}
