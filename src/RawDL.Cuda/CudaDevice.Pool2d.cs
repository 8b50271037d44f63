namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void MaxPool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y, Tensor argmax)
    {
        if (y.Count == 0) return;
        var kernel = Get("pool2d", "max_pool2d_forward");
        var (g, from, to, places) = (geometry, Address(x), Address(y), Address(argmax));
        Launch(kernel, Blocks(y.Count, kernel), 0, (nint)(&g), (nint)(&from), (nint)(&to), (nint)(&places));
    }

    /// <inheritdoc/>
    protected override void MaxPool2dBackward(in Pool2dGeometry geometry, Tensor argmax, Tensor dy, Tensor dx)
    {
        if (dx.Count == 0) return;
        var kernel = Get("pool2d", "max_pool2d_backward");
        var (g, places, from, to) = (geometry, Address(argmax), Address(dy), Address(dx));
        Launch(kernel, Blocks(dx.Count, kernel), 0, (nint)(&g), (nint)(&places), (nint)(&from), (nint)(&to));
    }

    /// <inheritdoc/>
    protected override void AveragePool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y) => AveragePool2d("average_pool2d_forward", geometry, x, y);

    /// <inheritdoc/>
    protected override void AveragePool2dBackward(in Pool2dGeometry geometry, Tensor dy, Tensor dx) => AveragePool2d("average_pool2d_backward", geometry, dy, dx);

    private void AveragePool2d(string name, Pool2dGeometry geometry, Tensor source, Tensor target)
    {
        if (target.Count == 0) return;
        var kernel = Get("pool2d", name);
        var (from, to) = (Address(source), Address(target));
        Launch(kernel, Blocks(target.Count, kernel), 0, (nint)(&geometry), (nint)(&from), (nint)(&to));
    }
}
