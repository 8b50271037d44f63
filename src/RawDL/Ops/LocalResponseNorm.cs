namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Local response normalisation across channels: y = x · (bias + alpha/size · Σ x²)^−beta.</summary>
    /// <param name="x">[N, C, …], rank ≥ 2.</param>
    /// <param name="size">Channels in the sum, ≥ 1: from c − size/2 to c + (size − 1)/2, cut at the ends.</param>
    /// <param name="alpha">Factor of the mean square, ≥ 0.</param>
    /// <param name="beta">Exponent.</param>
    /// <param name="bias">Added constant, &gt; 0.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>Source: Krizhevsky, Sutskever and Hinton, NIPS 2012, section 3.3; alpha is divided by size as in PyTorch, where the paper does not.</remarks>
    /// <exception cref="ShapeException">The rank is below 2.</exception>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public static Tensor LocalResponseNorm(this Tensor x, int size = 5, float alpha = 1e-4f, float beta = 0.75f, float bias = 1f)
    {
        if (x.Shape.Rank < 2) throw new ShapeException($"LocalResponseNorm: expected x of rank >= 2, got x {x.Shape}.");
        if (size < 1) throw new ArgumentException($"LocalResponseNorm: expected size >= 1, got {size}.");
        if (!(alpha >= 0)) throw new ArgumentException($"LocalResponseNorm: expected alpha >= 0, got {alpha}.");
        if (!(bias > 0)) throw new ArgumentException($"LocalResponseNorm: expected bias > 0, got {bias}.");
        var tape = Tape.Of(x);
        var geometry = new LocalResponseGeometry(x.Shape[0], x.Shape[1], x.Shape.Product(2, x.Shape.Rank), size, alpha, beta, bias);
        var y = tape.Allocate(x.Shape);
        var denominator = tape.Allocate(x.Shape);
        tape.Device.LocalResponseNormForward(geometry, x, denominator, y);
        tape.Record(y, (geometry, x, denominator, y), static step =>
        {
            var (geometry, x, denominator, y) = step;
            if (x.Gradient is { } dx) y.Device.LocalResponseNormBackward(geometry, x, denominator, y, y.Gradient!, dx);
        });
        return y;
    }
}
