using System.Numerics;

namespace RawDL;

/// <summary>y = factor·x; dy/dx = factor.</summary>
/// <param name="factor">Factor.</param>
public readonly struct ScaleOp(float factor) : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "scale";

    /// <inheritdoc/>
    public float Parameter => factor;

    /// <inheritdoc/>
    public float Forward(float x) => factor * x;
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => new Vector<float>(factor) * x;

    /// <inheritdoc/>
    public float Derivative(float x, float y) => factor;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => new Vector<float>(factor);
}

public static partial class TensorOps
{
    /// <summary>y = factor·x.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="factor">One number for all elements.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Multiply(this Tensor x, float factor) => Unary(x, new ScaleOp(factor));

    /// <summary>y = x/divisor, computed as x·(1/divisor).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="divisor">One number for all elements.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Divide(this Tensor x, float divisor) => Unary(x, new ScaleOp(1f / divisor));
}
