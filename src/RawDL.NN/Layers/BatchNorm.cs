using System.Text.Json;

namespace RawDL.NN;

/// <summary>Batch normalisation per channel, see <see cref="TensorOps.BatchNorm"/>. Parameters scale, shift [C]; statistics running_mean, running_variance [C].</summary>
public sealed class BatchNorm : ActivatedLayer
{
    private Parameter? _scale, _shift, _mean, _variance;

    /// <inheritdoc/>
    public override string Type => "batch_norm";

    /// <summary>Weight of a new batch in the running statistics, (0, 1].</summary>
    public float Momentum { get; init; } = 0.1f;

    /// <summary>Added to the variance, &gt; 0.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    /// <inheritdoc/>
    protected override long OwnFlops => 2L * OutputShape.Count;

    internal static BatchNorm Read(ConfigurationObject source) => new()
    {
        Momentum = source.Number("momentum", 0.1f, float.Epsilon, 1f),
        Epsilon = source.Number("epsilon", 1e-5f, float.Epsilon, 1f),
        Activation = source.Activation(),
    };

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        json.WriteNumber("momentum", Momentum);
        json.WriteNumber("epsilon", Epsilon);
        json.WriteActivation(Activation);
    }

    /// <inheritdoc/>
    private protected override Shape ResolveOwn(Shape input)
    {
        if (input.Rank < 1) throw Mismatch("samples with channels [C, …]", $"{input}");
        var channels = new Shape(input[0]);
        _scale = Declare("scale", channels, ParameterKind.Bias, Initializer.Ones);
        _shift = Declare("shift", channels, ParameterKind.Bias, Initializer.Zeros);
        _mean = Declare("running_mean", channels, ParameterKind.Statistic, Initializer.Zeros);
        _variance = Declare("running_variance", channels, ParameterKind.Statistic, Initializer.Ones);
        return input;
    }

    /// <inheritdoc/>
    private protected override Tensor ComputeOwn(Tensor x) =>
        x.BatchNorm(_scale!.Value, _shift!.Value, _mean!.Value, _variance!.Value, Momentum, Epsilon);
}
