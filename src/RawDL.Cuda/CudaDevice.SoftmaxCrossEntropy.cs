namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void SoftmaxCrossEntropyForward(in CrossEntropyGeometry geometry, Tensor logits, Tensor labels, Tensor probabilities, Tensor losses)
    {
        if (geometry.Rows == 0) return;
        var (g, from, targets, shares, to) = (geometry, Address(logits), Address(labels), Address(probabilities), Address(losses));
        Launch(Get("softmax_cross_entropy", g.Classes <= WarpRow ? "softmax_cross_entropy_forward_warp" : "softmax_cross_entropy_forward_block"),
            RowGroups(g.Rows, g.Classes), 0, (nint)(&g), (nint)(&from), (nint)(&targets), (nint)(&shares), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void SoftmaxCrossEntropyBackward(in CrossEntropyGeometry geometry, Tensor labels, Tensor probabilities, Tensor dlosses, Tensor dlogits)
    {
        if (dlogits.Count == 0) return;
        var kernel = Get("softmax_cross_entropy", "softmax_cross_entropy_backward");
        var (g, targets, shares, gradient, to) = (geometry, Address(labels), Address(probabilities), Address(dlosses), Address(dlogits));
        Launch(kernel, Blocks(dlogits.Count, kernel), 0, (nint)(&g), (nint)(&targets), (nint)(&shares), (nint)(&gradient), (nint)(&to));
    }
}
