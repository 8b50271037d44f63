namespace RawDL.NN;

/// <summary>Moves parameters against their gradients: one pass over the flat buffers per step.</summary>
/// <remarks>What a step does depends on the values, the gradients, the states and the step's number alone, so that training goes on exactly
/// from saved states.</remarks>
public abstract class Optimizer : IConfigured, IDisposable
{
    private static readonly Choices<Optimizer> Choices = new("optimizer",
        (new Sgd(), v => new Sgd(v[0])),
        (new Momentum(), v => new Momentum(v[0], v[1])),
        (new Nesterov(), v => new Nesterov(v[0], v[1])),
        (new AdaGrad(), v => new AdaGrad(v[0], v[1])),
        (new RmsProp(), v => new RmsProp(v[0], v[1], v[2])),
        (new AdaDelta(), v => new AdaDelta(v[0], v[1], v[2])),
        (new Adam(), v => new Adam(v[0], v[1], v[2], v[3])),
        (new AdamW(), v => new AdamW(v[0], v[1], v[2], v[3], v[4])),
        (new AdaMax(), v => new AdaMax(v[0], v[1], v[2], v[3])),
        (new Nadam(), v => new Nadam(v[0], v[1], v[2], v[3], v[4])),
        (new AmsGrad(), v => new AmsGrad(v[0], v[1], v[2], v[3])));

    private readonly List<DeviceBuffer> _buffers = [];
    private Attachment? _attachment;
    private Tensor[] _states = [];
    private bool _disposed;
    private ResidentStep? _resident;
    private bool _isPlanning;

    /// <summary>Checks the options.</summary>
    private protected Optimizer(string name, float learningRate, string[] states, params ReadOnlySpan<Option> options)
    {
        (Name, StateNames, LearningRate) = (name, states, Option.NotNegative("learning_rate", learningRate).Require(name));
        List<(string, float)> resolved = [("learning_rate", learningRate)];
        foreach (var option in options) resolved.Add((option.Name, option.Require(name)));
        Options = resolved;
    }

    /// <summary>The names that <see cref="Parse"/> knows.</summary>
    public static IReadOnlyList<string> Names => Choices.Names;

    /// <summary>The name in a configuration: <c>adam</c>.</summary>
    public string Name { get; }

    /// <summary>The base rate; a schedule makes each step's rate of it.</summary>
    public float LearningRate { get; }

    /// <summary>Every coefficient, <c>learning_rate</c> first: what a resolved configuration holds.</summary>
    public IReadOnlyList<(string Name, float Value)> Options { get; }

    /// <summary>Names of <see cref="States"/>: <c>first_moment</c>.</summary>
    public IReadOnlyList<string> StateNames { get; }

    /// <summary>What the rule remembers per parameter element, each [<see cref="ParameterSet.TrainableCount"/>], for checkpoints; empty before <see cref="Attach"/>.</summary>
    public IReadOnlyList<Tensor> States => _states;

    /// <summary>Penalties, decay and clipping; none by default.</summary>
    /// <exception cref="ArgumentException">A value out of range. One line.</exception>
    public Regularization Regularization
    {
        get;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Require();
            field = value;
        }
    } = new();

    /// <summary>Whether a step is linear in gradients and states, so that the mean of several steps from the same parameters is the step by the mean gradient.</summary>
    internal bool IsLinear => HasLinearRule && float.IsPositiveInfinity(Regularization.ClipValue) && float.IsPositiveInfinity(Regularization.ClipNorm) && float.IsPositiveInfinity(Regularization.ClipNormPerLayer);

    private protected virtual bool HasLinearRule => false;

    /// <summary>Decoupled decay of the optimizer itself, on top of <see cref="Regularization.Decay"/>.</summary>
    private protected virtual float OwnDecay => 0f;

    /// <summary>The optimizer of a configuration's name and options.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="options">As <see cref="Options"/>; those left out have PyTorch's defaults.</param>
    /// <exception cref="ArgumentException">Unknown name or option, or an option out of range. One line.</exception>
    public static Optimizer Parse(string name, IReadOnlyDictionary<string, float>? options = null) => Choices.Parse(name, options);

    /// <summary>Allocates the states, all 0, beside the parameters. Once.</summary>
    /// <exception cref="InvalidOperationException">Attached before.</exception>
    public void Attach(ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_attachment is not null) throw new InvalidOperationException($"{Name}: expected one Attach, got a second.");
        foreach (var _ in StateNames) _buffers.Add(parameters.Values.Device.Allocate(parameters.TrainableCount));
        _states = new Tensor[_buffers.Count];
        for (var i = 0; i < _states.Length; i++)
        {
            _states[i] = new Tensor(_buffers[i], 0, new Shape(parameters.TrainableCount));
            _states[i].Fill(0f);
        }
        _attachment = new Attachment(parameters);
    }

    /// <summary>√Σg² over all parameters, before clipping; not finite when a gradient is not. Waits for the device.</summary>
    /// <exception cref="InvalidOperationException">Not attached.</exception>
    public double GradientNorm() => Math.Sqrt(Attached().Parameters.Gradients.SumOfSquares());

    /// <summary>Moves the parameters by their gradients. Allocates nothing on the device; waits for it only when a norm is clipped.</summary>
    /// <param name="step">Number of this step, from 1.</param>
    /// <param name="learningRate">The rate of this step, ≥ 0.</param>
    /// <exception cref="ArgumentException">The step is below 1, or the rate is negative or not finite. One line.</exception>
    /// <exception cref="InvalidOperationException">Not attached.</exception>
    public void Step(long step, float learningRate)
    {
        Attached();
        if (step < 1) throw new ArgumentException($"{Name}: expected a step from 1 on, got {step}.");
        Option.NotNegative("learning_rate", learningRate).Require(Name);
        Prepare(learningRate);
        Apply(step, learningRate);
    }

    /// <summary>Whether a step needs nothing that only the gradients say: no norm is clipped.</summary>
    internal bool IsPlannable => float.IsPositiveInfinity(Regularization.ClipNorm) && float.IsPositiveInfinity(Regularization.ClipNormPerLayer);

    /// <summary>Adds the rule of a step to come to those of a resident step.</summary>
    internal void Plan(ResidentStep resident, long step, float learningRate)
    {
        Prepare(learningRate, merge: false);
        (_resident, _isPlanning) = (resident, true);
        Apply(step, learningRate);
        _resident = null;
    }

    /// <summary>The planned step, as part of a resident one.</summary>
    internal void Step(ResidentStep resident)
    {
        (_resident, _isPlanning) = (resident, false);
        Apply(1, LearningRate);
        _resident = null;
    }

    /// <summary>Frees the states.</summary>
    public void Dispose()
    {
        foreach (var buffer in _buffers) buffer.Dispose();
        _buffers.Clear();
        _states = [];
        _attachment = null;
        _disposed = true;
        GC.SuppressFinalize(this);
    }

    /// <summary>Calls <see cref="Run"/> with the rule of this step; corrections are computed in double from the step alone.</summary>
    private protected abstract void Apply(long step, double learningRate);

    /// <summary>The pass over the buffers.</summary>
    private protected void Run<TRule>(TRule rule) where TRule : unmanaged, IUpdateRule
    {
        var attachment = Attached();
        if (_resident is { } resident)
        {
            if (_isPlanning) resident.Plan(rule, attachment.Segments);
            else resident.Update<TRule>(attachment.Parameters.Values, attachment.Parameters.Gradients, _states);
            return;
        }
        attachment.Parameters.Values.Update(attachment.Parameters.Gradients, attachment.Segments, rule, _states);
    }

    private void Prepare(float learningRate, bool merge = true) =>
        Attached().Prepare(Regularization, (float)(learningRate * ((double)Regularization.Decay + OwnDecay)), merge);

    private Attachment Attached()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _attachment ?? throw new InvalidOperationException($"{Name}: expected Attach before use, got no parameters.");
    }
}
