using System.Numerics;

namespace RawDL;

/// <summary>y = x where x &gt; 0, else slope·x; dy/dx = 1 or slope.</summary>
/// <param name="slope">Factor of the negative side.</param>
public readonly struct LeakyReluOp(float slope) : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "leaky_relu";

    /// <inheritdoc/>
    public float Parameter => slope;

    /// <inheritdoc/>
    public float Forward(float x) => x > 0f ? x : slope * x;
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, new Vector<float>(slope) * x);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => x > 0f ? 1f : slope;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) =>
        Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), Vector<float>.One, new Vector<float>(slope));
}

public static partial class TensorOps
{
    /// <summary>Leaky rectified linear unit, y = x where x &gt; 0, else slope·x.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="slope">Factor of the negative side.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>The gradient at 0 is the slope. Source: Maas, Hannun and Ng, ICML 2013.</remarks>
    public static Tensor LeakyRelu(this Tensor x, float slope = 0.01f) => Unary(x, new LeakyReluOp(slope));
}
