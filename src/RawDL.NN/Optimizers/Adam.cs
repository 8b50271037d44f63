using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>Adaptive moments: m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; w ← w − η·m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
/// Source: Kingma and Ba, ICLR 2015, algorithm 1.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="beta1">Decay β₁ of the first moment, 0 ≤ beta1 &lt; 1.</param>
/// <param name="beta2">Decay β₂ of the second moment, 0 ≤ beta2 &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
public sealed class Adam(float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f)
    : Optimizer("adam", learningRate, ["first_moment", "second_moment"],
        Option.BelowOne("beta1", beta1), Option.BelowOne("beta2", beta2), Option.Positive("epsilon", epsilon))
{
    private protected override void Apply(long step, double learningRate) => Run(AdamRule.Of(step, learningRate, beta1, beta2, epsilon));
}

/// <summary>The rule of <see cref="Adam"/> and <see cref="AdamW"/>. Rate is η / (1 − β₁ᵗ), Correction 1 / √(1 − β₂ᵗ), …Rest 1 − ….</summary>
internal readonly record struct AdamRule(float Rate, float Beta1, float Beta1Rest, float Beta2, float Beta2Rest, float Correction, float Epsilon) : IUpdateRule
{
    public static string Kernel => "adam";

    public static int StateCount => 2;

    /// <summary>The coefficients of step t.</summary>
    internal static AdamRule Of(long step, double learningRate, double beta1, double beta2, float epsilon) =>
        new((float)(learningRate / (1 - Math.Pow(beta1, step))), (float)beta1, (float)(1 - beta1), (float)beta2, (float)(1 - beta2),
            (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step))), epsilon);

    public float Apply(float value, float gradient, ref float first, ref float second, ref float unused0)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        second = Beta2 * second + Beta2Rest * (gradient * gradient);
        return value - Rate * first / (MathF.Sqrt(second) * Correction + Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> first, ref Vector<float> second, ref Vector<float> unused0)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        second = Beta2 * second + Beta2Rest * (gradient * gradient);
        return value - Rate * first / (Vector.SquareRoot(second) * Correction + new Vector<float>(Epsilon));
    }
}
