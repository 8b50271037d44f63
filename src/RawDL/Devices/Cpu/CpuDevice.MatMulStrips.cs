using System.Runtime.CompilerServices;

namespace RawDL;

// Small and skinny products: a chunk is a block of rows by some strips of columns, a strip as wide as a tile. The chunk packs its strips into a panel of
// L1, or reads them where they lie, and passes the rows of A by. No operand is packed as a whole, and nobody waits for others.
public sealed unsafe partial class CpuDevice
{
    // Rows of a chunk: a block of A, TileDepth deep, stays in L2.
    private const int StripRows = 192;

    // Products of a chunk, about: some ten microseconds.
    private const int StripProducts = 1 << 19;

    // B is read where it lies where it fits into L1, or where so few rows pass by that packing costs more.
    private const int DirectElements = 8192, DirectRows = 12;

    private void MultiplyStrips<TLanes, TVector>(in MatMulJob whole) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var job = whole;
        var chunks = RowBlocks(job) * Blocks(job.Columns, ChunkColumns<TLanes, TVector>(job));
        if (job.Products >= SerialProducts) _team.Run(chunks, &StripChunk<TLanes, TVector>, &job);
        else
            for (var chunk = 0; chunk < chunks; chunk++) StripChunk<TLanes, TVector>(&job, chunk);
    }

    private static int RowBlocks(in MatMulJob job) => Blocks(job.Rows, StripRows);

    // Blocks of rows of about the same size, a multiple of the rows of every tile.
    private static int ChunkRows(in MatMulJob job) => Blocks(Blocks(job.Rows, RowBlocks(job)), 24) * 24;

    private static int ChunkColumns<TLanes, TVector>(in MatMulJob job) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var products = Math.Max(1L, (long)Math.Min(job.Rows, ChunkRows(job)) * job.Inner * width);
        var panel = PanelStrips(job.Inner);
        return Blocks((int)Math.Min(Blocks(job.Columns, width), Math.Max(1, StripProducts / products)), panel) * panel * width;
    }

    // Strips that a panel holds at once: more where k is shallow, so that rows of C are written in long pieces.
    private static int PanelStrips(int depth) => Math.Clamp(TileDepth / Math.Max(1, depth), 1, 8);

    [SkipLocalsInit]
    private static void StripChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(MatMulJob*)arguments;
        var width = 2 * TLanes.Count;
        var (block, strip) = Math.DivRem(chunk, Blocks(job.Columns, ChunkColumns<TLanes, TVector>(job)));
        var firstRow = block * ChunkRows(job);
        var rows = Math.Min(ChunkRows(job), job.Rows - firstRow);
        if (rows <= 0) return;
        var firstColumn = strip * ChunkColumns<TLanes, TVector>(job);
        var endColumn = Math.Min(job.Columns, firstColumn + ChunkColumns<TLanes, TVector>(job));
        var panel = stackalloc float[TileDepth * width + 16];
        panel = (float*)(((nint)panel + 63) & ~63);
        var direct = job.BColumn == 1 && (rows <= DirectRows || (long)job.Inner * job.Columns <= DirectElements);
        var product = new Product { ARow = job.ARow, AStep = job.AStep, CStride = job.CStride, Turned = job.Turned };
        for (var k = 0; k == 0 || k < job.Inner; k += TileDepth)
        {
            product.Depth = Math.Min(TileDepth, job.Inner - k);
            product.Store = k == 0 ? job.Store : Store.Add;
            var a = job.A + firstRow * job.ARow + k * job.AStep;
            var b = job.B + k * job.BStep;
            var strips = PanelStrips(product.Depth);
            for (int columns, column = firstColumn; column < endColumn; column += columns)
            {
                columns = Math.Min(strips * width, endColumn - column);
                var packed = direct ? columns / width * width : 0;
                for (var j = packed; j < columns; j += width)
                    PackStrip<TLanes, TVector>(job, b + (column + j) * job.BColumn, Math.Min(width, columns - j), product.Depth, panel + j * product.Depth);
                product.A = a;
                product.B = direct ? b + column : panel;
                product.BStep = direct ? job.BStep : width;
                product.BTile = direct ? width : width * product.Depth;
                product.C = job.Target(firstRow, column);
                product.Columns = width;
                var wholes = columns / width;
                if (wholes > 1) MultiplyAcross<TLanes, TVector>(product, rows, wholes);
                else if (wholes == 1) MultiplyDown<TLanes, TVector>(product, rows);
                product.Columns = columns % width;
                if (product.Columns == 0) continue;
                product.B = panel + wholes * width * product.Depth;
                product.BStep = product.Columns <= TLanes.Count ? TLanes.Count : width;
                product.C = job.Target(firstRow, column + wholes * width);
                MultiplyDown<TLanes, TVector>(product, rows);
            }
        }
        AddBias(job, firstRow, rows, firstColumn, endColumn - firstColumn);
    }

    // One strip of B, as wide as the tile that reads it.
    private static void PackStrip<TLanes, TVector>(in MatMulJob job, float* b, int columns, int depth, float* panel)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        if (job.BColumn != 1 || columns != 2 * TLanes.Count)
        {
            Pack(b, columns, job.BColumn, depth, job.BStep, columns <= TLanes.Count ? TLanes.Count : 2 * TLanes.Count, panel);
            return;
        }
        var step = job.BStep;
        var k = 0;
        for (; k <= depth - 4; k += 4, b += 4 * step, panel += 8 * TLanes.Count)
        {
            TVector l0 = TLanes.Load(b), r0 = TLanes.Load(b + TLanes.Count), l1 = TLanes.Load(b + step), r1 = TLanes.Load(b + step + TLanes.Count);
            TVector l2 = TLanes.Load(b + 2 * step), r2 = TLanes.Load(b + 2 * step + TLanes.Count);
            TVector l3 = TLanes.Load(b + 3 * step), r3 = TLanes.Load(b + 3 * step + TLanes.Count);
            TLanes.Store(l0, panel);
            TLanes.Store(r0, panel + TLanes.Count);
            TLanes.Store(l1, panel + 2 * TLanes.Count);
            TLanes.Store(r1, panel + 3 * TLanes.Count);
            TLanes.Store(l2, panel + 4 * TLanes.Count);
            TLanes.Store(r2, panel + 5 * TLanes.Count);
            TLanes.Store(l3, panel + 6 * TLanes.Count);
            TLanes.Store(r3, panel + 7 * TLanes.Count);
        }
        for (; k < depth; k++, b += step, panel += 2 * TLanes.Count)
        {
            TLanes.Store(TLanes.Load(b), panel);
            TLanes.Store(TLanes.Load(b + TLanes.Count), panel + TLanes.Count);
        }
    }
}
