namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void Update<TRule>(TRule rule, ReadOnlySpan<UpdateSegment> segments, Tensor values, Tensor gradients, Tensor? state0, Tensor? state1, Tensor? state2) => throw new NotImplementedException();
}
