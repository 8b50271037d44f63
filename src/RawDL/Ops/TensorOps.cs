namespace RawDL;

/// <summary>The operations on tensors. Each checks its shapes, runs a kernel of the tape's device and notes its gradient on the tape.</summary>
public static partial class TensorOps
{
    private static Tensor Unary<TOp>(Tensor x, TOp op) where TOp : unmanaged, IUnaryOp
    {
        var tape = Tape.Of(x);
        var y = tape.Allocate(x.Shape);
        tape.Device.UnaryForward(op, x, y);
        tape.Record(y, () =>
        {
            if (x.Gradient is { } dx) tape.Device.UnaryBackward(op, x, y, y.Gradient!, dx);
        });
        return y;
    }
}
