namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void BatchNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, float momentum, Tensor statistics, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void BatchNormInference(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    protected override void BatchNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift) => throw new NotImplementedException();
}
