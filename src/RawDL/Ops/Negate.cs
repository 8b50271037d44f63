using System.Numerics;

namespace RawDL;

/// <summary>y = −x.</summary>
public readonly struct NegateOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "negate";

    /// <inheritdoc/>
    public float Forward(float x) => -x;
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => -x;

    /// <inheritdoc/>
    public float Derivative(float x, float y) => -1f;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => -Vector<float>.One;
}

public static partial class TensorOps
{
    /// <summary>y = −x.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Negate(this Tensor x) => Unary(x, new NegateOp());
}
