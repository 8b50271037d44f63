using System.Text.Json;

namespace RawDL.NN;

/// <summary>Layer normalisation of each sample, see <see cref="TensorOps.LayerNorm"/>. Parameters scale and shift of a sample's shape.</summary>
public sealed class LayerNorm : Layer
{
    private Parameter? _scale, _shift;

    /// <inheritdoc/>
    public override string Type => "layer_norm";

    /// <summary>Added to the variance, &gt; 0.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    /// <inheritdoc/>
    protected override long OwnFlops => 2L * OutputShape.Count;

    internal static LayerNorm Read(ConfigurationObject source) => new() { Epsilon = source.Number("epsilon", 1e-5f, float.Epsilon, 1f) };

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json) => json.WriteNumber("epsilon", Epsilon);

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input)
    {
        if (input.Rank < 1) throw Mismatch("samples of rank >= 1", $"{input}");
        _scale = Declare("scale", input, ParameterKind.Bias, Initializer.Ones);
        _shift = Declare("shift", input, ParameterKind.Bias, Initializer.Zeros);
        return input;
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.LayerNorm(_scale!.Value, _shift!.Value, Epsilon);
}
