namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void SoftmaxForward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void SoftmaxBackward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor y, Tensor dy, Tensor dx) => throw new NotImplementedException();
}
