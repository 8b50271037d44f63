namespace RawDL;

/// <summary>The operations on tensors. Each checks its shapes, runs a kernel of the tape's device and notes its gradient on the tape.</summary>
public static partial class TensorOps
{
    private static Tensor Unary<TOp>(Tensor x, TOp op) where TOp : unmanaged, IUnaryOp
    {
        var tape = Tape.Of(x);
        var y = tape.Allocate(x.Shape);
        tape.Device.UnaryForward(op, x, y);
        tape.Record(y, (op, x, y), static step =>
        {
            var (op, x, y) = step;
            if (x.Gradient is { } dx) y.Device.UnaryBackward(op, x, y, y.Gradient!, dx);
        });
        return y;
    }

    private static Tensor Binary<TOp>(Tensor a, Tensor b, string name) where TOp : unmanaged, IBinaryOp
    {
        var geometry = Broadcast(a.Shape, b.Shape, name);
        var tape = Tape.Of(a, b);
        var y = tape.Allocate(a.Shape);
        tape.Device.BinaryForward<TOp>(geometry, a, b, y);
        tape.Record(y, (geometry, a, b, y), static step =>
        {
            var (geometry, a, b, y) = step;
            if (a.Gradient is { } da) y.Device.BinaryBackwardLeft<TOp>(geometry, a, b, y.Gradient!, da);
            if (b.Gradient is { } db) y.Device.BinaryBackwardRight<TOp>(geometry, a, b, y.Gradient!, db);
        });
        return y;
    }

    private static BroadcastGeometry Broadcast(Shape a, Shape b, string name)
    {
        if (a == b) return new BroadcastGeometry(1, a.Count, 1);
        if (b.Count == 1) return new BroadcastGeometry(1, 1, a.Count);
        if (a.Rank >= 2 && b.Rank == 1 && b[0] == a[1]) return new BroadcastGeometry(a[0], a[1], a.Product(2, a.Rank));
        var channels = a.Rank >= 2 ? $", [{a[1]}]" : "";
        throw new ShapeException($"{name}: expected b of {a}{channels} or one element, got {b} for a {a}.");
    }

    // Negative dimensions count from the innermost.
    private static int Dimension(Shape shape, int dimension, string name)
    {
        var d = dimension < 0 ? dimension + shape.Rank : dimension;
        if ((uint)d >= (uint)shape.Rank)
            throw new ShapeException($"{name}: expected a dimension below {shape.Rank}, got {dimension} for x {shape}.");
        return d;
    }

    private static ReduceGeometry Around(Shape shape, int dimension) =>
        new(shape.Product(0, dimension), shape[dimension], shape.Product(dimension + 1, shape.Rank));

    private static void RequireSameShape(Tensor x, Tensor target, string name)
    {
        if (x.Shape != target.Shape) throw new ShapeException($"{name}: expected a target of {x.Shape}, got {target.Shape}.");
    }
}
