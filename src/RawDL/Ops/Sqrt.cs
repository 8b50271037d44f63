using System.Numerics;

namespace RawDL;

/// <summary>y = √x; dy/dx = 1/(2y).</summary>
public readonly struct SqrtOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "sqrt";

    /// <inheritdoc/>
    public float Forward(float x) => MathF.Sqrt(x);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Vector.SquareRoot(x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => 0.5f / y;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => new Vector<float>(0.5f) / y;
}

public static partial class TensorOps
{
    /// <summary>Square root, y = √x.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>NaN below 0; the gradient at 0 is +∞.</remarks>
    public static Tensor Sqrt(this Tensor x) => Unary(x, new SqrtOp());
}
