using System.Text.Json;

namespace RawDL.NN;

/// <summary>Zeros around each plane: images [C, H, W] → [C, Top + H + Bottom, Left + W + Right].</summary>
/// <param name="top">Rows above, pixels.</param>
/// <param name="bottom">Rows below, pixels.</param>
/// <param name="left">Columns before, pixels.</param>
/// <param name="right">Columns after, pixels.</param>
public sealed class ZeroPad(int top, int bottom, int left, int right) : Layer
{
    /// <summary>The same on every side.</summary>
    public ZeroPad(int padding) : this(padding, padding, padding, padding) { }

    /// <inheritdoc/>
    public override string Type => "zero_pad";

    /// <summary>Rows above, rows below, columns before, columns after, pixels.</summary>
    public (int Top, int Bottom, int Left, int Right) Padding { get; } = (top, bottom, left, right);

    internal static ZeroPad Read(ConfigurationObject source) =>
        new(source.Integer("top", 0, 0), source.Integer("bottom", 0, 0), source.Integer("left", 0, 0), source.Integer("right", 0, 0));

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        json.WriteNumber("top", Padding.Top);
        json.WriteNumber("bottom", Padding.Bottom);
        json.WriteNumber("left", Padding.Left);
        json.WriteNumber("right", Padding.Right);
    }

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input)
    {
        if (input.Rank != 3) throw Mismatch("samples [C, H, W]", $"{input}");
        if (Padding.Top < 0 || Padding.Bottom < 0 || Padding.Left < 0 || Padding.Right < 0) throw Mismatch("padding >= 0", $"{Padding}");
        return new Shape(input[0], checked(Padding.Top + input[1] + Padding.Bottom), checked(Padding.Left + input[2] + Padding.Right));
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.Pad(Padding.Top, Padding.Bottom, Padding.Left, Padding.Right);
}
