using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>Descent with a velocity: u ← μ·u + g; w ← w − η·u.
/// Source: Polyak, 1964; Sutskever et al., ICML 2013, equations 1 and 2, with the rate outside of u as in PyTorch.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="momentum">Decay μ of the velocity, 0 ≤ momentum &lt; 1.</param>
public sealed class Momentum(float learningRate = 1e-3f, float momentum = 0.9f)
    : Optimizer("momentum", learningRate, ["velocity"], Option.BelowOne("momentum", momentum))
{
    private protected override bool HasLinearRule => true;

    private protected override void Apply(long step, double learningRate) => Run(new MomentumRule((float)learningRate, momentum));
}

/// <summary>The rule of <see cref="Momentum"/>.</summary>
internal readonly record struct MomentumRule(float Rate, float Decay) : IUpdateRule
{
    public static string Kernel => "momentum";

    public static int StateCount => 1;

    public float Apply(float value, float gradient, ref float velocity, ref float unused0, ref float unused1)
    {
        velocity = Decay * velocity + gradient;
        return value - Rate * velocity;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> velocity, ref Vector<float> unused0, ref Vector<float> unused1)
    {
        velocity = Decay * velocity + gradient;
        return value - Rate * velocity;
    }
}
