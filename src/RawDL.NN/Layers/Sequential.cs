using System.Text.Json;

namespace RawDL.NN;

/// <summary>Layers one after the other: y = fₙ(… f₂(f₁(x))).</summary>
/// <param name="layers">In order of work.</param>
public sealed class Sequential(params Layer[] layers) : Layer
{
    // By place: how many layers one operation does, 1 or those of a convolution with ReLU and a maximum over windows of 2 × 2.
    private readonly int[] _spans = new int[layers.Length];

    /// <inheritdoc/>
    public override string Type => "sequential";

    /// <inheritdoc/>
    public override IReadOnlyList<Layer> Children { get; } = [.. layers];

    internal static Sequential Read(ConfigurationObject source) =>
        new([.. LayerReader.ReadAll(source, "layers") ?? throw source.Fail("expected 'layers'", "none")]);

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json) => json.WriteLayers("layers", Children);

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input)
    {
        var output = BindInside(Children, input, Path);
        for (var i = 0; i < _spans.Length; i++) _spans[i] = Span(i);
        return output;
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        for (var i = 0; i < _spans.Length; i += _spans[i])
        {
            x = _spans[i] == 1 ? Children[i].Forward(x) : ((Conv2d)Children[i]).ForwardPooled(x);
            for (var behind = i + 1; behind < i + _spans[i]; behind++) Children[behind].Output = x;
        }
        return x;
    }

    private int Span(int at)
    {
        if (Children[at] is not Conv2d convolution) return 1;
        var pool = at + 1;
        if (convolution.Activation is null && pool < Children.Count && Children[pool] is Activation { Type: "relu" }) pool++;
        else if (convolution.Activation?.Type != "relu") return 1;
        return pool < Children.Count && Children[pool] is MaxPool2d { Kernel: (2, 2), Stride: (2, 2), Padding: (0, 0) } ? pool - at + 1 : 1;
    }
}
