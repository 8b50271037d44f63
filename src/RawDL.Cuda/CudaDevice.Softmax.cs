namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void SoftmaxForward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor x, Tensor y)
    {
        if (x.Count == 0) return;
        var (g, from, to) = (geometry, Address(x), Address(y));
        var kernel = Get("softmax", g.Inner > 1 ? "softmax_forward_columns" : g.Reduced <= WarpRow ? "softmax_forward_warp" : "softmax_forward_block");
        Launch(kernel, SoftmaxBlocks(g, kernel), 0, (nint)(&g), (nint)(&kind), (nint)(&from), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void SoftmaxBackward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor y, Tensor dy, Tensor dx)
    {
        if (y.Count == 0) return;
        var (g, output, gradient, to) = (geometry, Address(y), Address(dy), Address(dx));
        var kernel = Get("softmax", g.Inner > 1 ? "softmax_backward_columns" : g.Reduced <= WarpRow ? "softmax_backward_warp" : "softmax_backward_block");
        Launch(kernel, SoftmaxBlocks(g, kernel), 0, (nint)(&g), (nint)(&kind), (nint)(&output), (nint)(&gradient), (nint)(&to));
    }

    private Grid SoftmaxBlocks(in ReduceGeometry geometry, in Kernel kernel) =>
        geometry.Inner > 1 ? Blocks((long)geometry.Outer * geometry.Inner, kernel) : RowGroups(geometry.Outer, geometry.Reduced);
}
