using System.Numerics;

namespace RawDL;

/// <summary>y = tanh x; dy/dx = 1 − y².</summary>
public readonly struct TanhOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "tanh";

    /// <inheritdoc/>
    public float Forward(float x) => MathF.Tanh(x);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Elementary.Tanh(x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => 1f - y * y;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector<float>.One - y * y;
}

public static partial class TensorOps
{
    /// <summary>Hyperbolic tangent, y = tanh x.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Tanh(this Tensor x) => Unary(x, new TanhOp());
}
