using System.Numerics;

namespace RawDL;

/// <summary>y = x where x &gt; 0, else alpha·(eˣ − 1); dy/dx = 1 or y + alpha.</summary>
/// <param name="alpha">Minus the limit at −∞.</param>
public readonly struct EluOp(float alpha) : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "elu";

    /// <inheritdoc/>
    public float Parameter => alpha;

    /// <inheritdoc/>
    public float Forward(float x) => x > 0f ? x : alpha * (float)(Math.Exp(x) - 1);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, new Vector<float>(alpha) * Elementary.ExpMinusOne(x));

    /// <inheritdoc/>
    public float Derivative(float x, float y) => x > 0f ? 1f : y + alpha;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) =>
        Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), Vector<float>.One, y + new Vector<float>(alpha));
}

public static partial class TensorOps
{
    /// <summary>Exponential linear unit, y = x where x &gt; 0, else alpha·(eˣ − 1).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="alpha">Minus the limit at −∞.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>Source: Clevert, Unterthiner and Hochreiter, ICLR 2016, equation 15.</remarks>
    public static Tensor Elu(this Tensor x, float alpha = 1f) => Unary(x, new EluOp(alpha));
}
