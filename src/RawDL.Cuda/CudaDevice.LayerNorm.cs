namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    // Rows of up to this length belong to a warp, longer ones to a block.
    private const int WarpRow = 1024;

    private static Grid RowGroups(int rows, int length) => new(length <= WarpRow ? (rows + 7) / 8 : rows);

    /// <inheritdoc/>
    protected override void LayerNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor statistics, Tensor y)
    {
        if (x.Count == 0) return;
        var (g, length) = (geometry, geometry.Channels * geometry.Inner);
        var (from, slope, offset, moments, to) = (Address(x), Address(scale), Address(shift), Address(statistics), Address(y));
        Launch(Get("layer_norm", length <= WarpRow ? "layer_norm_forward_warp" : "layer_norm_forward_block"), RowGroups(g.Outer, length), 0,
            (nint)(&g), (nint)(&from), (nint)(&slope), (nint)(&offset), (nint)(&moments), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void LayerNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift)
    {
        if (x.Count == 0) return;
        var (g, length) = (geometry, geometry.Channels * geometry.Inner);
        var (from, slope, moments, gradient) = (Address(x), Address(scale), Address(statistics), Address(dy));
        if (dx is not null)
        {
            var to = Address(dx);
            Launch(Get("layer_norm", length <= WarpRow ? "layer_norm_backward_warp" : "layer_norm_backward_block"), RowGroups(g.Outer, length), 0,
                (nint)(&g), (nint)(&from), (nint)(&slope), (nint)(&moments), (nint)(&gradient), (nint)(&to));
        }
        if (dscale is null && dshift is null) return;
        var (dslope, doffset, store, blocks) = (AddressOrZero(dscale), AddressOrZero(dshift), Store.Add, (length + 31) / 32);
        var pieces = Pieces(blocks, g.Outer, 64);
        if (pieces > 1)
        {
            dslope = Scratch(2 * pieces * length);
            (doffset, store) = (dslope + 4 * (ulong)pieces * (ulong)length, Store.Overwrite);
        }
        Launch(Get("layer_norm", "layer_norm_backward_columns"), new Grid(blocks, pieces), 0,
            (nint)(&g), (nint)(&from), (nint)(&moments), (nint)(&gradient), (nint)(&dslope), (nint)(&doffset), (nint)(&store));
        if (pieces == 1) return;
        if (dscale is not null) FinishSums(dslope, pieces, length, Address(dscale), 1f, Store.Add);
        if (dshift is not null) FinishSums(doffset, pieces, length, Address(dshift), 1f, Store.Add);
    }
}
