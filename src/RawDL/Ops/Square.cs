using System.Numerics;

namespace RawDL;

/// <summary>y = x²; dy/dx = 2x.</summary>
public readonly struct SquareOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "square";

    /// <inheritdoc/>
    public float Forward(float x) => x * x;
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => x * x;

    /// <inheritdoc/>
    public float Derivative(float x, float y) => x + x;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => x + x;
}

public static partial class TensorOps
{
    /// <summary>Square, y = x².</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Square(this Tensor x) => Unary(x, new SquareOp());
}
