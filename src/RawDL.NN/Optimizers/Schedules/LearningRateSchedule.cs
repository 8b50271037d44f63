namespace RawDL.NN;

/// <summary>The rate of each step: linear warm-up, then a curve over the steps that are left.</summary>
public abstract record LearningRateSchedule : IConfigured
{
    private static readonly Choices<LearningRateSchedule> Choices = new("schedule",
        (new ConstantSchedule(), v => new ConstantSchedule { WarmupEpochs = v[0] }),
        (new StepSchedule(), v => new StepSchedule(v[0], v[1]) { WarmupEpochs = v[2] }),
        (new ExponentialSchedule(), v => new ExponentialSchedule(v[0]) { WarmupEpochs = v[1] }),
        (new InverseSchedule(), v => new InverseSchedule(v[0], v[1]) { WarmupEpochs = v[2] }),
        (new PolynomialSchedule(), v => new PolynomialSchedule(v[0], v[1]) { WarmupEpochs = v[2] }),
        (new CosineSchedule(), v => new CosineSchedule(v[0]) { WarmupEpochs = v[1] }),
        (new OneCycleSchedule(), v => new OneCycleSchedule(v[0], v[1], v[2]) { WarmupEpochs = v[3] }));

    // The positional properties of a derived record are set before this runs.
    private protected LearningRateSchedule()
    {
        foreach (var option in Own) option.Require(Name);
    }

    /// <summary>The names that <see cref="Parse"/> knows.</summary>
    public static IReadOnlyList<string> Names => Choices.Names;

    /// <summary>The name in a configuration: <c>one_cycle</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Every number of the schedule, <c>warmup_epochs</c> last: what a resolved configuration holds.</summary>
    public IReadOnlyList<(string Name, float Value)> Options => [.. Array.ConvertAll(Own, option => (option.Name, option.Value)), ("warmup_epochs", WarmupEpochs)];

    /// <summary>W: epochs, or a part of one, in which the rate climbs in equal steps to the curve's first rate; 0 for none. The curve starts after them.
    /// Source: Goyal et al., arXiv 1706.02677, 2017, section 2.2.</summary>
    /// <exception cref="ArgumentException">Below 0 or not finite. One line.</exception>
    public float WarmupEpochs { get; init => field = Option.NotNegative("warmup_epochs", value).Require(Name); }

    /// <summary>The schedule of a configuration's name and options.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="options">As <see cref="Options"/>.</param>
    /// <exception cref="ArgumentException">Unknown name or option, or an option out of range. One line.</exception>
    public static LearningRateSchedule Parse(string name, IReadOnlyDictionary<string, float>? options = null) => Choices.Parse(name, options);

    /// <summary>The rate of one step; depends on the arguments alone.</summary>
    /// <param name="step">From 1; after the last step the rate stays.</param>
    /// <param name="totalSteps">Steps of the whole training, ≥ 1.</param>
    /// <param name="stepsPerEpoch">≥ 1.</param>
    /// <param name="baseRate">The optimizer's rate: the first of the falling curves, the highest of one_cycle.</param>
    /// <exception cref="ArgumentException">A number below 1. One line.</exception>
    public float Rate(long step, long totalSteps, int stepsPerEpoch, float baseRate)
    {
        if (step < 1 || totalSteps < 1 || stepsPerEpoch < 1)
            throw new ArgumentException($"{Name}: expected step, total and steps per epoch from 1 on, got {step}, {totalSteps} and {stepsPerEpoch}.");
        var warmup = Math.Round(WarmupEpochs * (double)stepsPerEpoch);
        var last = Math.Max(totalSteps - warmup, 1);
        if (step <= warmup) return (float)(Curve(0, last, stepsPerEpoch, baseRate) * step / warmup);
        return (float)Curve(Math.Min(step, Math.Max(totalSteps, warmup + 1)) - warmup - 1, last, stepsPerEpoch, baseRate);
    }

    /// <summary>The numbers besides the warm-up.</summary>
    private protected abstract Option[] Own { get; }

    /// <summary>The rate after <paramref name="done"/> of <paramref name="total"/> steps, without warm-up.</summary>
    private protected abstract double Curve(double done, double total, double stepsPerEpoch, double baseRate);
}
