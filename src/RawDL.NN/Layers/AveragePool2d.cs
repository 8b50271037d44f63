namespace RawDL.NN;

/// <summary>The mean of each window, see <see cref="TensorOps.AveragePool2d"/>.</summary>
/// <param name="kernel">The window, pixels.</param>
public sealed class AveragePool2d((int Height, int Width) kernel) : Pool2d(kernel)
{
    /// <summary>A square window.</summary>
    public AveragePool2d(int kernel) : this((kernel, kernel)) { }

    /// <inheritdoc/>
    public override string Type => "average_pool2d";

    internal static AveragePool2d Read(ConfigurationObject source)
    {
        var kernel = ReadKernel(source);
        return new AveragePool2d(kernel) { Stride = source.Pair("stride", kernel, 1), Padding = source.Pair("padding", (0, 0), 0) };
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.AveragePool2d(Kernel, Stride, Padding);
}
