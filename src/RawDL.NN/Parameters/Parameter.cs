namespace RawDL.NN;

/// <summary>What is done to a parameter besides using it.</summary>
public enum ParameterKind
{
    /// <summary>Trained and regularised.</summary>
    Weight,

    /// <summary>Trained, not regularised: biases, and scale and shift of normalisations.</summary>
    Bias,

    /// <summary>Not trained: running statistics, moved by the forward pass.</summary>
    Statistic,
}

/// <summary>A named array that belongs to a layer. Its memory belongs to a <see cref="ParameterSet"/>.</summary>
public sealed class Parameter
{
    private Tensor? _value;

    /// <summary>Declares a parameter; layers do so while they bind.</summary>
    /// <param name="name">Path of the layer and own name: <c>conv1.weight</c>.</param>
    /// <param name="shape">The extents, outermost first.</param>
    /// <param name="kind">Whether it is trained and regularised.</param>
    /// <param name="initializer">Gives the first values.</param>
    /// <param name="fanIn">Inputs that one output sums over.</param>
    /// <param name="fanOut">Outputs that one input reaches.</param>
    public Parameter(string name, Shape shape, ParameterKind kind, Initializer initializer, int fanIn = 1, int fanOut = 1)
    {
        Name = name;
        Shape = shape;
        Kind = kind;
        Initializer = initializer;
        FanIn = fanIn;
        FanOut = fanOut;
    }

    /// <summary>Path of the layer and own name: <c>conv1.weight</c>. Unique in a model.</summary>
    public string Name { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>Weight, bias or statistic.</summary>
    public ParameterKind Kind { get; }

    /// <summary>Gives the first values.</summary>
    public Initializer Initializer { get; }

    /// <summary>Inputs that one output sums over.</summary>
    public int FanIn { get; }

    /// <summary>Outputs that one input reaches.</summary>
    public int FanOut { get; }

    /// <summary>True unless it is a statistic.</summary>
    public bool IsTrainable => Kind != ParameterKind.Statistic;

    /// <summary>A view of the parameter set's values; its gradient is a view of the set's gradients, null for statistics.</summary>
    /// <exception cref="InvalidOperationException">No parameter set holds this parameter.</exception>
    public Tensor Value
    {
        get => _value ?? throw new InvalidOperationException(
            $"{Name}: expected memory from ParameterSet.Allocate before the first forward pass, got none.");
        internal set => _value = value;
    }
}
