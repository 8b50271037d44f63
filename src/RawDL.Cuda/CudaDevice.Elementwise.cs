namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    // Once per operation, so that a launch makes no strings.
    private static class UnaryNames<TOp> where TOp : unmanaged, IUnaryOp
    {
        public static readonly string Forward = TOp.Kernel + "_forward", Backward = TOp.Kernel + "_backward";
    }

    private static class BinaryNames<TOp> where TOp : unmanaged, IBinaryOp
    {
        public static readonly string Forward = TOp.Kernel + "_forward", BackwardLeft = TOp.Kernel + "_backward_left",
            BackwardRightColumns = TOp.Kernel + "_backward_right_columns", BackwardRightRows = TOp.Kernel + "_backward_right_rows";
    }

    /// <inheritdoc/>
    protected override void UnaryForward<TOp>(TOp op, Tensor x, Tensor y)
    {
        if (x.Count == 0) return;
        var kernel = Get("elementwise", UnaryNames<TOp>.Forward);
        var (from, to, parameter, count) = (Address(x), Address(y), Parameter(op), x.Count);
        Launch(kernel, Blocks(count, kernel, 4), 0, (nint)(&from), (nint)(&to), (nint)(&parameter), (nint)(&count));
    }

    /// <inheritdoc/>
    protected override void UnaryBackward<TOp>(TOp op, Tensor x, Tensor y, Tensor dy, Tensor dx)
    {
        if (x.Count == 0) return;
        var kernel = Get("elementwise", UnaryNames<TOp>.Backward);
        var (input, output, gradient, target, parameter, count) = (Address(x), Address(y), Address(dy), Address(dx), Parameter(op), x.Count);
        Launch(kernel, Blocks(count, kernel, 4), 0, (nint)(&input), (nint)(&output), (nint)(&gradient), (nint)(&target), (nint)(&parameter), (nint)(&count));
    }

    // An operation's only field is its parameter. The property would box the operations that do not have one.
    private static float Parameter<TOp>(TOp op) where TOp : unmanaged, IUnaryOp => sizeof(TOp) == sizeof(float) ? *(float*)&op : 0f;

    /// <inheritdoc/>
    protected override void BinaryForward<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor y)
    {
        if (geometry.Count == 0) return;
        var kernel = Get("elementwise", BinaryNames<TOp>.Forward);
        var (g, left, right, target) = (geometry, Address(a), Address(b), Address(y));
        Launch(kernel, Blocks(g.Count, kernel, 4), 0, (nint)(&g), (nint)(&left), (nint)(&right), (nint)(&target));
    }

    /// <inheritdoc/>
    protected override void BinaryBackwardLeft<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor da)
    {
        if (geometry.Count == 0) return;
        var kernel = Get("elementwise", BinaryNames<TOp>.BackwardLeft);
        var (g, left, right, gradient, target) = (geometry, Address(a), Address(b), Address(dy), Address(da));
        Launch(kernel, Blocks(g.Count, kernel, 4), 0, (nint)(&g), (nint)(&left), (nint)(&right), (nint)(&gradient), (nint)(&target));
    }

    /// <inheritdoc/>
    protected override void BinaryBackwardRight<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor db)
    {
        if (geometry.Count == 0) return;
        var (left, right, gradient, target) = (Address(a), Address(b), Address(dy), Address(db));
        int pieces;
        var store = Store.Add;
        if (geometry.Inner == 1)
        {
            var g = new ReduceGeometry(1, geometry.Outer, geometry.Channels);
            var (grid, width) = ColumnBlocks(g, out pieces);
            if (pieces > 1) (target, store) = (Scratch(pieces * g.Inner), Store.Overwrite);
            Launch(Get("elementwise", BinaryNames<TOp>.BackwardRightColumns), grid, 0,
                (nint)(&g), (nint)(&width), (nint)(&left), (nint)(&right), (nint)(&gradient), (nint)(&target), (nint)(&store));
        }
        else
        {
            var g = geometry;
            var grid = RowBlocks(g, out pieces);
            if (pieces > 1) (target, store) = (Scratch(pieces * g.Channels), Store.Overwrite);
            Launch(Get("elementwise", BinaryNames<TOp>.BackwardRightRows), grid, 0,
                (nint)(&g), (nint)(&left), (nint)(&right), (nint)(&gradient), (nint)(&target), (nint)(&store));
        }
        if (pieces > 1) FinishSums(target, pieces, geometry.Channels, Address(db), 1f, Store.Add);
    }
}
