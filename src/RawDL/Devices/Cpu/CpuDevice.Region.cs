namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void Region(in RegionGeometry geometry, Tensor source, Tensor target, Store store) => throw new NotImplementedException();
}
