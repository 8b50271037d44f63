namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void BinaryForward<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override void BinaryBackwardLeft<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor da) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override void BinaryBackwardRight<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor db) => throw new NotImplementedException();
}
