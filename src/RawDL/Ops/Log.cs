using System.Numerics;

namespace RawDL;

/// <summary>y = ln x; dy/dx = 1/x.</summary>
public readonly struct LogOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "log";

    /// <inheritdoc/>
    public float Forward(float x) => MathF.Log(x);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Vector.Log(x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => 1f / x;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector<float>.One / x;
}

public static partial class TensorOps
{
    /// <summary>Natural logarithm, y = ln x.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>−∞ at 0, NaN below.</remarks>
    public static Tensor Log(this Tensor x) => Unary(x, new LogOp());
}
