using System.Numerics;

namespace RawDL;

/// <summary>y = |x|; dy/dx = sign x, 0 at 0.</summary>
public readonly struct AbsOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "abs";

    /// <inheritdoc/>
    public float Forward(float x) => MathF.Abs(x);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Vector.Abs(x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => x > 0f ? 1f : x < 0f ? -1f : 0f;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) =>
        Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), Vector<float>.One,
            Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -Vector<float>.One, Vector<float>.Zero));
}

public static partial class TensorOps
{
    /// <summary>Absolute value, y = |x|.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>The gradient at 0 is 0.</remarks>
    public static Tensor Abs(this Tensor x) => Unary(x, new AbsOp());
}
