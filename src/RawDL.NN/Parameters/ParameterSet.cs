using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.NN;

/// <summary>The memory of a model: all values in one flat buffer, all gradients in another.</summary>
/// <remarks>Trainable parameters come first, in order of declaration; statistics follow in the tail, which has no gradients. Optimizers,
/// averaging and checkpoints so work on one array.</remarks>
public sealed class ParameterSet : IDisposable
{
    private readonly Dictionary<Parameter, int> _offsets = [];
    private readonly DeviceBuffer _values;
    private readonly GradientVector _gradients;
    private GradientVector _inUse;

    private ParameterSet(IReadOnlyList<Parameter> parameters, Device device)
    {
        Parameters = parameters;
        TrainableCount = Assign(parameters, trainable: true, 0);
        Count = Assign(parameters, trainable: false, TrainableCount);
        _values = device.Allocate(Count);
        Values = new Tensor(_values, 0, new Shape(Count));
        Trainable = new Tensor(_values, 0, new Shape(TrainableCount));
        Statistics = new Tensor(_values, TrainableCount, new Shape(Count - TrainableCount));
        foreach (var parameter in parameters) parameter.Value = new Tensor(_values, _offsets[parameter], parameter.Shape);
        _inUse = _gradients = new GradientVector(this);
        Gradients = _gradients.All;
        Gradients.Fill(0f);
        UseGradients(null);
    }

    /// <summary>All parameters in order of declaration.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>All values, [Count]: the trainable prefix, then the statistics.</summary>
    public Tensor Values { get; }

    /// <summary>The trainable prefix of <see cref="Values"/>, [TrainableCount].</summary>
    public Tensor Trainable { get; }

    /// <summary>The statistics behind it, [Count − TrainableCount].</summary>
    public Tensor Statistics { get; }

    /// <summary>Gradients of the trainable prefix, [TrainableCount].</summary>
    public Tensor Gradients { get; private set; }

    /// <summary>Elements of all parameters.</summary>
    public int Count { get; }

    /// <summary>Elements of the trainable parameters.</summary>
    public int TrainableCount { get; }

    /// <summary>Names, kinds and shapes in order of declaration as a SHA-256, lower-case hex: equal for sets that may exchange values.</summary>
    public string Layout
    {
        get
        {
            var text = new StringBuilder();
            foreach (var parameter in Parameters)
                text.Append(parameter.Name).Append(' ').Append(parameter.Kind).Append(' ').Append(parameter.Shape).Append('\n');
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }

    /// <summary>Gives memory to every parameter of a bound model and draws the first values on the host, so that they are the same on every device.</summary>
    /// <param name="model">A layer after <see cref="Layer.Bind(Shape)"/>.</param>
    /// <param name="device">Holds the buffers.</param>
    /// <param name="seed">Parameter i draws from stream i of this seed.</param>
    /// <exception cref="ArgumentException">Two parameters have one name.</exception>
    /// <exception cref="InvalidOperationException">The model is not bound.</exception>
    public static ParameterSet Allocate(Layer model, Device device, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(device);
        var parameters = model.AllParameters();
        var names = new HashSet<string>();
        foreach (var parameter in parameters)
            if (!names.Add(parameter.Name))
                throw new ArgumentException($"model: expected unique parameter names, got '{parameter.Name}' twice.");
        var set = new ParameterSet(parameters, device);
        set.Initialize(seed);
        return set;
    }

    /// <summary>First element of a parameter in <see cref="Values"/>.</summary>
    public int Offset(Parameter parameter) => _offsets[parameter];

    /// <summary>Draws the first values anew.</summary>
    public void Initialize(ulong seed)
    {
        var values = new float[Count];
        for (var i = 0; i < Parameters.Count; i++)
        {
            var parameter = Parameters[i];
            var stream = new RandomStream(seed, (ulong)i);
            var target = values.AsSpan(_offsets[parameter], parameter.Shape.Count);
            parameter.Initializer.Fill(target, parameter.Shape, parameter.FanIn, parameter.FanOut, ref stream);
        }
        Values.CopyFrom(values);
    }

    /// <summary>Every gradient = 0: once before the backward passes of a step.</summary>
    public void ZeroGradients() => Gradients.Fill(0f);

    /// <summary>As <see cref="ZeroGradients"/>, but a matrix becomes zeros only if no product overwrites it, at <see cref="EndGradients"/>.</summary>
    public void BeginGradients()
    {
        foreach (var run in _inUse.Others) run.Fill(0f);
        for (var i = 0; i < Parameters.Count; i++)
            if (GradientVector.IsMatrix(Parameters[i])) Parameters[i].Value.BeginGradient(_inUse.OfParameters[i]!);
    }

    /// <summary>After the backward passes: <see cref="Gradients"/> has them all.</summary>
    public void EndGradients()
    {
        foreach (var parameter in Parameters) parameter.Value.EndGradient();
    }

    /// <summary>Makes another vector the gradients, until the next call; the set's own for null.</summary>
    internal void UseGradients(GradientVector? vector)
    {
        _inUse = vector ?? _gradients;
        Gradients = _inUse.All;
        for (var i = 0; i < Parameters.Count; i++) Parameters[i].Value.Gradient = _inUse.OfParameters[i];
    }

    /// <summary>Copies all values to the host, length <see cref="Count"/>.</summary>
    /// <exception cref="ShapeException">Another length.</exception>
    public void CopyTo(Span<float> values) => Values.CopyTo(values);

    /// <summary>Copies all values from the host, length <see cref="Count"/>.</summary>
    /// <exception cref="ShapeException">Another length.</exception>
    public void CopyFrom(ReadOnlySpan<float> values) => Values.CopyFrom(values);

    /// <summary>SHA-256 of all values as little-endian float32, lower-case hex: equal models have equal sums.</summary>
    public string Sha256()
    {
        var bytes = MemoryMarshal.AsBytes(Values.ToArray().AsSpan());
        if (!BitConverter.IsLittleEndian)
        {
            var words = MemoryMarshal.Cast<byte, uint>(bytes);
            for (var i = 0; i < words.Length; i++) words[i] = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(words[i]);
        }
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>Frees both buffers.</summary>
    public void Dispose()
    {
        _values.Dispose();
        _gradients.Dispose();
    }

    private int Assign(IReadOnlyList<Parameter> parameters, bool trainable, int start)
    {
        long next = start;
        foreach (var parameter in parameters)
        {
            if (parameter.IsTrainable != trainable) continue;
            _offsets[parameter] = (int)next;
            next += parameter.Shape.Count;
            if (next > int.MaxValue)
                throw new ShapeException($"model: expected at most {int.MaxValue} parameter elements, got more at '{parameter.Name}' {parameter.Shape}.");
        }
        return (int)next;
    }
}
