using System.Globalization;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>An element-wise function, or softmax over the channels, as a layer: shapes pass through.</summary>
public sealed class Activation : Layer
{
    // Name, the name of its number, and the number's default.
    private static readonly (string Type, string? Parameter, float Default)[] Known =
    [
        ("relu", null, 0), ("leaky_relu", "slope", 0.01f), ("elu", "alpha", 1f), ("gelu", null, 0), ("sigmoid", null, 0), ("tanh", null, 0),
        ("softplus", null, 0), ("softmax", null, 0), ("log_softmax", null, 0), ("abs", null, 0), ("square", null, 0),
    ];

    private Activation(string type, (string Name, float Value)? parameter = null) => (Type, Parameter) = (type, parameter);

    /// <summary>Every name that a configuration may use.</summary>
    public static IReadOnlyList<string> Names { get; } = Array.ConvertAll(Known, known => known.Type);

    /// <inheritdoc/>
    public override string Type { get; }

    /// <summary>The number of the function, as the slope of leaky ReLU; null where there is none.</summary>
    public (string Name, float Value)? Parameter { get; }

    /// <inheritdoc/>
    protected override long OwnFlops => OutputShape.Count;

    /// <summary>max(x, 0).</summary>
    public static Activation Relu() => new("relu");

    /// <summary>x for x ≥ 0, slope·x below.</summary>
    public static Activation LeakyRelu(float slope = 0.01f) => new("leaky_relu", ("slope", slope));

    /// <summary>x for x ≥ 0, alpha·(eˣ − 1) below.</summary>
    public static Activation Elu(float alpha = 1f) => new("elu", ("alpha", alpha));

    /// <summary>x·Φ(x), Φ the normal distribution function.</summary>
    public static Activation Gelu() => new("gelu");

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    public static Activation Sigmoid() => new("sigmoid");

    /// <summary>tanh x.</summary>
    public static Activation Tanh() => new("tanh");

    /// <summary>log(1 + eˣ).</summary>
    public static Activation Softplus() => new("softplus");

    /// <summary>exp(xᵢ) / Σ exp(xⱼ) over the channels.</summary>
    public static Activation Softmax() => new("softmax");

    /// <summary>xᵢ − log Σ exp(xⱼ) over the channels.</summary>
    public static Activation LogSoftmax() => new("log_softmax");

    /// <summary>|x|.</summary>
    public static Activation Abs() => new("abs");

    /// <summary>x².</summary>
    public static Activation Square() => new("square");

    /// <summary>The activation of a configuration's name and options; null where no activation has this name.</summary>
    internal static Activation? TryParse(string place, string name, IReadOnlyDictionary<string, float> options)
    {
        foreach (var (type, parameter, fallback) in Known)
        {
            if (type != name) continue;
            foreach (var (key, number) in options)
            {
                if (key != parameter)
                    throw new ConfigurationException($"{place}: expected {(parameter is null ? "no option" : $"the option '{parameter}'")} of {type}, got {RawFileException.Quote(key)}.");
                if (!(number >= 0)) throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"{place}: expected {parameter} >= 0, got {number}."));
            }
            return new Activation(type, parameter is null ? null : (parameter, options.GetValueOrDefault(parameter, fallback)));
        }
        return null;
    }

    /// <summary>As <see cref="TryParse"/>.</summary>
    /// <exception cref="ConfigurationException">Unknown name or option.</exception>
    internal static Activation Parse(string place, string name, IReadOnlyDictionary<string, float> options) =>
        TryParse(place, name, options) ?? throw new ConfigurationException(
            $"{place}: expected activation as one of {string.Join(", ", Names)}, identity, got {RawFileException.Quote(name)}.");

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        if (Parameter is var (name, value)) json.WriteNumber(name, value);
    }

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input) =>
        Type is "softmax" or "log_softmax" && input.Rank == 0 ? throw Mismatch("samples with channels [C, …]", $"{input}") : input;

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Type switch
    {
        "relu" => x.Relu(),
        "leaky_relu" => x.LeakyRelu(Parameter!.Value.Value),
        "elu" => x.Elu(Parameter!.Value.Value),
        "gelu" => x.Gelu(),
        "sigmoid" => x.Sigmoid(),
        "tanh" => x.Tanh(),
        "softplus" => x.Softplus(),
        "softmax" => x.Softmax(1),
        "log_softmax" => x.LogSoftmax(1),
        "abs" => x.Abs(),
        _ => x.Square(),
    };
}
