using System.Globalization;

namespace RawDL.NN;

/// <summary>Gives a parameter its first values, drawn on the host.</summary>
public abstract class Initializer
{
    private static readonly string[] Names =
        ["xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "torch_uniform", "uniform", "normal", "zeros", "ones", "orthogonal"];

    /// <summary>The name in a configuration: <c>he_normal</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The number that an option sets: range of <c>uniform</c>, standard deviation of <c>normal</c>, gain of <c>orthogonal</c>; null for the others.</summary>
    public virtual (string Name, float Value)? Option => null;

    /// <summary>Every element = 0.</summary>
    public static Initializer Zeros { get; } = new ConstantInitializer("zeros", 0f);

    /// <summary>Every element = 1.</summary>
    public static Initializer Ones { get; } = new ConstantInitializer("ones", 1f);

    /// <summary>U(±√(6 / (fanIn + fanOut))). Source: Glorot and Bengio, AISTATS 2010, equation 16.</summary>
    public static Initializer XavierUniform { get; } = new ScalingInitializer("xavier_uniform", Fan.Average, 1, Distribution.Uniform);

    /// <summary>N(0, 2 / (fanIn + fanOut)). Source: Glorot and Bengio, AISTATS 2010, equation 12.</summary>
    public static Initializer XavierNormal { get; } = new ScalingInitializer("xavier_normal", Fan.Average, 1, Distribution.Normal);

    /// <summary>U(±√(6 / fanIn)), for rectified units. Source: He et al., ICCV 2015, equation 10.</summary>
    public static Initializer HeUniform { get; } = new ScalingInitializer("he_uniform", Fan.In, 2, Distribution.Uniform);

    /// <summary>N(0, 2 / fanIn), for rectified units. Source: He et al., ICCV 2015, equation 10.</summary>
    public static Initializer HeNormal { get; } = new ScalingInitializer("he_normal", Fan.In, 2, Distribution.Normal);

    /// <summary>U(±√(3 / fanIn)). Source: LeCun et al., Efficient BackProp, 1998, section 4.6.</summary>
    public static Initializer LeCunUniform { get; } = new ScalingInitializer("lecun_uniform", Fan.In, 1, Distribution.Uniform);

    /// <summary>N(0, 1 / fanIn). Source: LeCun et al., Efficient BackProp, 1998, equation 16.</summary>
    public static Initializer LeCunNormal { get; } = new ScalingInitializer("lecun_normal", Fan.In, 1, Distribution.Normal);

    /// <summary>U(±1/√fanIn), the default of PyTorch's linear and convolution layers.</summary>
    public static Initializer TorchUniform { get; } = new ScalingInitializer("torch_uniform", Fan.In, 1f / 3, Distribution.Uniform);

    /// <summary>U(±<paramref name="range"/>).</summary>
    public static Initializer Uniform(float range) => new RangeInitializer("uniform", "range", range, Distribution.Uniform);

    /// <summary>N(0, <paramref name="std"/>²).</summary>
    public static Initializer Normal(float std) => new RangeInitializer("normal", "std", std, Distribution.Normal);

    /// <summary>Orthonormal rows, or columns where there are more rows than columns, times <paramref name="gain"/>. Source: Saxe, McClelland and Ganguli, ICLR 2014.</summary>
    public static Initializer Orthogonal(float gain = 1f) => new OrthogonalInitializer(gain);

    /// <summary>Writes the first values of one parameter.</summary>
    /// <param name="values">The elements, row-major.</param>
    /// <param name="shape">Its extents; the outermost is the number of outputs.</param>
    /// <param name="fanIn">Inputs that one output sums over, ≥ 1.</param>
    /// <param name="fanOut">Outputs that one input reaches, ≥ 1.</param>
    /// <param name="random">Where the values come from.</param>
    public abstract void Fill(Span<float> values, Shape shape, int fanIn, int fanOut, ref RandomStream random);

    /// <summary>The initializer of a configuration's name and options.</summary>
    /// <param name="name">As <see cref="Name"/>.</param>
    /// <param name="options"><c>range</c> (0.05) of uniform, <c>std</c> (0.01) of normal, <c>gain</c> (1) of orthogonal, all &gt; 0.</param>
    /// <exception cref="ArgumentException">Unknown name or option, or an option out of range. One line.</exception>
    public static Initializer Parse(string name, IReadOnlyDictionary<string, float>? options = null)
    {
        var option = name switch { "uniform" => "range", "normal" => "std", "orthogonal" => "gain", _ => null };
        float? given = null;
        foreach (var (key, value) in options ?? new Dictionary<string, float>())
        {
            if (key != option)
                throw new ArgumentException($"initializer {RawFileException.Quote(name)}: expected {(option is null ? "no option" : $"option '{option}'")}, got {RawFileException.Quote(key)}.");
            if (!(value > 0 && float.IsFinite(value)))
                throw new ArgumentException($"initializer '{name}': expected {key} > 0, got {value.ToString(CultureInfo.InvariantCulture)}.");
            given = value;
        }
        return name switch
        {
            "xavier_uniform" => XavierUniform,
            "xavier_normal" => XavierNormal,
            "he_uniform" => HeUniform,
            "he_normal" => HeNormal,
            "lecun_uniform" => LeCunUniform,
            "lecun_normal" => LeCunNormal,
            "torch_uniform" => TorchUniform,
            "uniform" => Uniform(given ?? 0.05f),
            "normal" => Normal(given ?? 0.01f),
            "zeros" => Zeros,
            "ones" => Ones,
            "orthogonal" => Orthogonal(given ?? 1f),
            _ => throw new ArgumentException($"initializer: expected one of {string.Join(", ", Names)}, got {RawFileException.Quote(name)}."),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Option is var (name, value)
        ? string.Create(CultureInfo.InvariantCulture, $"{Name}({name} {value})") : Name;
}
