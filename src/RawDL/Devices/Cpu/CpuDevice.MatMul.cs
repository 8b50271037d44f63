using System.Runtime.CompilerServices;

namespace RawDL;

// C = A·B in blocks: both operands of a block are packed into panels (rows of A by TileRows, columns of B by TileColumns), then the chunks of C
// are computed tile by tile. Element sums run over k in order, cut at TileDepth.
public sealed unsafe partial class CpuDevice
{
    private const int LeftPanelsSlot = 0, RightPanelsSlot = 1;

    // Rows or columns of one block (a multiple of every tile), and the depth that is packed at once: bounds of the scratch memory, 16 MB each.
    private const int BlockExtent = 4032, BlockDepth = 1024;

    // Tiles of one chunk of C, down and across: about a million products at full depth.
    private const int ChunkTilesDown = 8, ChunkTilesAcross = 8;

    /// <inheritdoc/>
    protected internal override void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store)
    {
        var (rows, columns, inner, transpose) = geometry;
        var (aTurned, bTurned) = ((transpose & Transpose.Left) != 0, (transpose & Transpose.Right) != 0);
        for (var column = 0; column < columns; column += BlockExtent)
            for (var k = 0; k == 0 || k < inner; k += BlockDepth)
                for (var row = 0; row < rows; row += BlockExtent)
                {
                    var job = new MatMulJob
                    {
                        Rows = Math.Min(BlockExtent, rows - row),
                        Columns = Math.Min(BlockExtent, columns - column),
                        Inner = Math.Min(BlockDepth, inner - k),
                        ARowStep = aTurned ? 1 : inner,
                        AStep = aTurned ? rows : 1,
                        BColumnStep = bTurned ? inner : 1,
                        BStep = bTurned ? 1 : columns,
                        CStride = columns,
                        C = Pointer(c) + (nint)row * columns + column,
                        Store = k == 0 ? store : Store.Add,
                    };
                    job.A = Pointer(a) + row * job.ARowStep + k * job.AStep;
                    job.B = Pointer(b) + column * job.BColumnStep + k * job.BStep;
                    job.Left = Scratch(LeftPanelsSlot, job.RowPanels * TileRows * job.Inner);
                    job.Right = Scratch(RightPanelsSlot, job.ColumnPanels * TileColumns * job.Inner);
                    _team.Run(job.LeftChunks + job.RightChunks, &PackChunk, &job);
                    _team.Run(Blocks(job.RowPanels, ChunkTilesDown) * Blocks(job.ColumnPanels, ChunkTilesAcross), &MatMulChunk, &job);
                }
    }

    private struct MatMulJob
    {
        public int Rows, Columns, Inner, CStride;
        public nint ARowStep, AStep, BColumnStep, BStep;
        public float* A, B, C, Left, Right;
        public Store Store;

        public readonly int RowPanels => Blocks(Rows, TileRows);
        public readonly int ColumnPanels => Blocks(Columns, TileColumns);
        public readonly int LeftPanelsPerChunk => Math.Max(1, ChunkLength / Math.Max(1, TileRows * Inner));
        public readonly int RightPanelsPerChunk => Math.Max(4, ChunkLength / Math.Max(1, TileColumns * Inner));
        public readonly int LeftChunks => Blocks(RowPanels, LeftPanelsPerChunk);
        public readonly int RightChunks => Blocks(ColumnPanels, RightPanelsPerChunk);
    }

    private static void PackChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(MatMulJob*)arguments;
        if (chunk < job.LeftChunks)
        {
            var end = Math.Min(job.RowPanels, (chunk + 1) * job.LeftPanelsPerChunk);
            for (var panel = chunk * job.LeftPanelsPerChunk; panel < end; panel++)
            {
                var row = panel * TileRows;
                Pack(job.A + row * job.ARowStep, Math.Min(TileRows, job.Rows - row), job.ARowStep, job.Inner, job.AStep, TileRows, job.Left + row * job.Inner);
            }
            return;
        }
        chunk -= job.LeftChunks;
        var first = chunk * job.RightPanelsPerChunk;
        var last = Math.Min(job.ColumnPanels, first + job.RightPanelsPerChunk);
        var whole = job.BColumnStep == 1 ? Math.Min(last, job.Columns / TileColumns) : first;
        PackRows(job.B + first * TileColumns, whole - first, job.Inner, job.BStep, TileColumns, job.Right + first * TileColumns * job.Inner);
        for (var panel = whole; panel < last; panel++)
        {
            var column = panel * TileColumns;
            Pack(job.B + column * job.BColumnStep, Math.Min(TileColumns, job.Columns - column), job.BColumnStep, job.Inner, job.BStep, TileColumns,
                job.Right + column * job.Inner);
        }
    }

    [SkipLocalsInit]
    private static void MatMulChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(MatMulJob*)arguments;
        var across = Blocks(job.ColumnPanels, ChunkTilesAcross);
        var firstRow = chunk / across * ChunkTilesDown * TileRows;
        var firstColumn = chunk % across * ChunkTilesAcross * TileColumns;
        var endRow = Math.Min(job.Rows, firstRow + ChunkTilesDown * TileRows);
        var endColumn = Math.Min(job.Columns, firstColumn + ChunkTilesAcross * TileColumns);
        var rows = stackalloc int[TileRows];
        for (var r = 0; r < TileRows; r++) rows[r] = r;
        var start = 0;
        var tile = new Tile { Rows = rows, RunStarts = &start, Step = TileRows, Runs = 1 };
        for (var k = 0; k == 0 || k < job.Inner; k += TileDepth)
        {
            tile.RunLength = Math.Min(TileDepth, job.Inner - k);
            for (var column = firstColumn; column < endColumn; column += TileColumns)
            {
                tile.B = job.Right + column * job.Inner + k * TileColumns;
                for (var row = firstRow; row < endRow; row += TileRows)
                {
                    tile.A = job.Left + row * job.Inner + k * TileRows;
                    MultiplyPart(tile, job.C + (nint)row * job.CStride + column, job.CStride,
                        Math.Min(TileRows, job.Rows - row), Math.Min(TileColumns, job.Columns - column), k == 0 ? job.Store : Store.Add);
                }
            }
        }
    }
}
