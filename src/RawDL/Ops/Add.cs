using System.Numerics;

namespace RawDL;

/// <summary>y = a + b; both derivatives are 1.</summary>
public readonly struct AddOp : IBinaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "add";

    /// <inheritdoc/>
    public static float Forward(float a, float b) => a + b;
    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b) => a + b;

    /// <inheritdoc/>
    public static float DerivativeLeft(float a, float b) => 1f;
    /// <inheritdoc/>
    public static Vector<float> DerivativeLeft(Vector<float> a, Vector<float> b) => Vector<float>.One;

    /// <inheritdoc/>
    public static float DerivativeRight(float a, float b) => 1f;
    /// <inheritdoc/>
    public static Vector<float> DerivativeRight(Vector<float> a, Vector<float> b) => Vector<float>.One;
}

public static partial class TensorOps
{
    /// <summary>y = a + b, element by element; b is broadcast.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">The shape of <paramref name="a"/>, or one element, or [C] for an a of [N, C, …].</param>
    /// <returns>Same shape as <paramref name="a"/>.</returns>
    /// <exception cref="ShapeException">b is none of these.</exception>
    /// <remarks>db sums dy over the broadcast extents.</remarks>
    public static Tensor Add(this Tensor a, Tensor b) => Binary<AddOp>(a, b, nameof(Add));
}
