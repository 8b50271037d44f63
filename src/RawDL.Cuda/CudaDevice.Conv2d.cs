using System.Runtime.InteropServices;

namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    private const string Conv2dModule = "conv2d";

    /// <inheritdoc/>
    protected override void Conv2dForward(in Conv2dGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y)
    {
        if (y.Count > 0) Product(Conv2dProduct.Forward(geometry), x, weight, bias, y);
    }

    /// <inheritdoc/>
    protected override void Conv2dBackwardInput(in Conv2dGeometry geometry, Tensor weight, Tensor dy, Tensor dx)
    {
        if (dx.Count > 0 && dy.Count > 0) Product(Conv2dProduct.BackwardInput(geometry), dy, weight, null, dx);
    }

    /// <inheritdoc/>
    protected override void Conv2dBackwardWeight(in Conv2dGeometry geometry, Tensor x, Tensor dy, Tensor dweight)
    {
        if (dweight.Count == 0 || dy.Count == 0) return;
        var product = Conv2dProduct.Forward(geometry);
        var plan = Conv2dPlan.OfGradient(product, Properties.Multiprocessors);
        var (parts, length) = (plan.Grid.Z, plan.Length);
        ulong source = Address(x), gradient = Address(dy), target = parts == 1 ? Address(dweight) : Scratch(parts * dweight.Count);
        Launch(Get(Conv2dModule, plan.Kernel), plan.Grid, 0, (nint)(&product), (nint)(&source), (nint)(&gradient), (nint)(&target), (nint)(&length));
        if (parts > 1) SumParts(target, parts, dweight.Count, dweight.Count, new PartsLayout(1, dweight.Count, 0, 0, 1), Address(dweight), 0);
    }

    private void Product(Conv2dProduct product, Tensor source, Tensor weight, Tensor? bias, Tensor target)
    {
        var plan = Conv2dPlan.Of(product, Properties.Multiprocessors);
        ulong from = Address(source), weights = Address(weight), shift = AddressOrZero(bias), to = Address(target);
        var vectors = product.PlaceHeight * product.PlaceWidth % 4 == 0 && to % 16 == 0 ? 1 : 0;
        Launch(Get(Conv2dModule, plan.Kernel), plan.Grid, 0, (nint)(&product), (nint)(&from), (nint)(&weights), (nint)(&shift), (nint)(&to), (nint)(&vectors));
    }

    // first[place of e] += Σ parts[p][e] in the order of p; the elements from firsts on go to second. 0 where a destination is not wanted.
    private void SumParts(ulong parts, int count, int elements, int firsts, PartsLayout layout, ulong first, ulong second)
    {
        var stride = (long)elements;
        Launch(Get(Conv2dModule, "conv2d_sum_parts"), new Grid((elements + 31) / 32), 0, (nint)(&parts), (nint)(&count), (nint)(&stride), (nint)(&elements),
            (nint)(&firsts), (nint)(&layout), (nint)(&first), (nint)(&second));
    }

    // Element e = (i·D1 + j)·D2 + k of a part belongs to i·S0 + j·S1 + k·S2: kernels/conv2d.cu.
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct PartsLayout(int D1, int D2, int S0, int S1, int S2);
}

/// <summary>A convolution's forward pass or gradient by the input as a product per group: kernels/conv2d.cu. Rows, taps and source channels are those of one group.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Conv2dProduct(
    int Batch, int Groups, int Rows, int Taps,
    int RowStride, int ChannelStride, int KernelHeight, int KernelWidth,
    int SourceChannels, int SourceHeight, int SourceWidth, int PlaceHeight, int PlaceWidth,
    int StepHeight, int StepWidth, int OriginHeight, int OriginWidth, int ReachHeight, int ReachWidth, int StrideHeight, int StrideWidth,
    Store Store)
{
    /// <summary>Places of the target in all images.</summary>
    public int Places => Batch * PlaceHeight * PlaceWidth;

    public bool IsStrided => StrideHeight > 1 || StrideWidth > 1;

    /// <summary>Rows are output channels, places those of y.</summary>
    public static Conv2dProduct Forward(in Conv2dGeometry g)
    {
        int inputs = g.InChannels / g.Groups, area = g.KernelHeight * g.KernelWidth;
        return new Conv2dProduct(g.Batch, g.Groups, g.OutChannels / g.Groups, inputs * area, inputs * area, area, g.KernelHeight, g.KernelWidth,
            inputs, g.InHeight, g.InWidth, g.OutHeight, g.OutWidth,
            g.StrideHeight, g.StrideWidth, -g.PaddingHeight, -g.PaddingWidth, g.DilationHeight, g.DilationWidth, 1, 1, Store.Overwrite);
    }

    /// <summary>Rows are input channels, places those of dx.</summary>
    public static Conv2dProduct BackwardInput(in Conv2dGeometry g)
    {
        int inputs = g.InChannels / g.Groups, outputs = g.OutChannels / g.Groups, area = g.KernelHeight * g.KernelWidth;
        return new Conv2dProduct(g.Batch, g.Groups, inputs, outputs * area, area, inputs * area, g.KernelHeight, g.KernelWidth,
            outputs, g.OutHeight, g.OutWidth, g.InHeight, g.InWidth,
            1, 1, g.PaddingHeight, g.PaddingWidth, -g.DilationHeight, -g.DilationWidth, g.StrideHeight, g.StrideWidth, Store.Add);
    }
}

/// <summary>Which kernel of kernels/conv2d.cu serves a problem, and how.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Grid">Its blocks.</param>
/// <param name="Length">Places of a part of a gradient by the weight.</param>
internal readonly record struct Conv2dPlan(string Kernel, Grid Grid, int Length = 0)
{
    private const int FewRows = 8, FewTaps = 32, FewTapsMostRows = 32;

    public static Conv2dPlan Of(in Conv2dProduct product, int multiprocessors)
    {
        int rows = product.Rows, groups = product.Groups, places = product.Places;
        Grid Tiles(int tall, int wide) => new((int)(((long)places + wide - 1) / wide), Ceiling(rows, tall) * groups);
        if (rows <= FewRows || (product.Taps <= FewTaps && rows <= FewTapsMostRows))
        {
            if (product.IsStrided) return new("conv2d_strided_product_8", Tiles(8, 512));
            return rows == 1 ? new("conv2d_product_1", Tiles(1, 512)) : new("conv2d_product_8", Tiles(8, 512));
        }
        if (product.IsStrided) return new("conv2d_strided_product_64", Tiles(64, 128));
        if (rows <= 32) return new("conv2d_product_32", Tiles(32, 128));
        // The large tile where it wastes no more rows and still gives each multiprocessor a block.
        var tiles = Tiles(128, 128);
        if (Ceiling(rows, 128) * 128 <= Ceiling(rows, 64) * 64 && (long)tiles.X * tiles.Y >= multiprocessors) return new("conv2d_product_128", tiles);
        return new("conv2d_product_64", Tiles(64, 128));
    }

    /// <summary>The gradient by the weight. Its parts depend on the problem and the device alone.</summary>
    public static Conv2dPlan OfGradient(in Conv2dProduct product, int multiprocessors)
    {
        int rows = product.Rows, taps = product.Taps, groups = product.Groups;
        if (rows <= 4 && taps <= FewTaps)
        {
            var outputs = rows * groups * Ceiling(taps, 16);
            var (few, each) = Parts(product.Places, 4 * multiprocessors / outputs, 1024);
            return new("conv2d_backward_weight_1", new Grid(outputs, 1, few), each);
        }
        // Small tiles where large ones would be filled to less than four fifths.
        int small = Ceiling(rows, 32) * Ceiling(taps, 32), large = Ceiling(rows, 64) * Ceiling(taps, 64);
        var isSmall = 5L * small < 4L * 4 * large;
        var tiles = (isSmall ? small : large) * groups;
        var (parts, length) = Parts(product.Places, (isSmall ? 8 : 3) * multiprocessors / tiles, 64);
        return new(isSmall ? "conv2d_backward_weight_32" : "conv2d_backward_weight_64", new Grid(tiles / groups, groups, parts), length);
    }

    // So many parts at most, each of a multiple of `unit` places.
    private static (int Parts, int Length) Parts(int places, int most, int unit)
    {
        var units = Ceiling(places, unit);
        var each = Ceiling(units, Math.Clamp(most, 1, 1024));
        return (Ceiling(units, each), each * unit);
    }

    private static int Ceiling(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);
}
