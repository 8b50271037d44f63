using System.Runtime.InteropServices;

namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    private const string FusedModule = "conv2d_relu_max_pool2d";

    /// <inheritdoc/>
    /// <remarks>Stride 1, no padding, dilation or groups, 3 × 3 or 5 × 5 taps, windows of 2 × 2 that do not overlap.</remarks>
    public override bool FusesConv2dReluMaxPool2d(in Conv2dGeometry convolution, in Pool2dGeometry pool) =>
        convolution is { StrideHeight: 1, StrideWidth: 1, PaddingHeight: 0, PaddingWidth: 0, DilationHeight: 1, DilationWidth: 1, Groups: 1 }
            and ({ KernelHeight: 3, KernelWidth: 3 } or { KernelHeight: 5, KernelWidth: 5 }) and { Batch: > 0, InChannels: > 0, OutChannels: > 0 }
        && pool is { KernelHeight: 2, KernelWidth: 2, StrideHeight: 2, StrideWidth: 2, PaddingHeight: 0, PaddingWidth: 0 }
        && WeightTiles.Of(new Conv2dPoolGeometry(convolution, pool.OutHeight, pool.OutWidth), Properties.Multiprocessors).Band > 0;

    /// <inheritdoc/>
    protected override void Conv2dReluMaxPool2dForward(in Conv2dPoolGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y, Tensor argmax)
    {
        var (g, windows) = (geometry, geometry.Windows);
        ulong image = Address(x), weights = Address(weight), shift = AddressOrZero(bias), to = Address(y), codes = Address(argmax);
        var outputs = geometry.Convolution.OutChannels;
        if (geometry.Convolution.InChannels == 1)
        {
            // Output channels are shared out until the device is full, at least 4 to a block.
            int wide = Ceiling(windows, 128), taps = (geometry.Taps + 3) / 4 * 4;
            var channels = Math.Min(Ceiling(outputs, Math.Clamp(Ceiling(4 * Properties.Multiprocessors, wide), 1, Ceiling(outputs, 4))), WeightTiles.MostFloats / taps);
            Launch(Fused("forward_first", geometry), new Grid(wide, Ceiling(outputs, channels)), 4 * channels * taps,
                (nint)(&g), (nint)(&image), (nint)(&weights), (nint)(&shift), (nint)(&to), (nint)(&codes), (nint)(&channels));
            return;
        }
        Launch(Fused("forward", geometry), new Grid(Ceiling(windows, 32), Ceiling(outputs, 32)), 0,
            (nint)(&g), (nint)(&image), (nint)(&weights), (nint)(&shift), (nint)(&to), (nint)(&codes));
    }

    /// <inheritdoc/>
    protected override void Conv2dReluMaxPool2dBackwardInput(in Conv2dPoolGeometry geometry, Tensor weight, Tensor argmax, Tensor dy, Tensor dx, Store store)
    {
        var (g, c) = (geometry, geometry.Convolution);
        ulong weights = Address(weight), codes = Address(argmax), gradient = Address(dy), to = Address(dx);
        if (Planes(geometry))
        {
            Launch(Fused("backward_input_planes", geometry), new Grid(c.Batch, Ceiling(c.InChannels, 32)), SharedBytesOfPlanes(geometry),
                (nint)(&g), (nint)(&weights), (nint)(&codes), (nint)(&gradient), (nint)(&to), (nint)(&store));
            return;
        }
        if (store == Store.Overwrite) Fill(dx, 0f);
        var tiles = c.Batch * Ceiling(c.InHeight, 2) * Ceiling(c.InWidth, 2);
        Launch(Fused("backward_input", geometry), new Grid(Ceiling(tiles, 128), Ceiling(c.InChannels, 4)), 0,
            (nint)(&g), (nint)(&weights), (nint)(&codes), (nint)(&gradient), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void Conv2dReluMaxPool2dBackwardWeight(
        in Conv2dPoolGeometry geometry, Tensor x, Tensor argmax, Tensor dy, Tensor? dweight, Tensor? dbias)
    {
        var (g, c) = (geometry, geometry.Convolution);
        int taps = g.Taps, weights = c.OutChannels * c.InChannels * taps, elements = weights + c.OutChannels;
        ulong image = Address(x), codes = Address(argmax), gradient = Address(dy), parts;
        int count;
        PartsLayout layout;
        if (Planes(geometry))
        {
            var (tall, deep) = (Ceiling(c.OutChannels, 16), Ceiling(c.InChannels, 32));
            count = EvenParts(c.Batch, Properties.Multiprocessors / (tall * deep));
            layout = new PartsLayout(taps, c.InChannels, c.InChannels * taps, 1, taps);
            parts = Scratch(count * elements);
            Launch(Fused("backward_weight_planes", geometry), new Grid(count, tall, deep), 4 * 2 * 32 * (AreaOfPlanes(geometry) | 1),
                (nint)(&g), (nint)(&image), (nint)(&codes), (nint)(&gradient), (nint)(&parts));
        }
        else
        {
            var tiles = WeightTiles.Of(geometry, Properties.Multiprocessors);
            var (tall, deep) = (Ceiling(c.OutChannels, tiles.Outputs), Ceiling(c.InChannels, tiles.Inputs));
            count = EvenParts((int)Math.Min(int.MaxValue, (long)c.Batch * Ceiling(g.PooledHeight, tiles.Band)), WeightTiles.BlocksPerMultiprocessor * Properties.Multiprocessors / (tall * deep));
            layout = new PartsLayout(c.InChannels, c.OutChannels, 1, taps, c.InChannels * taps);
            parts = Scratch(count * elements);
            Launch(Fused("backward_weight", geometry), new Grid(count, tall, deep), 4 * tiles.Floats(g),
                (nint)(&g), (nint)(&tiles), (nint)(&image), (nint)(&codes), (nint)(&gradient), (nint)(&parts));
        }
        SumParts(parts, count, elements, weights, layout, AddressOrZero(dweight), AddressOrZero(dbias));
    }

    // The kernels that keep a plane in registers, a channel in a lane: so many windows in a row or column, and channels enough to be worth it.
    private static int WindowsOfPlanes(in Conv2dPoolGeometry geometry) => geometry.Convolution.KernelHeight == 3 ? 5 : 4;

    private static int AreaOfPlanes(in Conv2dPoolGeometry geometry)
    {
        var side = 2 * WindowsOfPlanes(geometry) + geometry.Convolution.KernelHeight - 1;
        return side * side;
    }

    private static int SharedBytesOfPlanes(in Conv2dPoolGeometry geometry) => 4 * Math.Max(8 * 2 * 32 * geometry.Taps, 4 * AreaOfPlanes(geometry) * 33);

    private bool Planes(in Conv2dPoolGeometry geometry) =>
        geometry.PooledHeight <= WindowsOfPlanes(geometry) && geometry.PooledWidth <= WindowsOfPlanes(geometry) && geometry.Convolution.InChannels >= 8
        && SharedBytesOfPlanes(geometry) <= Properties.SharedBytes;

    // As many parts as divide the units evenly, at most so many.
    private static int EvenParts(int units, int most) => Ceiling(units, Ceiling(units, Math.Clamp(most, 1, units)));

    private Kernel Fused(string pass, in Conv2dPoolGeometry geometry) => Get(FusedModule, (pass, geometry.Convolution.KernelHeight) switch
    {
        ("forward_first", 3) => "conv2d_relu_max_pool2d_forward_first_3",
        ("forward_first", _) => "conv2d_relu_max_pool2d_forward_first_5",
        ("forward", 3) => "conv2d_relu_max_pool2d_forward_3",
        ("forward", _) => "conv2d_relu_max_pool2d_forward_5",
        ("backward_input", 3) => "conv2d_relu_max_pool2d_backward_input_3",
        ("backward_input", _) => "conv2d_relu_max_pool2d_backward_input_5",
        ("backward_input_planes", 3) => "conv2d_relu_max_pool2d_backward_input_planes_3",
        ("backward_input_planes", _) => "conv2d_relu_max_pool2d_backward_input_planes_5",
        ("backward_weight_planes", 3) => "conv2d_relu_max_pool2d_backward_weight_planes_3",
        ("backward_weight_planes", _) => "conv2d_relu_max_pool2d_backward_weight_planes_5",
        (_, 3) => "conv2d_relu_max_pool2d_backward_weight_3",
        _ => "conv2d_relu_max_pool2d_backward_weight_5",
    });

    private static int Ceiling(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);

    /// <summary>How the fused gradient by the weight is cut: channels of a block, windows that go on at once, pooled rows in shared memory at a time. Band 0: they do not fit.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct WeightTiles(int Outputs, int Inputs, int Slots, int Band)
    {
        /// <summary>Shared memory of a block that every device has, 48 KiB.</summary>
        public const int MostFloats = 12288;
        public const int BlocksPerMultiprocessor = 2;
        private const int Threads = 256, MostOutputs = 64, FloatsOfBand = 8192;

        public static WeightTiles Of(in Conv2dPoolGeometry g, int multiprocessors)
        {
            int outputs = g.Convolution.OutChannels, inputs = g.Convolution.InChannels;
            var own = Ceiling(outputs, Ceiling(outputs, MostOutputs));
            var ownInputs = Ceiling(inputs, Ceiling(inputs, Math.Min(inputs, Threads / own)));
            var tiles = new WeightTiles(own, ownInputs, Math.Min(Threads / (own * ownInputs), g.PooledHeight * g.PooledWidth), 1);
            if (tiles.Floats(g) > MostFloats) return default;
            // As many rows as fit well, but enough bands to give every multiprocessor work.
            var blocks = (long)g.Convolution.Batch * Ceiling(outputs, own) * Ceiling(inputs, ownInputs);
            var band = g.PooledHeight;
            while (band > 1 && (tiles with { Band = band }).Floats(g) > FloatsOfBand) band = (band + 1) / 2;
            while (band > 2 && blocks * Ceiling(g.PooledHeight, band) < 2L * multiprocessors) band = (band + 1) / 2;
            return tiles with { Band = band };
        }

        /// <summary>Dynamic shared memory: the pixels of a band, its gradients and codes; at the end the sums of the slots.</summary>
        public int Floats(in Conv2dPoolGeometry g)
        {
            var pixels = (long)Inputs * (2 * Band + g.Convolution.KernelHeight - 1) * ((g.Convolution.InWidth + 1) & ~1);
            return (int)Math.Clamp(pixels + ((long)Band * g.PooledWidth * (Outputs | 1) * 5 + 3) / 4, Slots > 1 ? Threads * (g.Taps + 1) : 0, int.MaxValue);
        }
    }
}
