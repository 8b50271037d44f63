namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    // The most pieces of a channel: a warp merges them.
    private const int BatchNormPieces = 32;

    private Grid BatchNormBlocks(in NormGeometry geometry) =>
        new(geometry.Channels, Math.Min(BatchNormPieces, Pieces(geometry.Channels, geometry.Outer * geometry.Inner, 2048)));

    /// <inheritdoc/>
    protected override void BatchNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, float momentum, Tensor statistics, Tensor y)
    {
        if (x.Count == 0) return;
        var (g, grid) = (geometry, BatchNormBlocks(geometry));
        var (from, slope, offset, mean, variance, moments, to, partial) =
            (Address(x), Address(scale), Address(shift), Address(runningMean), Address(runningVariance), Address(statistics), Address(y), Scratch(4 * grid.X * grid.Y));
        Launch(Get("batch_norm", "batch_norm_moments"), grid, 0, (nint)(&g), (nint)(&from), (nint)(&partial));
        Launch(Get("batch_norm", "batch_norm_forward"), grid, 0, (nint)(&g), (nint)(&from), (nint)(&slope), (nint)(&offset), (nint)(&mean), (nint)(&variance),
            (nint)(&momentum), (nint)(&moments), (nint)(&to), (nint)(&partial));
    }

    /// <inheritdoc/>
    protected override void BatchNormInference(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, Tensor y)
    {
        if (x.Count == 0) return;
        var (g, from, slope, offset, mean, variance, to) =
            (geometry, Address(x), Address(scale), Address(shift), Address(runningMean), Address(runningVariance), Address(y));
        Launch(Get("batch_norm", "batch_norm_inference"), BatchNormBlocks(geometry), 0,
            (nint)(&g), (nint)(&from), (nint)(&slope), (nint)(&offset), (nint)(&mean), (nint)(&variance), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void BatchNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift)
    {
        if (x.Count == 0) return;
        var (g, grid) = (geometry, BatchNormBlocks(geometry));
        var (from, slope, moments, gradient, partial) = (Address(x), Address(scale), Address(statistics), Address(dy), Scratch(4 * grid.X * grid.Y));
        var (dinput, dslope, doffset) = (AddressOrZero(dx), AddressOrZero(dscale), AddressOrZero(dshift));
        Launch(Get("batch_norm", "batch_norm_backward_sums"), grid, 0, (nint)(&g), (nint)(&from), (nint)(&moments), (nint)(&gradient), (nint)(&partial));
        Launch(Get("batch_norm", "batch_norm_backward"), grid, 0, (nint)(&g), (nint)(&from), (nint)(&slope), (nint)(&moments), (nint)(&gradient),
            (nint)(&dinput), (nint)(&dslope), (nint)(&doffset), (nint)(&partial));
    }
}
