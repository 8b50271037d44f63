using System.Text.Json;

namespace RawDL.NN;

/// <summary>Local response normalisation across channels, see <see cref="TensorOps.LocalResponseNorm"/>.</summary>
public sealed class LocalResponseNorm : Layer
{
    /// <inheritdoc/>
    public override string Type => "local_response_norm";

    /// <summary>Channels in the sum, ≥ 1.</summary>
    public int Size { get; init; } = 5;

    /// <summary>Factor of the mean square, ≥ 0.</summary>
    public float Alpha { get; init; } = 1e-4f;

    /// <summary>Exponent.</summary>
    public float Beta { get; init; } = 0.75f;

    /// <summary>Added constant, &gt; 0.</summary>
    public float Bias { get; init; } = 1f;

    /// <inheritdoc/>
    protected override long OwnFlops => 2L * Size * OutputShape.Count;

    internal static LocalResponseNorm Read(ConfigurationObject source) => new()
    {
        Size = source.Integer("size", 5, 1),
        Alpha = source.Number("alpha", 1e-4f, 0),
        Beta = source.Number("beta", 0.75f, float.MinValue),
        Bias = source.Number("bias", 1f, float.Epsilon),
    };

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        json.WriteNumber("size", Size);
        json.WriteNumber("alpha", Alpha);
        json.WriteNumber("beta", Beta);
        json.WriteNumber("bias", Bias);
    }

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input) => input.Rank >= 1 ? input : throw Mismatch("samples with channels [C, …]", $"{input}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.LocalResponseNorm(Size, Alpha, Beta, Bias);
}
