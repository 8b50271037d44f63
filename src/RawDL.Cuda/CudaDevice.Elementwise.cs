namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void UnaryForward<TOp>(TOp op, Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void UnaryBackward<TOp>(TOp op, Tensor x, Tensor y, Tensor dy, Tensor dx) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void BinaryForward<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void BinaryBackwardLeft<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor da) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void BinaryBackwardRight<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor db) => throw new NotImplementedException();
}
