using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary><see cref="Adam"/> with the maximum norm: m ← β₁·m + (1 − β₁)·g; u ← max(β₂·u, |g| + ε); w ← w − η / (1 − β₁ᵗ) · m / u.
/// Source: Kingma and Ba, ICLR 2015, algorithm 2, with ε as in PyTorch.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="beta1">Decay β₁ of the first moment, 0 ≤ beta1 &lt; 1.</param>
/// <param name="beta2">Decay β₂ of the second moment, 0 ≤ beta2 &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
public sealed class AdaMax(float learningRate = 2e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f)
    : Optimizer("adamax", learningRate, ["first_moment", "infinity_norm"],
        Option.BelowOne("beta1", beta1), Option.BelowOne("beta2", beta2), Option.Positive("epsilon", epsilon))
{
    private protected override void Apply(long step, double learningRate) =>
        Run(new AdaMaxRule((float)(learningRate / (1 - Math.Pow(beta1, step))), beta1, (float)(1.0 - beta1), beta2, epsilon));
}

/// <summary>The rule of <see cref="AdaMax"/>. A NaN gradient stays in the norm. Rate is η / (1 − β₁ᵗ), Beta1Rest 1 − β₁.</summary>
internal readonly record struct AdaMaxRule(float Rate, float Beta1, float Beta1Rest, float Beta2, float Epsilon) : IUpdateRule
{
    public static string Kernel => "adamax";

    public static int StateCount => 2;

    public float Apply(float value, float gradient, ref float first, ref float norm, ref float unused0)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        var (faded, size) = (Beta2 * norm, MathF.Abs(gradient) + Epsilon);
        norm = faded > size ? faded : size;
        return value - Rate * first / norm;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> first, ref Vector<float> norm, ref Vector<float> unused0)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        var (faded, size) = (Beta2 * norm, Vector.Abs(gradient) + new Vector<float>(Epsilon));
        norm = Vector.ConditionalSelect(Vector.GreaterThan(faded, size), faded, size);
        return value - Rate * first / norm;
    }
}
