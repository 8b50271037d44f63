namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void Sum(in ReduceGeometry geometry, Tensor x, Tensor y, float scale, Store store) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void SumBackward(in ReduceGeometry geometry, Tensor dy, Tensor dx, float scale) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override double SumOfSquares(Tensor x) => throw new NotImplementedException();
}
