namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void SoftmaxCrossEntropyForward(in CrossEntropyGeometry geometry, Tensor logits, Tensor labels, Tensor probabilities, Tensor losses) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override void SoftmaxCrossEntropyBackward(in CrossEntropyGeometry geometry, Tensor labels, Tensor probabilities, Tensor dlosses, Tensor dlogits) => throw new NotImplementedException();
}
