namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void MaxPool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y, Tensor argmax) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void MaxPool2dBackward(in Pool2dGeometry geometry, Tensor argmax, Tensor dy, Tensor dx) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void AveragePool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void AveragePool2dBackward(in Pool2dGeometry geometry, Tensor dy, Tensor dx) => throw new NotImplementedException();
}
