namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void SoftmaxCrossEntropyForward(in CrossEntropyGeometry geometry, Tensor logits, Tensor labels, Tensor probabilities, Tensor losses) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void SoftmaxCrossEntropyBackward(in CrossEntropyGeometry geometry, Tensor labels, Tensor probabilities, Tensor dlosses, Tensor dlogits) => throw new NotImplementedException();
}
