namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void Dropout(in DropoutGeometry geometry, Tensor source, Tensor target, Store store) => throw new NotImplementedException();
}
