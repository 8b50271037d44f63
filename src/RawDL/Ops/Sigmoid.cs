using System.Numerics;

namespace RawDL;

/// <summary>y = 1/(1 + e⁻ˣ); dy/dx = y·(1 − y).</summary>
public readonly struct SigmoidOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "sigmoid";

    /// <inheritdoc/>
    public float Forward(float x) => 1f / (1f + MathF.Exp(-x));
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Elementary.Sigmoid(x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => y * (1f - y);
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => y * (Vector<float>.One - y);
}

public static partial class TensorOps
{
    /// <summary>Logistic function, y = 1/(1 + e⁻ˣ).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Sigmoid(this Tensor x) => Unary(x, new SigmoidOp());
}
