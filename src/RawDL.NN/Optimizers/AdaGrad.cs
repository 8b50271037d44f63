using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>A rate per element that shrinks with its gradients: s ← s + g²; w ← w − η·g / (√s + ε).
/// Source: Duchi, Hazan and Singer, JMLR 12, 2011, equation 1.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
public sealed class AdaGrad(float learningRate = 1e-2f, float epsilon = 1e-10f)
    : Optimizer("adagrad", learningRate, ["squares"], Option.Positive("epsilon", epsilon))
{
    private protected override void Apply(long step, double learningRate) => Run(new AdaGradRule((float)learningRate, epsilon));
}

/// <summary>The rule of <see cref="AdaGrad"/>.</summary>
internal readonly record struct AdaGradRule(float Rate, float Epsilon) : IUpdateRule
{
    public static string Kernel => "adagrad";

    public static int StateCount => 1;

    public float Apply(float value, float gradient, ref float squares, ref float unused0, ref float unused1)
    {
        squares += gradient * gradient;
        return value - Rate * gradient / (MathF.Sqrt(squares) + Epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> squares, ref Vector<float> unused0, ref Vector<float> unused1)
    {
        squares += gradient * gradient;
        return value - Rate * gradient / (Vector.SquareRoot(squares) + new Vector<float>(Epsilon));
    }
}
