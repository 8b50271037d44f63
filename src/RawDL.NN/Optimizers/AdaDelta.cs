using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>Steps in the unit of the weights: v ← ρ·v + (1 − ρ)·g²; d = √(a + ε) / √(v + ε) · g; a ← ρ·a + (1 − ρ)·d²; w ← w − η·d.
/// Source: Zeiler, arXiv 1212.5701, 2012, algorithm 1.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="rho">Decay ρ of both averages, 0 ≤ rho &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
public sealed class AdaDelta(float learningRate = 1f, float rho = 0.9f, float epsilon = 1e-6f)
    : Optimizer("adadelta", learningRate, ["mean_square", "mean_square_change"], Option.BelowOne("rho", rho), Option.Positive("epsilon", epsilon))
{
    private protected override void Apply(long step, double learningRate) =>
        Run(new AdaDeltaRule((float)learningRate, rho, (float)(1.0 - rho), epsilon));
}

/// <summary>The rule of <see cref="AdaDelta"/>. RhoRest is 1 − ρ.</summary>
internal readonly record struct AdaDeltaRule(float Rate, float Rho, float RhoRest, float Epsilon) : IUpdateRule
{
    public static string Kernel => "adadelta";

    public static int StateCount => 2;

    public float Apply(float value, float gradient, ref float square, ref float changes, ref float unused0)
    {
        square = Rho * square + RhoRest * (gradient * gradient);
        var change = MathF.Sqrt(changes + Epsilon) / MathF.Sqrt(square + Epsilon) * gradient;
        changes = Rho * changes + RhoRest * (change * change);
        return value - Rate * change;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> square, ref Vector<float> changes, ref Vector<float> unused0)
    {
        var epsilon = new Vector<float>(Epsilon);
        square = Rho * square + RhoRest * (gradient * gradient);
        var change = Vector.SquareRoot(changes + epsilon) / Vector.SquareRoot(square + epsilon) * gradient;
        changes = Rho * changes + RhoRest * (change * change);
        return value - Rate * change;
    }
}
