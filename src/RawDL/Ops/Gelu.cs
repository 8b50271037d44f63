using System.Numerics;

namespace RawDL;

/// <summary>y = x·Φ(x) with the normal distribution function Φ; dy/dx = Φ(x) + x·φ(x).</summary>
public readonly struct GeluOp : IUnaryOp
{
    /// <inheritdoc/>
    public static string Kernel => "gelu";

    /// <inheritdoc/>
    public float Forward(float x) => x * Elementary.Normal(x, out _);
    /// <inheritdoc/>
    public Vector<float> Forward(Vector<float> x) => x * Elementary.Normal(x, out _);

    /// <inheritdoc/>
    public float Derivative(float x, float y) => Elementary.Normal(x, out var density) + x * density;
    /// <inheritdoc/>
    public Vector<float> Derivative(Vector<float> x, Vector<float> y) => Elementary.Normal(x, out var density) + x * density;
}

public static partial class TensorOps
{
    /// <summary>Gaussian error linear unit in its exact form, y = x·Φ(x) = x/2·(1 + erf(x/√2)).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>Source: Hendrycks and Gimpel, arXiv 1606.08415, section 2.</remarks>
    public static Tensor Gelu(this Tensor x) => Unary(x, new GeluOp());
}
