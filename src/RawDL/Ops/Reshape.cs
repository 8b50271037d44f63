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
        var y = View(x, shape);
        if (x.Gradient is { } dx) y.Gradient = View(dx, shape);
        return y;

        static Tensor View(Tensor x, Shape shape) => x.Tape is { } tape ? tape.View(x.Buffer, x.Offset, shape) : new Tensor(x.Buffer, x.Offset, shape);
    }
}
