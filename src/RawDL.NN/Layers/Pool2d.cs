using System.Text.Json;

namespace RawDL.NN;

/// <summary>A pooling of windows: images [C, H, W] → [C, OutH, OutW]. Which value stands for a window is said by the derived layer.</summary>
public abstract class Pool2d : Layer
{
    private protected Pool2d((int Height, int Width) kernel) => Kernel = Stride = kernel;

    /// <summary>The window, pixels.</summary>
    public (int Height, int Width) Kernel { get; }

    /// <summary>Pixels from one window to the next; the window's extent by default, so that windows do not overlap.</summary>
    public (int Height, int Width) Stride { get; init; }

    /// <summary>Pixels added on every side, at most half the window.</summary>
    public (int Height, int Width) Padding { get; init; }

    /// <inheritdoc/>
    protected override long OwnFlops => (long)OutputShape.Count * Kernel.Height * Kernel.Width;

    private protected static (int, int) ReadKernel(ConfigurationObject source) =>
        source.Pair("kernel", 1) ?? throw source.Fail("expected 'kernel', an integer >= 1 or [height, width]", "none");

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
        var geometry = Fit(() => Pool2dGeometry.Resolve(this is MaxPool2d ? nameof(MaxPool2d) : nameof(AveragePool2d), input.Batched(1), Kernel, Stride, Padding));
        return new Shape(input[0], geometry.OutHeight, geometry.OutWidth);
    }
}
