namespace RawDL;

public static partial class TensorOps
{
    /// <summary>The same elements under another shape: a view of the same memory, gradient included; nothing is copied or recorded.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="shape">As many elements as <paramref name="x"/>.</param>
    /// <exception cref="ShapeException">Another number of elements.</exception>
    public static Tensor Reshape(this Tensor x, Shape shape)
    {
        if (shape.Count != x.Count) throw new ShapeException($"Reshape: expected {x.Count} elements for x {x.Shape}, got {shape}.");
        return new Tensor(x.Buffer, x.Offset, shape, x.Tape)
        {
            Gradient = x.Gradient is { } dx ? new Tensor(dx.Buffer, dx.Offset, shape, dx.Tape) : null,
        };
    }
}
