using System.Numerics;

namespace RawDL;

/// <summary>y = eˣ; dy/dx = y.</summary>
public readonly struct ExpOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "exp";

    /// <inheritdoc/>
    public float Forward(float x) => MathF.Exp(x);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Elementary.Exp(x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => y;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => y;
}

public static partial class TensorOps
{
    /// <summary>Exponential, y = eˣ.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>+∞ from x = 88.73 on.</remarks>
    public static Tensor Exp(this Tensor x) => Unary(x, new ExpOp());
}
