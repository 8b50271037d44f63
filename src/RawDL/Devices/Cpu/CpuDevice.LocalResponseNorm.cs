namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void LocalResponseNormForward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override void LocalResponseNormBackward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y, Tensor dy, Tensor dx) => throw new NotImplementedException();
}
