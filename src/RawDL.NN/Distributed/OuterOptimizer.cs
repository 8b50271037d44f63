namespace RawDL.NN;

/// <summary>
/// Moves the parameters that all ranks begin the next round with, by the step that the average of the replicas made: G = W̄ − W. Names: <c>mean</c> takes the
/// average as it is; the others keep a velocity over the rounds.
/// </summary>
/// <remarks>Identities: nesterov_block_momentum(η, ζ) is diloco(momentum η, learning_rate ζ); slowmo(β, α) at a constant rate is block_momentum(β, α);
/// every rule with momentum 0 and rate 1 is mean.</remarks>
public sealed class OuterOptimizer
{
    private delegate void Rule(Span<float> values, ReadOnlySpan<float> average, Span<float> velocity, float momentum, float rate, float innerRate);

    private static readonly (string Name, Rule? Rule, float Momentum, float Rate)[] Rules =
    [
        // A momentum of NaN stands for 1 − 1/N.
        ("mean", null, 0, 1),
        ("block_momentum", BlockMomentum, float.NaN, 1),
        ("nesterov_block_momentum", NesterovBlockMomentum, float.NaN, 1),
        ("slowmo", SlowMo, 0.5f, 1),
        ("diloco", DiLoCo, 0.9f, 0.7f),
    ];

    private readonly Rule? _rule;

    private OuterOptimizer(string name, Rule? rule, float momentum, float rate) =>
        (Name, _rule, Momentum, Rate, IsAhead) = (name, rule, momentum, rate, name == "nesterov_block_momentum");

    /// <summary>The names that <see cref="Parse"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = Array.ConvertAll(Rules, rule => rule.Name);

    /// <summary>The name in a configuration.</summary>
    public string Name { get; }

    /// <summary>η, β or μ.</summary>
    public float Momentum { get; }

    /// <summary>ζ, α or the outer learning rate.</summary>
    public float Rate { get; }

    /// <summary>True for <c>mean</c>, which remembers nothing.</summary>
    public bool IsMean => _rule is null;

    /// <summary>True where a round begins ahead of what a run is judged by, see <see cref="Publish"/>.</summary>
    public bool IsAhead { get; }

    /// <summary>Δ, u or b; empty for <c>mean</c> and before <see cref="Begin"/>.</summary>
    public float[] Velocity { get; private set; } = [];

    /// <summary>The parameters at the beginning of the round.</summary>
    public float[] Start { get; private set; } = [];

    /// <summary>A rule by its name and options, <c>momentum</c> and <c>learning_rate</c>; the default momentum of both block momenta is 1 − 1/N.</summary>
    /// <exception cref="ArgumentException">Unknown name or option, or a value out of range. One line.</exception>
    public static OuterOptimizer Parse(NamedOptions named, int ranks)
    {
        var index = Array.FindIndex(Rules, rule => rule.Name == named.Name);
        if (index < 0) throw new ArgumentException($"outer: expected one of {string.Join(", ", Names)}, got {RawFileException.Quote(named.Name)}.");
        var (name, apply, momentum, rate) = Rules[index];
        if (float.IsNaN(momentum)) momentum = 1 - 1f / ranks;
        foreach (var (key, value) in named.Options)
        {
            if (apply is null || key is not ("momentum" or "learning_rate"))
                throw new ArgumentException($"outer '{name}': expected {(apply is null ? "no options" : "options momentum, learning_rate")}, got {RawFileException.Quote(key)}.");
            if (key == "momentum") momentum = Option.BelowOne(key, value).Require($"outer '{name}'");
            else rate = Option.Positive(key, value).Require($"outer '{name}'");
        }
        return new OuterOptimizer(name, apply, momentum, rate);
    }

    /// <summary>Takes the first round's beginning.</summary>
    public void Begin(ReadOnlySpan<float> values)
    {
        if (IsMean) return;
        Start = values.ToArray();
        Velocity = new float[values.Length];
    }

    /// <summary>Ends a round: turns the average of the replicas into the parameters that the next one begins with, in place.</summary>
    /// <param name="average">W̄, becomes W.</param>
    /// <param name="innerRate">γ: the local learning rate of the round's last step, which slowmo divides by.</param>
    public void Step(Span<float> average, float innerRate)
    {
        if (_rule is null) return;
        _rule(Start, average, Velocity, Momentum, Rate, innerRate);
        Start.CopyTo(average);
    }

    /// <summary>What a run is judged by and leaves, in place: with Nesterov block momentum the parameters without the look-ahead, W − η·Δ.</summary>
    public void Publish(Span<float> values)
    {
        if (!IsAhead) return;
        for (var i = 0; i < values.Length; i++) values[i] -= Momentum * Velocity[i];
    }

    /// <summary>Takes up a rule where a checkpoint left it.</summary>
    public void Restore(ReadOnlySpan<float> values, ReadOnlySpan<float> velocity)
    {
        values.CopyTo(Start);
        velocity.CopyTo(Velocity);
    }

    // Δ ← η·Δ + ζ·G; W ← W + Δ. Source: Chen and Huo, ICASSP 2016, classical block momentum.
    private static void BlockMomentum(Span<float> values, ReadOnlySpan<float> average, Span<float> velocity, float momentum, float rate, float innerRate)
    {
        for (var i = 0; i < values.Length; i++)
        {
            velocity[i] = momentum * velocity[i] + rate * (average[i] - values[i]);
            values[i] += velocity[i];
        }
    }

    // Δ ← η·Δ + ζ·G; W ← W + ζ·G + η·Δ, the next round's look-ahead included. Source: as above, Nesterov block momentum.
    private static void NesterovBlockMomentum(Span<float> values, ReadOnlySpan<float> average, Span<float> velocity, float momentum, float rate, float innerRate)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var step = rate * (average[i] - values[i]);
            velocity[i] = momentum * velocity[i] + step;
            values[i] += step + momentum * velocity[i];
        }
    }

    // u ← β·u + (W − W̄)/γ; W ← W − α·γ·u. Source: Wang et al., SlowMo, ICLR 2020, algorithm 1.
    private static void SlowMo(Span<float> values, ReadOnlySpan<float> average, Span<float> velocity, float momentum, float rate, float innerRate)
    {
        if (innerRate <= 0) return;
        for (var i = 0; i < values.Length; i++)
        {
            velocity[i] = momentum * velocity[i] + (values[i] - average[i]) / innerRate;
            values[i] -= rate * innerRate * velocity[i];
        }
    }

    // b ← μ·b + Δ, Δ = W − W̄; W ← W − η·(Δ + μ·b). Source: Douillard et al., DiLoCo, arXiv 2311.08105, algorithm 1, with PyTorch's Nesterov.
    private static void DiLoCo(Span<float> values, ReadOnlySpan<float> average, Span<float> velocity, float momentum, float rate, float innerRate)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var gradient = values[i] - average[i];
            velocity[i] = momentum * velocity[i] + gradient;
            values[i] -= rate * (gradient + momentum * velocity[i]);
        }
    }
}
