using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary><see cref="Adam"/> that divides by the largest second moment so far: x ← max(x, v); w ← w − η·m̂ / (√x̂ + ε), x̂ = x / (1 − β₂ᵗ).
/// Source: Reddi, Kale and Kumar, ICLR 2018, algorithm 2, with Adam's corrections as in PyTorch.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="beta1">Decay β₁ of the first moment, 0 ≤ beta1 &lt; 1.</param>
/// <param name="beta2">Decay β₂ of the second moment, 0 ≤ beta2 &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
public sealed class AmsGrad(float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f)
    : Optimizer("amsgrad", learningRate, ["first_moment", "second_moment", "largest_second_moment"],
        Option.BelowOne("beta1", beta1), Option.BelowOne("beta2", beta2), Option.Positive("epsilon", epsilon))
{
    private protected override void Apply(long step, double learningRate) => Run(AmsGradRule.Of(step, learningRate, beta1, beta2, epsilon));
}

/// <summary>The rule of <see cref="AmsGrad"/>. Fields as those of <see cref="AdamRule"/>.</summary>
internal readonly record struct AmsGradRule(float Rate, float Beta1, float Beta1Rest, float Beta2, float Beta2Rest, float Correction, float Epsilon)
    : IUpdateRule
{
    public static string Kernel => "amsgrad";

    public static int StateCount => 3;

    /// <summary>The coefficients of step t: those of <see cref="AdamRule"/>.</summary>
    internal static AmsGradRule Of(long step, double learningRate, double beta1, double beta2, float epsilon)
    {
        var adam = AdamRule.Of(step, learningRate, beta1, beta2, epsilon);
        return new(adam.Rate, adam.Beta1, adam.Beta1Rest, adam.Beta2, adam.Beta2Rest, adam.Correction, adam.Epsilon);
    }

    public float Apply(float value, float gradient, ref float first, ref float second, ref float largest)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        second = Beta2 * second + Beta2Rest * (gradient * gradient);
        largest = largest > second ? largest : second;
        return value - Rate * first / (MathF.Sqrt(largest) * Correction + Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> first, ref Vector<float> second, ref Vector<float> largest)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        second = Beta2 * second + Beta2Rest * (gradient * gradient);
        largest = Vector.ConditionalSelect(Vector.GreaterThan(largest, second), largest, second);
        return value - Rate * first / (Vector.SquareRoot(largest) * Correction + new Vector<float>(Epsilon));
    }
}
