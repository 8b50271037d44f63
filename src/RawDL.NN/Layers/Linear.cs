using System.Text.Json;

namespace RawDL.NN;

/// <summary>y = activation(W·x + b) for samples [In] → [Out]; images are flattened first. Parameters weight [Out, In] and bias [Out].</summary>
/// <param name="outChannels">Out, ≥ 1.</param>
public sealed class Linear(int outChannels) : ActivatedLayer
{
    private Parameter? _weight, _bias;

    /// <inheritdoc/>
    public override string Type => "linear";

    /// <summary>Out.</summary>
    public int OutChannels { get; } = outChannels >= 1 ? outChannels : throw new ArgumentOutOfRangeException(nameof(outChannels), outChannels, "Linear: expected at least 1 output.");

    /// <summary>In, where the caller wants it checked; null takes what comes.</summary>
    public int? InChannels { get; init; }

    /// <summary>Whether b is there.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Gives W its first values; b starts at zero.</summary>
    public Initializer Initializer { get; init; } = Initializer.HeUniform;

    /// <inheritdoc/>
    protected override long OwnFlops => (2L * InputShape.Count + (Bias ? 1 : 0)) * OutChannels;

    internal static Linear Read(ConfigurationObject source) => new(source.RequiredInteger("out_channels", 1))
    {
        InChannels = source.OptionalInteger("in_channels", 1),
        Bias = source.Flag("bias", true),
        Initializer = source.Initializer("initializer", Initializer.HeUniform),
        Activation = source.Activation(),
    };

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        if (_weight is not null) json.WriteNumber("in_channels", _weight.Shape[1]);
        else if (InChannels is { } channels) json.WriteNumber("in_channels", channels);
        json.WriteNumber("out_channels", OutChannels);
        json.WriteBoolean("bias", Bias);
        json.WriteInitializer("initializer", Initializer);
        json.WriteActivation(Activation);
    }

    /// <inheritdoc/>
    private protected override Shape ResolveOwn(Shape input)
    {
        var channels = input.Count;
        if (channels == 0 || (InChannels ?? channels) != channels) throw Mismatch($"a sample of {InChannels ?? 1} values", $"{input} with {channels}");
        _weight = Declare("weight", new Shape(OutChannels, channels), ParameterKind.Weight, Initializer, channels, OutChannels);
        if (Bias) _bias = Declare("bias", new Shape(OutChannels), ParameterKind.Bias, Initializer.Zeros);
        return new Shape(OutChannels);
    }

    /// <inheritdoc/>
    private protected override Tensor ComputeOwn(Tensor x) => Rows(x).Linear(_weight!.Value, _bias?.Value);

    /// <inheritdoc/>
    private protected override Tensor ComputeRelu(Tensor x) => Rows(x).LinearRelu(_weight!.Value, _bias?.Value);

    private static Tensor Rows(Tensor x) => x.Shape.Rank == 2 ? x : x.Flatten();
}
