using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL.NN;

/// <summary>Gradient descent: w ← w − η·g. Source: Goodfellow, Bengio and Courville, Deep Learning, 2016, algorithm 8.1.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
public sealed class Sgd(float learningRate = 1e-3f)
    : Optimizer("sgd", learningRate, [])
{
    private protected override bool HasLinearRule => true;

    private protected override void Apply(long step, double learningRate) => Run(new SgdRule((float)learningRate));
}

/// <summary>The rule of <see cref="Sgd"/>.</summary>
internal readonly record struct SgdRule(float Rate) : IUpdateRule
{
    public static string Kernel => "sgd";

    public static int StateCount => 0;

    public float Apply(float value, float gradient, ref float unused0, ref float unused1, ref float unused2) => value - Rate * gradient;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> unused0, ref Vector<float> unused1, ref Vector<float> unused2) =>
        value - Rate * gradient;
}
