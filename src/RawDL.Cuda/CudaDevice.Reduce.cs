namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void Sum(in ReduceGeometry geometry, Tensor x, Tensor y, float scale, Store store)
    {
        if (y.Count == 0) return;
        if (geometry.Reduced == 0)
        {
            if (store == Store.Overwrite) Fill(y, 0f);
            return;
        }
        var (from, to, factor, how, pieces) = (Address(x), Address(y), scale, store, 1);
        if (geometry.Inner != 1)
        {
            var g = geometry;
            var (grid, width) = ColumnBlocks(g, out pieces);
            if (pieces > 1) (to, factor, how) = (Scratch(pieces * y.Count), 1f, Store.Overwrite);
            Launch(Get("reduce", "sum_columns"), grid, 0, (nint)(&g), (nint)(&width), (nint)(&from), (nint)(&to), (nint)(&factor), (nint)(&how));
        }
        else if (geometry.Reduced <= (geometry.Outer < 64 ? 64 : 1024))
        {
            var (rows, length) = (geometry.Outer, geometry.Reduced);
            Launch(Get("reduce", "sum_short_rows"), new Grid((rows + 7) / 8), 0, (nint)(&rows), (nint)(&length), (nint)(&from), (nint)(&to), (nint)(&factor), (nint)(&how));
        }
        else
        {
            var g = new BroadcastGeometry(1, geometry.Outer, geometry.Reduced);
            var grid = RowBlocks(g, out pieces);
            if (pieces > 1) (to, factor, how) = (Scratch(pieces * y.Count), 1f, Store.Overwrite);
            Launch(Get("reduce", "sum_rows"), grid, 0, (nint)(&g), (nint)(&from), (nint)(&to), (nint)(&factor), (nint)(&how));
        }
        if (pieces > 1) FinishSums(to, pieces, y.Count, Address(y), scale, store);
    }

    /// <inheritdoc/>
    protected override void SumBackward(in ReduceGeometry geometry, Tensor dy, Tensor dx, float scale)
    {
        if (dx.Count == 0) return;
        var kernel = Get("reduce", "sum_backward");
        var (g, from, to, factor) = (geometry, Address(dy), Address(dx), scale);
        Launch(kernel, Blocks(dx.Count, kernel), 0, (nint)(&g), (nint)(&from), (nint)(&to), (nint)(&factor));
    }

    /// <inheritdoc/>
    protected override double SumOfSquares(Tensor x)
    {
        if (x.Count == 0) return 0;
        var partial = PartialSquares(x, out var pieces);
        var result = partial + 8 * (ulong)pieces;
        Launch(Get("reduce", "finish_squares"), new Grid(1), 0, (nint)(&partial), (nint)(&pieces), (nint)(&result));
        double sum;
        _driver.Download(&sum, result, sizeof(double));
        return sum;
    }

    // Σ x² of every piece, in scratch memory with room for one number more.
    private ulong PartialSquares(Tensor x, out int pieces)
    {
        var (from, count) = (Address(x), x.Count);
        pieces = (int)Math.Clamp(count / 2048L, 1, 4L * Properties.Multiprocessors);
        var partial = Scratch(2 * pieces + 2);
        Launch(Get("reduce", "sum_of_squares"), new Grid(pieces), 0, (nint)(&from), (nint)(&partial), (nint)(&count));
        return partial;
    }

    // The grid and the columns of a block of a kernel over column_sums.
    private (Grid Grid, int Width) ColumnBlocks(in ReduceGeometry geometry, out int pieces)
    {
        var width = geometry.Reduced <= 8 ? 256 : 32;
        var blocks = (int)(((long)geometry.Outer * geometry.Inner + width - 1) / width);
        pieces = Pieces(blocks, geometry.Reduced, 128);
        return (new Grid(blocks, pieces), width);
    }

    // The grid of a kernel over row_sums.
    private Grid RowBlocks(in BroadcastGeometry geometry, out int pieces)
    {
        pieces = Pieces(geometry.Channels, geometry.Outer * geometry.Inner, 2048);
        return new Grid(geometry.Channels, pieces);
    }

    // Into how many pieces, of at least so many terms, each of the sums is cut to fill the device.
    private int Pieces(long blocks, int terms, int least) => (int)Math.Clamp(Math.Min(terms / least, 4L * Properties.Multiprocessors / blocks), 1, 1024);

    private void FinishSums(ulong partial, int pieces, int outputs, ulong y, float scale, Store store) =>
        Launch(Get("reduce", "finish_sums"), new Grid((outputs + 7) / 8), 0,
            (nint)(&partial), (nint)(&pieces), (nint)(&outputs), (nint)(&y), (nint)(&scale), (nint)(&store));
}
