namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void LayerNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor statistics, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void LayerNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift) => throw new NotImplementedException();
}
