namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void Region(in RegionGeometry geometry, Tensor source, Tensor target, Store store) => throw new NotImplementedException();
}
