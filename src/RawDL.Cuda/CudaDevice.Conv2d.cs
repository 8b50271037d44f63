namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void Conv2dForward(in Conv2dGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void Conv2dBackwardInput(in Conv2dGeometry geometry, Tensor weight, Tensor dy, Tensor dx) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void Conv2dBackwardWeight(in Conv2dGeometry geometry, Tensor x, Tensor dy, Tensor dweight) => throw new NotImplementedException();
}
