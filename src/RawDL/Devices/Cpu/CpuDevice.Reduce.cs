namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void Sum(in ReduceGeometry geometry, Tensor x, Tensor y, float scale, Store store) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override void SumBackward(in ReduceGeometry geometry, Tensor dy, Tensor dx, float scale) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected internal override double SumOfSquares(Tensor x) => throw new NotImplementedException();
}
