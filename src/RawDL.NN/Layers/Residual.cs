using System.Text.Json;

namespace RawDL.NN;

/// <summary>y = activation(body(x) + shortcut(x)); without a shortcut y = activation(body(x) + x). Source: He et al., Deep Residual Learning, CVPR 2016, equations 1 and 2.</summary>
/// <param name="body">The layers of the body, in order.</param>
public sealed class Residual(params Layer[] body) : ActivatedLayer
{
    private readonly Layer[] _body = [.. body];

    /// <inheritdoc/>
    public override string Type => "residual";

    /// <summary>The layers beside the body, where it changes the shape; empty for the identity.</summary>
    public IReadOnlyList<Layer> Shortcut { get; init; } = [];

    private protected override IReadOnlyList<Layer> OwnChildren => [.. _body, .. Shortcut];

    /// <inheritdoc/>
    protected override long OwnFlops => OutputShape.Count;

    internal static Residual Read(ConfigurationObject source) =>
        new([.. LayerReader.ReadAll(source, "layers") ?? throw source.Fail("expected 'layers'", "none")])
        {
            Shortcut = LayerReader.ReadAll(source, "shortcut") ?? [],
            Activation = source.Activation(),
        };

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        json.WriteLayers("layers", _body);
        if (Shortcut.Count > 0) json.WriteLayers("shortcut", Shortcut);
        json.WriteActivation(Activation);
    }

    /// <inheritdoc/>
    private protected override Shape ResolveOwn(Shape input)
    {
        var output = BindInside(_body, input, Path);
        var beside = BindInside(Shortcut, input, Inside("shortcut"));
        if (beside != output)
            throw Mismatch($"the body's shape {output} from the {(Shortcut.Count > 0 ? "shortcut" : "identity beside it; give a shortcut")}", $"{beside}");
        return output;
    }

    /// <inheritdoc/>
    private protected override Tensor ComputeOwn(Tensor x)
    {
        Tensor body = x, shortcut = x;
        foreach (var layer in _body) body = layer.Forward(body);
        foreach (var layer in Shortcut) shortcut = layer.Forward(shortcut);
        return body.Add(shortcut);
    }
}
