namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y = maxpool(relu(W ⋆ x + b)) over windows of 2 × 2 that do not overlap: <see cref="Conv2d"/>, <see cref="Relu"/> and
    /// <see cref="MaxPool2d"/>, in one pass where the device has one for the geometry.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="weight">W, [Out, C / Groups, U, V].</param>
    /// <param name="bias">b, [Out], or null.</param>
    /// <param name="options">Of the convolution; null for stride 1, no padding.</param>
    /// <returns>[N, Out, ⌊OutH / 2⌋, ⌊OutW / 2⌋], OutH and OutW those of <see cref="Conv2d"/>.</returns>
    /// <exception cref="ShapeException">The extents do not fit; the message is that of <see cref="Conv2d"/> or <see cref="MaxPool2d"/>.</exception>
    public static Tensor Conv2dReluMaxPool2d(this Tensor x, Tensor weight, Tensor? bias = null, Conv2dOptions? options = null)
    {
        var convolution = Conv2dGeometry.Resolve(x.Shape, weight.Shape, bias?.Shape, options ?? Conv2dOptions.Default);
        var places = new Shape(convolution.Batch, convolution.OutChannels, convolution.OutHeight, convolution.OutWidth);
        var pool = Pool2dGeometry.Resolve(nameof(MaxPool2d), places, (2, 2), (2, 2), (0, 0));
        var tape = Tape.Of(x, weight);
        if (!tape.Device.FusesConv2dReluMaxPool2d(convolution, pool)) return x.Conv2d(weight, bias, options).Relu().MaxPool2d((2, 2), (2, 2));

        var geometry = new Conv2dPoolGeometry(convolution, pool.OutHeight, pool.OutWidth);
        var y = tape.Allocate(new Shape(convolution.Batch, convolution.OutChannels, pool.OutHeight, pool.OutWidth));
        // A byte per result.
        var argmax = tape.Allocate(new Shape((y.Count + 3) / 4));
        tape.Device.Conv2dReluMaxPool2dForward(geometry, x, weight, bias, y, argmax);
        tape.Record(y, (geometry, x, weight, bias, y, argmax), static step =>
        {
            var (geometry, x, weight, bias, y, argmax) = step;
            var dy = y.Gradient!;
            if (x.TakeGradient(out var store) is { } dx) y.Device.Conv2dReluMaxPool2dBackwardInput(geometry, weight, argmax, dy, dx, store);
            var (dweight, dbias) = (weight.Gradient, bias?.Gradient);
            if (dweight is not null || dbias is not null) y.Device.Conv2dReluMaxPool2dBackwardWeight(geometry, x, argmax, dy, dweight, dbias);
        });
        return y;
    }
}
