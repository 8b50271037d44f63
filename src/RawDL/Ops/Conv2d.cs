namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y[n, o, i, j] = b[o] + Σ W[o, c, u, v] · x[n, c, i·stride + u·dilation − padding, j·stride + v·dilation − padding]: cross-correlation, zeros outside.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="weight">W, [Out, C / Groups, U, V]; output channel o sees the input channels of its group.</param>
    /// <param name="bias">b, [Out], or null.</param>
    /// <param name="options">Stride, padding, dilation and groups; null for 1, 0, 1, 1.</param>
    /// <returns>[N, Out, OutH, OutW] with OutH = ⌊(H + 2·padding − dilation·(U − 1) − 1) / stride⌋ + 1, OutW alike.</returns>
    /// <exception cref="ShapeException">The extents do not fit.</exception>
    /// <remarks>Source: LeCun et al., Proc. IEEE 86 (1998); groups: Krizhevsky et al., NIPS 2012; dilation: Yu and Koltun, ICLR 2016.</remarks>
    public static Tensor Conv2d(this Tensor x, Tensor weight, Tensor? bias = null, Conv2dOptions? options = null)
    {
        var geometry = Conv2dGeometry.Resolve(x.Shape, weight.Shape, bias?.Shape, options ?? Conv2dOptions.Default);
        var tape = Tape.Of(x, weight);
        var y = tape.Allocate(new Shape(geometry.Batch, geometry.OutChannels, geometry.OutHeight, geometry.OutWidth));
        tape.Device.Conv2dForward(geometry, x, weight, bias, y);
        tape.Record(y, (geometry, x, weight, bias, y), static step =>
        {
            var (geometry, x, weight, bias, y) = step;
            var dy = y.Gradient!;
            if (x.Gradient is { } dx) y.Device.Conv2dBackwardInput(geometry, weight, dy, dx);
            if (weight.Gradient is { } dweight) y.Device.Conv2dBackwardWeight(geometry, x, dy, dweight);
            var planes = new BroadcastGeometry(geometry.Batch, geometry.OutChannels, geometry.OutHeight * geometry.OutWidth);
            if (bias?.Gradient is { } db) y.Device.BinaryBackwardRight<AddOp>(planes, y, bias, dy, db);
        });
        return y;
    }
}

public readonly partial record struct Conv2dGeometry
{
    /// <summary>Checks the operands of <see cref="TensorOps.Conv2d"/> and resolves the problem.</summary>
    /// <exception cref="ShapeException">The extents do not fit; the message names them.</exception>
    public static Conv2dGeometry Resolve(Shape x, Shape weight, Shape? bias, Conv2dOptions options)
    {
        if (x.Rank != 4) throw new ShapeException($"Conv2d: expected x [N, C, H, W], got x {x}.");
        if (weight.Rank != 4 || weight[2] < 1 || weight[3] < 1)
            throw new ShapeException($"Conv2d: expected weight [Out, C / groups, U, V], got weight {weight}.");
        CheckOptions(options);
        var groups = options.Groups;
        if ((long)weight[1] * groups != x[1])
            throw new ShapeException($"Conv2d: weight {weight} expects {(long)weight[1] * groups} input channels{Grouped(groups)}, got {x[1]} in x {x}.");
        if (weight[0] % groups != 0)
            throw new ShapeException($"Conv2d: expected output channels that are a multiple of {groups} groups, got {weight[0]} in weight {weight}.");
        if (bias is { } b && (b.Rank != 1 || b[0] != weight[0]))
            throw new ShapeException($"Conv2d: weight {weight} expects bias [{weight[0]}], got bias {b}.");
        long tall = x[2] + 2L * options.Padding.Height, wide = x[3] + 2L * options.Padding.Width;
        // Then no window and no place of the padded image leaves 31 bits. The division keeps the product below 64.
        if (Math.Max(tall, wide) > int.MaxValue || tall * wide > int.MaxValue / Math.Max(1, x[1]))
            throw new ShapeException($"Conv2d: expected a padded image of at most {int.MaxValue} elements, got {x[1]}x{tall}x{wide} for x {x} (padding {Pair(options.Padding)}).");
        var height = Windows(tall, weight[2], options.Stride.Height, options.Dilation.Height);
        var width = Windows(wide, weight[3], options.Stride.Width, options.Dilation.Width);
        if (height < 1 || width < 1)
            throw new ShapeException($"Conv2d: expected an image of at least the kernel of weight {weight} (padding {Pair(options.Padding)}, dilation {Pair(options.Dilation)}), got x {x}.");
        return new Conv2dGeometry(x[0], x[1], x[2], x[3], weight[0], weight[2], weight[3], height, width,
            options.Stride.Height, options.Stride.Width, options.Padding.Height, options.Padding.Width,
            options.Dilation.Height, options.Dilation.Width, groups);
    }

    private static void CheckOptions(Conv2dOptions options)
    {
        if (options.Stride.Height < 1 || options.Stride.Width < 1)
            throw new ShapeException($"Conv2d: expected a stride >= 1, got {Pair(options.Stride)}.");
        if (options.Padding.Height < 0 || options.Padding.Width < 0)
            throw new ShapeException($"Conv2d: expected a padding >= 0, got {Pair(options.Padding)}.");
        if (options.Dilation.Height < 1 || options.Dilation.Width < 1)
            throw new ShapeException($"Conv2d: expected a dilation >= 1, got {Pair(options.Dilation)}.");
        if (options.Groups < 1) throw new ShapeException($"Conv2d: expected groups >= 1, got {options.Groups}.");
    }

    // Below 1 where the kernel does not fit.
    private static int Windows(long extent, int kernel, int stride, int dilation)
    {
        var room = extent - ((long)dilation * (kernel - 1) + 1);
        return room < 0 ? 0 : (int)(room / stride) + 1;
    }

    private static string Grouped(int groups) => groups == 1 ? "" : $" in {groups} groups";

    private static string Pair((int Height, int Width) pair) => $"{pair.Height}x{pair.Width}";
}
