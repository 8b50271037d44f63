namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void SoftmaxForward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override void SoftmaxBackward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor y, Tensor dy, Tensor dx) => throw new NotImplementedException();
}
