using System.Text.Json;

namespace RawDL.NN;

/// <summary>The largest value of each window, see <see cref="TensorOps.MaxPool2d"/>: images [C, H, W] → [C, OutH, OutW].</summary>
/// <param name="kernel">The window, pixels.</param>
public sealed class MaxPool2d((int Height, int Width) kernel) : Layer
{
    /// <summary>A square window.</summary>
    public MaxPool2d(int kernel) : this((kernel, kernel)) { }

    /// <inheritdoc/>
    public override string Type => "max_pool2d";

    /// <summary>The window, pixels.</summary>
    public (int Height, int Width) Kernel { get; } = kernel;

    /// <summary>Pixels from one window to the next; the window's extent by default, so that windows do not overlap.</summary>
    public (int Height, int Width) Stride { get; init; } = kernel;

    /// <summary>Pixels added on every side, at most half the window.</summary>
    public (int Height, int Width) Padding { get; init; }

    /// <inheritdoc/>
    protected override long OwnFlops => (long)OutputShape.Count * Kernel.Height * Kernel.Width;

    internal static MaxPool2d Read(ConfigurationObject source)
    {
        var kernel = source.Pair("kernel", 1) ?? throw source.Fail("expected 'kernel', an integer >= 1 or [height, width]", "none");
        return new MaxPool2d(kernel) { Stride = source.Pair("stride", kernel, 1), Padding = source.Pair("padding", (0, 0), 0) };
    }

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        json.WritePair("kernel", Kernel);
        json.WritePair("stride", Stride);
        json.WritePair("padding", Padding);
    }

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input)
    {
        if (input.Rank != 3) throw Mismatch("samples [C, H, W]", $"{input}");
        var geometry = Fit(() => Pool2dGeometry.Resolve("MaxPool2d", input.Batched(1), Kernel, Stride, Padding));
        return new Shape(input[0], geometry.OutHeight, geometry.OutWidth);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.MaxPool2d(Kernel, Stride, Padding);
}
