using System.Numerics;

namespace RawDL;

/// <summary>y = a/b; derivatives 1/b and −a/b².</summary>
public readonly struct DivideOp : IBinaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "divide";

    /// <inheritdoc/>
    public static float Forward(float a, float b) => a / b;
    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b) => a / b;

    /// <inheritdoc/>
    public static float DerivativeLeft(float a, float b) => 1f / b;
    /// <inheritdoc/>
    public static Vector<float> DerivativeLeft(Vector<float> a, Vector<float> b) => Vector<float>.One / b;

    /// <inheritdoc/>
    public static float DerivativeRight(float a, float b) => -a / (b * b);
    /// <inheritdoc/>
    public static Vector<float> DerivativeRight(Vector<float> a, Vector<float> b) => -a / (b * b);
}

public static partial class TensorOps
{
    /// <summary>y = a/b, element by element; b is broadcast.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">The shape of <paramref name="a"/>, or one element, or [C] for an a of [N, C, …].</param>
    /// <returns>Same shape as <paramref name="a"/>.</returns>
    /// <exception cref="ShapeException">b is none of these.</exception>
    /// <remarks>db sums −dy·a/b² over the broadcast extents.</remarks>
    public static Tensor Divide(this Tensor a, Tensor b) => Binary<DivideOp>(a, b, nameof(Divide));
}
