using System.Numerics;

namespace RawDL;

/// <summary>y = x + term; dy/dx = 1.</summary>
/// <param name="term">Term.</param>
public readonly struct ShiftOp(float term) : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "shift";

    /// <inheritdoc/>
    public float Parameter => term;

    /// <inheritdoc/>
    public float Forward(float x) => x + term;
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => x + new Vector<float>(term);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => 1f;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector<float>.One;
}

public static partial class TensorOps
{
    /// <summary>y = x + term.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="term">One number for all elements.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Add(this Tensor x, float term) => Unary(x, new ShiftOp(term));

    /// <summary>y = x − term.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="term">One number for all elements.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    public static Tensor Subtract(this Tensor x, float term) => Unary(x, new ShiftOp(-term));
}
