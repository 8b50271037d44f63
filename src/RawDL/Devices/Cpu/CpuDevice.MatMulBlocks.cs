namespace RawDL;

// Large products in blocks: both operands of a block are packed into panels (rows of A by those of a tile, columns of B by those of a tile), then the chunks
// of C are computed tile by tile.
public sealed unsafe partial class CpuDevice
{
    private const int LeftPanelsSlot = 0, RightPanelsSlot = 1;

    // Rows or columns of one block (a multiple of every tile), and the depth that is packed at once: bounds of the scratch memory, 8 MB each.
    private const int BlockExtent = 4032, BlockDepth = 512;

    // One chunk of C: its rows of A, TileDepth deep, stay in L2 while the panels of B pass by, each of which stays in L1 for all of them.
    private const int ChunkRowExtent = 96, ChunkColumnExtent = 128;

    private struct BlocksJob
    {
        public MatMulJob Block;
        public float* Left, Right;
        public bool Last;
    }

    private void MultiplyBlocks<TLanes, TVector>(in MatMulJob whole) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        for (var column = 0; column < whole.Columns; column += BlockExtent)
            for (var k = 0; k == 0 || k < whole.Inner; k += BlockDepth)
                for (var row = 0; row < whole.Rows; row += BlockExtent)
                {
                    var job = new BlocksJob { Block = whole, Last = k + BlockDepth >= whole.Inner };
                    ref var block = ref job.Block;
                    block.Rows = Math.Min(BlockExtent, whole.Rows - row);
                    block.Columns = Math.Min(BlockExtent, whole.Columns - column);
                    block.Inner = Math.Min(BlockDepth, whole.Inner - k);
                    block.A += row * whole.ARow + k * whole.AStep;
                    block.B += column * whole.BColumn + k * whole.BStep;
                    block.C = whole.Target(row, column);
                    if (block.Bias != null) block.Bias += whole.Turned ? row : column;
                    if (k > 0) block.Store = Store.Add;
                    job.Left = Scratch(LeftPanelsSlot, Blocks(block.Rows, TLanes.Rows) * TLanes.Rows * block.Inner);
                    job.Right = Scratch(RightPanelsSlot, Blocks(block.Columns, width) * width * block.Inner);
                    _team.Run(LeftChunks<TLanes, TVector>(block) + RightChunks<TLanes, TVector>(block), &PackChunk<TLanes, TVector>, &job);
                    _team.Run(Blocks(block.Rows, ChunkRowExtent) * Blocks(block.Columns, ChunkColumnExtent), &BlockChunk<TLanes, TVector>, &job);
                }
    }

    private static int LeftPanelsPerChunk<TLanes, TVector>(in MatMulJob block) where TLanes : struct, ILanes<TVector> where TVector : unmanaged =>
        Math.Max(1, ChunkLength / Math.Max(1, TLanes.Rows * block.Inner));

    private static int RightPanelsPerChunk<TLanes, TVector>(in MatMulJob block) where TLanes : struct, ILanes<TVector> where TVector : unmanaged =>
        Math.Max(4, ChunkLength / Math.Max(1, 2 * TLanes.Count * block.Inner));

    private static int LeftChunks<TLanes, TVector>(in MatMulJob block) where TLanes : struct, ILanes<TVector> where TVector : unmanaged =>
        Blocks(Blocks(block.Rows, TLanes.Rows), LeftPanelsPerChunk<TLanes, TVector>(block));

    private static int RightChunks<TLanes, TVector>(in MatMulJob block) where TLanes : struct, ILanes<TVector> where TVector : unmanaged =>
        Blocks(Blocks(block.Columns, 2 * TLanes.Count), RightPanelsPerChunk<TLanes, TVector>(block));

    private static void PackChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(BlocksJob*)arguments;
        ref readonly var block = ref job.Block;
        var left = LeftChunks<TLanes, TVector>(block);
        if (chunk < left)
        {
            var height = TLanes.Rows;
            var perChunk = LeftPanelsPerChunk<TLanes, TVector>(block) * height;
            var end = Math.Min(block.Rows, (chunk + 1) * perChunk);
            for (var row = chunk * perChunk; row < end; row += height)
                Pack(block.A + row * block.ARow, Math.Min(height, block.Rows - row), block.ARow, block.Inner, block.AStep, height, job.Left + row * block.Inner);
            return;
        }
        var width = 2 * TLanes.Count;
        var panels = RightPanelsPerChunk<TLanes, TVector>(block);
        var column = (chunk - left) * panels * width;
        var last = Math.Min(block.Columns, column + panels * width);
        if (block.BColumn == 1)
        {
            PackRows(block.B + column, (last - column) / width, block.Inner, block.BStep, width, job.Right + column * block.Inner);
            column += (last - column) / width * width;
        }
        for (; column < last; column += width)
            Pack(block.B + column * block.BColumn, Math.Min(width, block.Columns - column), block.BColumn, block.Inner, block.BStep, width,
                job.Right + column * block.Inner);
    }

    private static void BlockChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(BlocksJob*)arguments;
        ref readonly var block = ref job.Block;
        int width = 2 * TLanes.Count, height = TLanes.Rows;
        var (down, across) = Math.DivRem(chunk, Blocks(block.Columns, ChunkColumnExtent));
        int firstRow = down * ChunkRowExtent, firstColumn = across * ChunkColumnExtent;
        var endRow = Math.Min(block.Rows, firstRow + ChunkRowExtent);
        var endColumn = Math.Min(block.Columns, firstColumn + ChunkColumnExtent);
        var product = new Product { ARow = 1, AStep = height, BStep = width, CStride = block.CStride, Turned = block.Turned };
        product.ATile = height * block.Inner;
        product.CTile = height * (block.Turned ? 1 : block.CStride);
        for (var k = 0; k == 0 || k < block.Inner; k += TileDepth)
        {
            product.Depth = Math.Min(TileDepth, block.Inner - k);
            product.Store = k == 0 ? block.Store : Store.Add;
            for (var column = firstColumn; column < endColumn; column += width)
            {
                product.B = job.Right + column * block.Inner + k * width;
                // The panel is as wide for few columns as for many: so is the tile.
                product.Columns = Math.Min(width, block.Columns - column);
                product.Tiles = (endRow - firstRow) / height;
                product.Rows = height;
                product.A = job.Left + firstRow * block.Inner + k * height;
                product.C = block.Target(firstRow, column);
                if (product.Tiles > 0) MultiplyTiles<TLanes, TVector>(product);
                product.Rows = (endRow - firstRow) % height;
                if (product.Rows == 0) continue;
                product.A += product.Tiles * product.ATile;
                product.C += product.Tiles * product.CTile;
                product.Tiles = 1;
                MultiplyTiles<TLanes, TVector>(product);
            }
        }
        if (job.Last) AddBias(block, firstRow, endRow - firstRow, firstColumn, endColumn - firstColumn);
    }
}
