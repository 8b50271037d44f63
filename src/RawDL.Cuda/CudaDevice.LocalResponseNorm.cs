namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void LocalResponseNormForward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void LocalResponseNormBackward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y, Tensor dy, Tensor dx) => throw new NotImplementedException();
}
