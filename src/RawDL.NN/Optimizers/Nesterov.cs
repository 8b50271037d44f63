using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>Momentum that looks ahead: u ← μ·u + g; w ← w − η·(g + μ·u). Source: Sutskever et al., ICML 2013, equations 3 and 4, in PyTorch's form.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="momentum">Decay μ of the velocity, 0 ≤ momentum &lt; 1.</param>
public sealed class Nesterov(float learningRate = 1e-3f, float momentum = 0.9f)
    : Optimizer("nesterov", learningRate, ["velocity"], Option.BelowOne("momentum", momentum))
{
    private protected override bool HasLinearRule => true;

    private protected override void Apply(long step, double learningRate) => Run(new NesterovRule((float)learningRate, momentum));
}

/// <summary>The rule of <see cref="Nesterov"/>.</summary>
internal readonly record struct NesterovRule(float Rate, float Decay) : IUpdateRule
{
    public static string Kernel => "nesterov";

    public static int StateCount => 1;

    public float Apply(float value, float gradient, ref float velocity, ref float unused0, ref float unused1)
    {
        velocity = Decay * velocity + gradient;
        return value - Rate * (gradient + Decay * velocity);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> velocity, ref Vector<float> unused0, ref Vector<float> unused1)
    {
        velocity = Decay * velocity + gradient;
        return value - Rate * (gradient + Decay * velocity);
    }
}
