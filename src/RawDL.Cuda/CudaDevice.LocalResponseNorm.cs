namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void LocalResponseNormForward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y)
    {
        if (x.Count == 0) return;
        var kernel = Get("local_response_norm", "local_response_norm_forward");
        var (g, from, divisor, to) = (geometry, Address(x), Address(denominator), Address(y));
        Launch(kernel, Blocks(x.Count, kernel), 0, (nint)(&g), (nint)(&from), (nint)(&divisor), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void LocalResponseNormBackward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y, Tensor dy, Tensor dx)
    {
        if (x.Count == 0) return;
        var kernel = Get("local_response_norm", "local_response_norm_backward");
        var (g, from, divisor, output, gradient, to) = (geometry, Address(x), Address(denominator), Address(y), Address(dy), Address(dx));
        Launch(kernel, Blocks(x.Count, kernel), 0, (nint)(&g), (nint)(&from), (nint)(&divisor), (nint)(&output), (nint)(&gradient), (nint)(&to));
    }
}
