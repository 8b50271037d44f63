using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>Divides by the recent size of the gradient: v ← α·v + (1 − α)·g²; w ← w − η·g / (√v + ε).
/// Source: Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="alpha">Decay α of the average of squares, 0 ≤ alpha &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
public sealed class RmsProp(float learningRate = 1e-2f, float alpha = 0.99f, float epsilon = 1e-8f)
    : Optimizer("rmsprop", learningRate, ["mean_square"], Option.BelowOne("alpha", alpha), Option.Positive("epsilon", epsilon))
{
    private protected override void Apply(long step, double learningRate) =>
        Run(new RmsPropRule((float)learningRate, alpha, (float)(1.0 - alpha), epsilon));
}

/// <summary>The rule of <see cref="RmsProp"/>. AlphaRest is 1 − α.</summary>
internal readonly record struct RmsPropRule(float Rate, float Alpha, float AlphaRest, float Epsilon) : IUpdateRule
{
    public static string Kernel => "rmsprop";

    public static int StateCount => 1;

    public float Apply(float value, float gradient, ref float square, ref float unused0, ref float unused1)
    {
        square = Alpha * square + AlphaRest * (gradient * gradient);
        return value - Rate * gradient / (MathF.Sqrt(square) + Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> square, ref Vector<float> unused0, ref Vector<float> unused1)
    {
        square = Alpha * square + AlphaRest * (gradient * gradient);
        return value - Rate * gradient / (Vector.SquareRoot(square) + new Vector<float>(Epsilon));
    }
}
