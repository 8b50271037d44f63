using System.Numerics;

namespace RawDL;

/// <summary>y = max(x, 0); dy/dx = 1 where y &gt; 0, else 0.</summary>
public readonly struct ReluOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "relu";

    // x < 0 ? 0 : x, not max: NaN must survive on every device.
    /// <inheritdoc/>
    public float Forward(float x) => x < 0f ? 0f : x;
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), Vector<float>.Zero, x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => y > 0f ? 1f : 0f;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) =>
        Vector.ConditionalSelect(Vector.GreaterThan(y, Vector<float>.Zero), Vector<float>.One, Vector<float>.Zero);
}

public static partial class TensorOps
{
    /// <summary>Rectified linear unit, y = max(x, 0).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>The gradient at 0 is 0. Source: Nair and Hinton, ICML 2010.</remarks>
    public static Tensor Relu(this Tensor x) => Unary(x, new ReluOp());
}
