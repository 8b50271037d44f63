using System.Text.Json;

namespace RawDL.NN;

/// <summary>Layers one after the other: y = fₙ(… f₂(f₁(x))).</summary>
/// <param name="layers">In order of work.</param>
public sealed class Sequential(params Layer[] layers) : Layer
{
    /// <inheritdoc/>
    public override string Type => "sequential";

    /// <inheritdoc/>
    public override IReadOnlyList<Layer> Children { get; } = [.. layers];

    internal static Sequential Read(ConfigurationObject source) =>
        new([.. LayerReader.ReadAll(source, "layers") ?? throw source.Fail("expected 'layers'", "none")]);

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json) => json.WriteLayers("layers", Children);

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input) => BindInside(Children, input, Path);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        foreach (var layer in Children) x = layer.Forward(x);
        return x;
    }
}
