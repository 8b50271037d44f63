using System.Numerics;

namespace RawDL;

/// <summary>y = ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|); dy/dx = 1/(1 + e⁻ˣ).</summary>
public readonly struct SoftplusOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "softplus";

    /// <inheritdoc/>
    public float Forward(float x) => (x > 0f ? x : 0f) + (float)Math.Log(1 + Math.Exp(-MathF.Abs(x)));
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) =>
        Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, Vector<float>.Zero) + Elementary.LogOnePlus(Elementary.Exp(-Vector.Abs(x)));

    /// <inheritdoc/>
    public float Derivative(float x, float y) => 1f / (1f + MathF.Exp(-x));
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => Elementary.Sigmoid(x);
}

public static partial class TensorOps
{
    /// <summary>Smooth rectifier, y = ln(1 + eˣ), without overflow.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>Source: Dugas, Bengio, Belisle, Nadeau and Garcia, NIPS 2000.</remarks>
    public static Tensor Softplus(this Tensor x) => Unary(x, new SoftplusOp());
}
