namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store) => throw new NotImplementedException();
}
