using System.Text.Json;

namespace RawDL.NN;

/// <summary>A part of a network: declares parameters for a sample's shape, and maps batches. Shapes are those of one sample; <see cref="Forward"/> takes a batch.</summary>
public abstract class Layer
{
    private readonly List<Parameter> _parameters = [];
    private bool _bound;

    /// <summary>The name given by the caller; empty lets the container choose one by type and order, as in <c>conv2d1</c>.</summary>
    public string Name { get; set; } = "";

    /// <summary>The name with those of the containers around: <c>block1.conv1</c>. Known after <see cref="Bind(Shape)"/>.</summary>
    public string Path { get; private set; } = "";

    /// <summary>The type's name in a configuration: <c>conv2d</c>.</summary>
    public abstract string Type { get; }

    /// <summary>Shape of one input sample. Known after <see cref="Bind(Shape)"/>.</summary>
    public Shape InputShape { get; private set; }

    /// <summary>Shape of one output sample. Known after <see cref="Bind(Shape)"/>.</summary>
    public Shape OutputShape { get; private set; }

    /// <summary>The result of the last forward pass, valid as long as its tape's step: to find where a NaN came in.</summary>
    internal Tensor? Output { get; set; }

    /// <summary>This layer's own parameters in order of declaration, without those of <see cref="Children"/>.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The layers inside, in order of work.</summary>
    public virtual IReadOnlyList<Layer> Children => [];

    /// <summary>Floating-point operations of a forward pass per sample, a multiplication with its addition counted as 2, children included.</summary>
    public long Flops
    {
        get
        {
            RequireBound();
            var flops = OwnFlops;
            foreach (var child in Children) flops += child.Flops;
            return flops;
        }
    }

    /// <summary>Operations of this layer without its children.</summary>
    protected virtual long OwnFlops => 0;

    /// <summary>Fixes the shapes for samples of a shape and declares the parameters. Once per layer.</summary>
    /// <param name="sample">One sample, without the batch extent: [C, H, W] or [C].</param>
    /// <returns><see cref="OutputShape"/>.</returns>
    /// <exception cref="ShapeException">The layer cannot take this shape; the message names the layer and both shapes.</exception>
    /// <exception cref="InvalidOperationException">Bound before to another shape.</exception>
    public Shape Bind(Shape sample) => Bind(sample, Name);

    /// <summary>As <see cref="Bind(Shape)"/>, at a place inside a container.</summary>
    internal Shape Bind(Shape sample, string path)
    {
        if (_bound)
        {
            return sample == InputShape ? OutputShape : throw new InvalidOperationException(
                $"{Title}: expected one Bind, got input {sample} after {InputShape}.");
        }
        Path = path;
        InputShape = sample;
        OutputShape = Resolve(sample);
        _bound = true;
        return OutputShape;
    }

    /// <summary>Maps a batch [N, …<see cref="InputShape"/>] to [N, …<see cref="OutputShape"/>] on the tape of <paramref name="x"/>.</summary>
    /// <exception cref="ShapeException">The samples have another shape.</exception>
    /// <exception cref="InvalidOperationException">The layer is not bound, or its parameters have no memory.</exception>
    public Tensor Forward(Tensor x)
    {
        Enter(x);
        return Output = Compute(x);
    }

    /// <summary>What comes before every forward pass: checks the batch and marks the layer's place on the tape.</summary>
    private protected void Enter(Tensor x)
    {
        RequireBound();
        if (!IsBatch(x.Shape))
            throw new ShapeException($"{Title}: expected a batch of samples {InputShape}, got {x.Shape}.");
        if (_parameters.Count > 0) x.Tape?.Mark(this);
    }

    /// <summary>Every parameter of this layer and of the layers inside, in order of declaration.</summary>
    /// <exception cref="InvalidOperationException">The layer is not bound.</exception>
    public IReadOnlyList<Parameter> AllParameters()
    {
        RequireBound();
        var all = new List<Parameter>(_parameters);
        foreach (var child in Children) all.AddRange(child.AllParameters());
        return all;
    }

    /// <summary>Writes the layer as an object of a configuration: type, name where one was given, and every option resolved.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteString("type", Type);
        if (Name.Length > 0) json.WriteString("name", Name);
        WriteOptions(json);
        json.WriteEndObject();
    }

    /// <summary>Writes the options as properties of an open object, so that reading them gives the same layer.</summary>
    protected internal abstract void WriteOptions(Utf8JsonWriter json);

    /// <summary>How messages name the layer: <c>conv2 (conv2d)</c>.</summary>
    protected string Title => (Path.Length > 0 ? Path : Name) is { Length: > 0 } name ? $"{name} ({Type})" : Type;

    /// <summary>Checks the input, declares the parameters and returns the output's shape.</summary>
    protected abstract Shape Resolve(Shape input);

    /// <summary>The forward pass; shapes are checked.</summary>
    protected abstract Tensor Compute(Tensor x);

    /// <summary>Declares a parameter under the layer's path.</summary>
    protected Parameter Declare(string name, Shape shape, ParameterKind kind, Initializer initializer, int fanIn = 1, int fanOut = 1)
    {
        var parameter = new Parameter(Inside(name), shape, kind, initializer, fanIn, fanOut);
        _parameters.Add(parameter);
        return parameter;
    }

    /// <summary>The path of something inside this layer.</summary>
    private protected string Inside(string name) => Path.Length > 0 ? $"{Path}.{name}" : name;

    /// <summary>Throws <c>conv2 (conv2d): expected …, got …</c>.</summary>
    protected ShapeException Mismatch(string expected, string got) => new($"{Title}: expected {expected}, got {got}.");

    /// <summary>Binds the layers inside one after the other; a layer without a name gets its type and its number among those: <c>conv2d1</c>.</summary>
    private protected Shape BindInside(IReadOnlyList<Layer> layers, Shape shape, string prefix)
    {
        var numbers = new Dictionary<string, int>();
        foreach (var layer in layers)
        {
            var number = numbers[layer.Type] = numbers.GetValueOrDefault(layer.Type) + 1;
            var name = layer.Name.Length > 0 ? layer.Name : $"{layer.Type}{number}";
            shape = layer.Bind(shape, prefix.Length > 0 ? $"{prefix}.{name}" : name);
        }
        return shape;
    }

    /// <summary>Resolves an operation's geometry; its complaint gets the layer's name in front.</summary>
    private protected T Fit<T>(Func<T> resolve)
    {
        try
        {
            return resolve();
        }
        catch (ShapeException e)
        {
            throw new ShapeException($"{Title}: {e.Message}");
        }
    }

    private bool IsBatch(Shape shape)
    {
        if (shape.Rank != InputShape.Rank + 1) return false;
        for (var i = 0; i < InputShape.Rank; i++)
            if (shape[i + 1] != InputShape[i]) return false;
        return true;
    }

    private void RequireBound()
    {
        if (!_bound) throw new InvalidOperationException($"{Title}: expected Bind before use, got a layer without shapes.");
    }
}
