using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary><see cref="Adam"/> with Nesterov's momentum: μₜ = β₁·(1 − 0.96^(t·ψ) / 2); w ← w − η·((1 − μₜ) / (1 − Πₜ)·g + μₜ₊₁ / (1 − Πₜ₊₁)·m) / (√v̂ + ε), Πₜ = μ₁·…·μₜ.
/// Source: Dozat, ICLR workshop 2016, algorithm 2, with the momentum schedule of PyTorch.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="beta1">Decay β₁ of the first moment, 0 ≤ beta1 &lt; 1.</param>
/// <param name="beta2">Decay β₂ of the second moment, 0 ≤ beta2 &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
/// <param name="momentumDecay">ψ of the momentum schedule, ≥ 0.</param>
public sealed class Nadam(float learningRate = 2e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float momentumDecay = 4e-3f)
    : Optimizer("nadam", learningRate, ["first_moment", "second_moment"],
        Option.BelowOne("beta1", beta1), Option.BelowOne("beta2", beta2), Option.Positive("epsilon", epsilon), Option.NotNegative("momentum_decay", momentumDecay))
{
    private long _step;
    private double _product = 1;

    private protected override void Apply(long step, double learningRate)
    {
        var (mu, next) = (MomentumAt(step), MomentumAt(step + 1));
        var product = ProductTo(step);
        Run(new NadamRule((float)(learningRate * (1 - mu) / (1 - product)), (float)(learningRate * next / (1 - product * next)), beta1, (float)(1.0 - beta1),
            beta2, (float)(1.0 - beta2), (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step))), epsilon));
    }

    private double MomentumAt(long step) => beta1 * (1 - 0.5 * Math.Pow(0.96, step * (double)momentumDecay));

    // The running product is kept; any other step multiplies from 1 again, in the same order. Below 1e-20 it no longer changes 1 − Π.
    private double ProductTo(long step)
    {
        if (step < _step) (_step, _product) = (0, 1);
        for (; _step < step && _product > 1e-20; _step++) _product *= MomentumAt(_step + 1);
        return _product;
    }
}

/// <summary>The rule of <see cref="Nadam"/>. GradientRate is η·(1 − μₜ) / (1 − Πₜ), MomentRate η·μₜ₊₁ / (1 − Πₜ₊₁), the rest as in <see cref="AdamRule"/>.</summary>
internal readonly record struct NadamRule(float GradientRate, float MomentRate, float Beta1, float Beta1Rest, float Beta2, float Beta2Rest, float Correction, float Epsilon)
    : IUpdateRule
{
    public static string Kernel => "nadam";

    public static int StateCount => 2;

    public float Apply(float value, float gradient, ref float first, ref float second, ref float unused0)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        second = Beta2 * second + Beta2Rest * (gradient * gradient);
        return value - (GradientRate * gradient + MomentRate * first) / (MathF.Sqrt(second) * Correction + Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> first, ref Vector<float> second, ref Vector<float> unused0)
    {
        first = Beta1 * first + Beta1Rest * gradient;
        second = Beta2 * second + Beta2Rest * (gradient * gradient);
        return value - (GradientRate * gradient + MomentRate * first) / (Vector.SquareRoot(second) * Correction + new Vector<float>(Epsilon));
    }
}
