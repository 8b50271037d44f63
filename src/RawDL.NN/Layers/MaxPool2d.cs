namespace RawDL.NN;

/// <summary>The largest value of each window, see <see cref="TensorOps.MaxPool2d"/>.</summary>
/// <param name="kernel">The window, pixels.</param>
public sealed class MaxPool2d((int Height, int Width) kernel) : Pool2d(kernel)
{
    /// <summary>A square window.</summary>
    public MaxPool2d(int kernel) : this((kernel, kernel)) { }

    /// <inheritdoc/>
    public override string Type => "max_pool2d";

    internal static MaxPool2d Read(ConfigurationObject source)
    {
        var kernel = ReadKernel(source);
        return new MaxPool2d(kernel) { Stride = source.Pair("stride", kernel, 1), Padding = source.Pair("padding", (0, 0), 0) };
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.MaxPool2d(Kernel, Stride, Padding);
}
