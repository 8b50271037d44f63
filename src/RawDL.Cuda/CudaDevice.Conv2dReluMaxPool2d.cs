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
        if (store == Store.Overwrite) Fill(dx, 0f);
        var (g, c) = (geometry, geometry.Convolution);
        ulong weights = Address(weight), codes = Address(argmax), gradient = Address(dy), to = Address(dx);
        var tiles = c.Batch * Ceiling(c.InHeight, 2) * Ceiling(c.InWidth, 2);
        Launch(Fused("backward_input", geometry), new Grid(Ceiling(tiles, 128), Ceiling(c.InChannels, 4)), 0,
            (nint)(&g), (nint)(&weights), (nint)(&codes), (nint)(&gradient), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void Conv2dReluMaxPool2dBackwardWeight(
        in Conv2dPoolGeometry geometry, Tensor x, Tensor argmax, Tensor dy, Tensor? dweight, Tensor? dbias)
    {
        var (g, c) = (geometry, geometry.Convolution);
        var tiles = WeightTiles.Of(geometry, Properties.Multiprocessors);
        var units = (int)Math.Min(int.MaxValue, (long)c.Batch * Ceiling(g.PooledHeight, tiles.Band));
        var (tall, deep) = (Ceiling(c.OutChannels, tiles.Outputs), Ceiling(c.InChannels, tiles.Inputs));
        var count = Math.Clamp(WeightTiles.BlocksPerMultiprocessor * Properties.Multiprocessors / (tall * deep), 1, units);
        var weights = c.OutChannels * c.InChannels * g.Taps;
        var elements = weights + c.OutChannels;
        ulong image = Address(x), codes = Address(argmax), gradient = Address(dy), parts = Scratch(count * elements);
        Launch(Fused("backward_weight", geometry), new Grid(count, tall, deep), 4 * Math.Max(256, tiles.Floats(g)),
            (nint)(&g), (nint)(&tiles), (nint)(&image), (nint)(&codes), (nint)(&gradient), (nint)(&parts));
        SumParts(parts, count, elements, weights, AddressOrZero(dweight), AddressOrZero(dbias));
    }

    private Kernel Fused(string pass, in Conv2dPoolGeometry geometry) => Get(FusedModule, (pass, geometry.Convolution.KernelHeight) switch
    {
        ("forward_first", 3) => "conv2d_relu_max_pool2d_forward_first_3",
        ("forward_first", _) => "conv2d_relu_max_pool2d_forward_first_5",
        ("forward", 3) => "conv2d_relu_max_pool2d_forward_3",
        ("forward", _) => "conv2d_relu_max_pool2d_forward_5",
        ("backward_input", 3) => "conv2d_relu_max_pool2d_backward_input_3",
        ("backward_input", _) => "conv2d_relu_max_pool2d_backward_input_5",
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
        public const int BlocksPerMultiprocessor = 3;
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

        /// <summary>Dynamic shared memory: the pixels of a band, its gradients and codes.</summary>
        public int Floats(in Conv2dPoolGeometry g)
        {
            var pixels = (long)Inputs * (2 * Band + g.Convolution.KernelHeight - 1) * ((g.Convolution.InWidth + 1) & ~1);
            return (int)Math.Min(int.MaxValue, pixels + ((long)Band * g.PooledWidth * (Outputs | 1) * 5 + 3) / 4);
        }
    }
}
