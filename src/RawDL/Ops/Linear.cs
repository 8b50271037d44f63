namespace RawDL;

public static partial class TensorOps
{
    /// <summary>y = x·Wᵀ + b: one fully connected layer.</summary>
    /// <param name="x">[N, In].</param>
    /// <param name="weight">W, [Out, In].</param>
    /// <param name="bias">b, [Out], or null.</param>
    /// <returns>[N, Out].</returns>
    /// <exception cref="ShapeException">The extents do not fit.</exception>
    /// <remarks>dx = dy·W, dW = dyᵀ·x, db = Σ dy over the batch.</remarks>
    public static Tensor Linear(this Tensor x, Tensor weight, Tensor? bias = null) => Linear(x, weight, bias, relu: false);

    private static Tensor Linear(Tensor x, Tensor weight, Tensor? bias, bool relu)
    {
        CheckLinear(x.Shape, weight.Shape, bias?.Shape);
        var geometry = MatMulGeometry.Resolve(x.Shape, weight.Shape, Transpose.Right);
        var tape = Tape.Of(x, weight);
        var y = tape.Allocate(new Shape(geometry.Rows, geometry.Columns));
        if (tape.Packed(geometry, weight) is { } packed) tape.Device.MatMulPacked(geometry, x, packed, bias, y, relu);
        else tape.Device.MatMulBias(geometry, x, weight, bias, y, relu);
        tape.Record(y, (geometry, x, weight, bias, relu, y), static step =>
        {
            var (geometry, x, weight, bias, relu, y) = step;
            var dy = y.Gradient!;
            if (relu)
            {
                dy = y.Tape!.AllocateZero(y.Shape);
                y.Device.UnaryBackward(new ReluOp(), y, y, y.Gradient!, dy);
            }
            MatMulBackward(geometry, x, weight, dy);
            var channels = new BroadcastGeometry(geometry.Rows, geometry.Columns, 1);
            if (bias?.Gradient is { } db) y.Device.BinaryBackwardRight<AddOp>(channels, y, bias, dy, db);
        });
        return y;
    }

    private static void CheckLinear(Shape x, Shape weight, Shape? bias)
    {
        if (x.Rank != 2) throw new ShapeException($"Linear: expected x [N, In], got x {x}.");
        if (weight.Rank != 2) throw new ShapeException($"Linear: expected weight [Out, In], got weight {weight}.");
        if (weight[1] != x[1])
            throw new ShapeException($"Linear: weight {weight} expects {weight[1]} features, got {x[1]} in x {x}.");
        if (bias is { } b && (b.Rank != 1 || b[0] != weight[0]))
            throw new ShapeException($"Linear: weight {weight} expects bias [{weight[0]}], got bias {b}.");
    }
}
