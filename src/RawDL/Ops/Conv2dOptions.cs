namespace RawDL;

/// <summary>How the window of a convolution moves.</summary>
public sealed record Conv2dOptions
{
    /// <summary>Pixels from one window to the next, ≥ 1.</summary>
    public (int Height, int Width) Stride { get; init; } = (1, 1);

    /// <summary>Zeros added on every side, pixels, ≥ 0.</summary>
    public (int Height, int Width) Padding { get; init; } = (0, 0);

    /// <summary>Pixels between neighbours of the kernel, ≥ 1.</summary>
    public (int Height, int Width) Dilation { get; init; } = (1, 1);

    /// <summary>Channel groups that do not see each other, ≥ 1; both channel counts are multiples of it.</summary>
    public int Groups { get; init; } = 1;

    internal static Conv2dOptions Default { get; } = new();
}
