namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store) => throw new NotImplementedException();
}
