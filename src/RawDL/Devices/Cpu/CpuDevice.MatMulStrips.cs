using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// A chunk is a block of rows by some strips of columns, a strip as wide as a tile, and all of k. For each TileDepth of k it passes its rows of A by its strips
// of B. Small operands are read where they lie, and rows of A wherever they lie along k. For few rows each chunk packs its own strips;
// for many, B is packed before by all, in panels that come to L1 one by one. Few rows by a large B are also cut along k, each TileDepth of it a chunk, whose sums are then
// added in order: so a thread reads those rows of B that it has in its caches from other products of a weight, and that it will update.
// No packed operand is kept for the next call unless the caller says that it stays as it is (Tape.FixedWeights): whoever has a tensor or its address may write to it.
public sealed unsafe partial class CpuDevice
{
    private const int MatMulThreadsSlot = 0, RightPanelsSlot = 1, MatMulPartsSlot = 9;

    // B is packed before in parts of at most so many elements, 16 MB.
    private const int PanelElements = 1 << 22, PanelColumns = PanelElements / TileDepth;

    // Rows that are enough to pack all of B before, and rows of a chunk: TileDepth of k of them stay in L2.
    private const int ManyRows = 96, MostRows = 132;

    // Products of a chunk, about, where it packs its own strips: some ten microseconds.
    private const int StripProducts = 1 << 19;

    // Columns from which on a chunk packs its rows of A as well, where k is deep.
    private const int LeftColumns = 256, LeftDepth = 1000;

    // Columns of a chunk where its rows of A are packed or k is shallow, so that C and not the products takes the time: its rows are written in long pieces.
    private const int LongColumns = 1024, ShallowDepth = TileDepth / 2, ShallowStrips = 32;

    // B is read where it lies where it fits into L1, or where it is near and so few rows pass by that packing costs more. One that comes from memory is packed
    // even for two rows: strips of a row apart take a page each, and where a row is some 4 KB long all of them the same lines of L1.
    private const int DirectElements = 8192, DirectRows = 12, DirectProducts = 1 << 22;

    // So many chunks of rows pack B each for itself rather than all for all: what other threads have read takes several times as long to write again, and in the meantime they wait.
    private const int SeveralPacks = 4;

    // Products are cut along k where B has so many elements, 256 KB, no more than so many sums come of it, 512 KB, and the last part is about as deep as the others.
    private const int PartedElements = 1 << 16, MostPartSums = 1 << 17, LeastLastPart = TileDepth * 3 / 4;

    // Strips that a chunk packs side by side, so that a row of B is read in long pieces; one by one where threads would be left without a chunk.
    private const int OwnStrips = 4;

    private struct StripsJob
    {
        public MatMulJob Problem;
        public int ChunkRows, ChunkColumns, PanelStrips, LeftLength, TurnedLength, ThreadScratchLength;
        public bool PackLeft, Direct;
        // All of B in panels: for each TileDepth of k, strip after strip. Null where chunks pack their own.
        public float* Right, ThreadScratch;
        // The sums of each TileDepth of k but the first, [Parts − 1, Rows, Columns], where each is a chunk of its own. Null where a chunk passes all of k.
        public float* PartSums;

        public readonly int RowChunks => Blocks(Problem.Rows, ChunkRows);
        public readonly int ColumnChunks => Blocks(Problem.Columns, ChunkColumns);
        public readonly int Parts => Blocks(Problem.Inner, TileDepth);

        // Where the strip from a column on lies in Right, for TileDepth of k.
        public readonly float* Panel(int k, int column, int width) => Right + k * Blocks(Problem.Columns, width) * width + column * Math.Min(TileDepth, Problem.Inner - k);

        public readonly float* OwnScratch => ThreadScratch + (nint)WorkerTeam.ThreadIndex * ThreadScratchLength;
    }

    // Parts of which B fits into its scratch memory.
    private void MultiplyStrips<TLanes, TVector>(in MatMulJob problem, float* packed) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        if (packed != null)
        {
            MultiplyPacked<TLanes, TVector>(problem, packed);
            return;
        }
        var depth = PanelElements / Math.Min(problem.Columns, PanelColumns) / TileDepth * TileDepth;
        for (var column = 0; column < problem.Columns; column += PanelColumns)
            for (var k = 0; k == 0 || k < problem.Inner; k += depth)
            {
                var part = problem;
                part.Columns = Math.Min(PanelColumns, problem.Columns - column);
                part.Inner = Math.Min(depth, problem.Inner - k);
                part.A += k * problem.AStep;
                part.B += column * problem.BColumn + k * problem.BStep;
                part.C += column;
                if (k > 0) part.Store = Store.Add;
                if (k + depth < problem.Inner)
                {
                    part.Bias = null;
                    part.Relu = false;
                }
                else if (part.Bias != null && column > 0) part.Bias += column;
                MultiplyStripsPart<TLanes, TVector>(part);
            }
    }

    private void MultiplyStripsPart<TLanes, TVector>(in MatMulJob problem, float* packed = null) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var columns = Blocks(problem.Columns, width) * width;
        var depth = Math.Min(TileDepth, problem.Inner);
        var job = new StripsJob
        {
            Problem = problem,
            Direct = packed == null && IsDirect(problem),
            Right = packed,
            PackLeft = problem.AStep != 1 ? problem.Inner > TurnedDepth
                : problem.Rows > ManyRows && problem.Columns >= LeftColumns && problem.Inner >= LeftDepth,
        };
        var before = packed != null || !job.Direct && problem.Rows > (Threads > 1 && problem.BColumn == 1 ? SeveralPacks * MostRows : ManyRows);
        job.ChunkRows = ChunkRows(problem.Rows, before ? 64 : MostRows, TLanes.Rows);
        job.PanelStrips = depth <= ShallowDepth ? Math.Clamp(4 * TileDepth / Math.Max(1, depth), 1, ShallowStrips)
            : before ? columns / width
            : columns >= 2 * Threads * OwnStrips * width ? OwnStrips : 1;
        var panel = Math.Min(job.PanelStrips, 4) * width;
        var wanted = StripProducts / Math.Max(1L, (long)Math.Min(problem.Rows, job.ChunkRows) * problem.Inner);
        if (job.PackLeft || depth <= ShallowDepth) wanted = problem.Rows > ManyRows ? LongColumns : Math.Max(wanted, LeftColumns);
        job.ChunkColumns = wanted >= columns ? Blocks(columns, panel) * panel : (int)Math.Max(1, wanted / panel) * panel;
        // What is read where it lies costs nothing to share.
        if (job.Direct && job.RowChunks * job.ColumnChunks == 1 && problem.Products >= 2 * SerialProducts)
            job.ChunkRows = Blocks(Blocks(problem.Rows, 2), TLanes.Rows) * TLanes.Rows;
        if (before && packed == null)
        {
            job.Right = Scratch(RightPanelsSlot, columns * problem.Inner);
            Run(problem, job.Parts * Blocks(columns, 4 * width), &PackStripsChunk<TLanes, TVector>, &job);
        }
        job.LeftLength = job.PackLeft ? Align(job.ChunkRows * depth) : 0;
        job.TurnedLength = problem.Turned ? Align(job.ChunkRows * job.ChunkColumns) : 0;
        // 64 bytes more keep threads off each other's lines.
        job.ThreadScratchLength = job.LeftLength + job.TurnedLength + (before ? 0 : Align(job.PanelStrips * width * depth)) + 16;
        job.ThreadScratch = Scratch(MatMulThreadsSlot, Threads * job.ThreadScratchLength);
        var sums = (job.Parts - 1L) * problem.Rows * problem.Columns;
        var parted = Threads > 1 && job.Parts > 1 && packed == null && !problem.Turned && problem.BColumn == 1 && problem.Rows <= ManyRows
            && (long)problem.Inner * problem.Columns >= PartedElements && sums <= MostPartSums && (problem.Inner - 1) % TileDepth >= LeastLastPart;
        if (parted) job.PartSums = Scratch(MatMulPartsSlot, (int)sums);
        Run(problem, (parted ? job.Parts : 1) * job.RowChunks * job.ColumnChunks, &StripsChunk<TLanes, TVector>, &job);
        if (parted) Run(problem, problem.Rows, &AddPartsChunk, &job);
    }

    // One row.
    private static void AddPartsChunk(void* arguments, int row)
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        ref readonly var problem = ref job.Problem;
        var c = problem.C + row * problem.CStride;
        for (var part = 0; part < job.Parts - 1; part++) PutRow(job.PartSums + (part * problem.Rows + row) * problem.Columns, c, problem.Columns, Store.Add);
        EndRow(problem, 0, c, problem.Columns);
    }

    private static bool IsDirect(in MatMulJob problem)
    {
        var elements = (long)problem.Inner * problem.Columns;
        return problem.BColumn == 1 && (elements <= DirectElements || (problem.Rows <= DirectRows && Math.Max(problem.Rows, 8) * elements <= DirectProducts));
    }

    private static int Align(int length) => length + 15 & ~15;

    // An even number of blocks of about the same size, so that two threads share them well; larger ones where B may have to come from memory for each.
    private static int ChunkRows(int rows, int most, int height)
    {
        if (rows <= ManyRows) return Blocks(rows, height) * height;
        var blocks = Math.Max(Math.Clamp(rows / (rows < 1000 ? most : 128) & ~1, 2, 16), Blocks(rows, MostRows));
        return Blocks(Blocks(rows, blocks), height) * height;
    }

    private void Run(in MatMulJob problem, int chunks, delegate*<void*, int, void> body, void* job)
    {
        if (problem.Products >= SerialProducts) _team.Run(chunks, body, job);
        else
            for (var chunk = 0; chunk < chunks; chunk++) body(job, chunk);
    }

    private static void PackStripsChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        ref readonly var problem = ref job.Problem;
        var width = 2 * TLanes.Count;
        var (column, part) = Math.DivRem(chunk, job.Parts);
        column *= 4 * width;
        var k = part * TileDepth;
        var depth = Math.Min(TileDepth, problem.Inner - k);
        PackStrips<TLanes, TVector>(problem, k, depth, column, Math.Min(4 * width, problem.Columns - column), job.Panel(k, column, width));
    }

    private static void StripsChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        ref readonly var problem = ref job.Problem;
        int width = 2 * TLanes.Count, height = TLanes.Rows;
        var isPart = job.PartSums != null;
        var (part, place) = Math.DivRem(chunk, job.RowChunks * job.ColumnChunks);
        var (row, column) = Math.DivRem(place, job.ColumnChunks);
        row *= job.ChunkRows;
        column *= job.ChunkColumns;
        var rows = Math.Min(job.ChunkRows, problem.Rows - row);
        var columns = Math.Min(job.ChunkColumns, problem.Columns - column);
        float* left = job.OwnScratch, turned = left + job.LeftLength, panel = turned + job.TurnedLength;
        var stride = problem.Turned ? job.ChunkColumns : part > 0 ? problem.Columns : problem.CStride;
        var c = problem.Turned ? turned : (part > 0 ? job.PartSums + (part - 1) * problem.Rows * stride : problem.C) + row * stride + column;
        var product = new Product { ARow = problem.ARow, AStep = problem.AStep, CStride = stride };
        for (int k = part * TileDepth, end = isPart ? k + 1 : problem.Inner; k == 0 || k < end; k += TileDepth)
        {
            product.Depth = Math.Min(TileDepth, problem.Inner - k);
            product.Store = k == 0 ? problem.Store : part > 0 ? Store.Overwrite : Store.Add;
            product.A = problem.A + row * problem.ARow + k * problem.AStep;
            if (job.PackLeft)
            {
                PackLeft(problem, product.A, rows, product.Depth, height, left);
                product.A = left;
                product.ARow = 1;
                product.AStep = height;
                product.LeftPanel = height * product.Depth;
            }
            for (int count, done = 0; done < columns; done += count)
            {
                count = Math.Min(job.PanelStrips * width, columns - done);
                var at = column + done;
                product.C = c + done;
                if (job.Direct)
                {
                    // Only a last strip that is not whole is packed, as tiles read all of their width.
                    var whole = count / width * width;
                    PackStrips<TLanes, TVector>(problem, k, product.Depth, at + whole, count - whole, panel);
                    product.B = problem.B + k * problem.BStep + at;
                    product.BStep = problem.BStep;
                    product.BTile = width;
                    MultiplyStrips<TLanes, TVector>(product, rows, count, panel);
                    continue;
                }
                if (job.Right != null) panel = job.Panel(k, at, width);
                else PackStrips<TLanes, TVector>(problem, k, product.Depth, at, count, panel);
                product.B = panel;
                product.BStep = width;
                product.BTile = width * product.Depth;
                MultiplyStrips<TLanes, TVector>(product, rows, count, panel + count / width * product.BTile);
            }
        }
        if (isPart) return;
        var bias = problem.Bias == null ? null : problem.Bias + row;
        if (problem.Turned) Turn(turned, job.ChunkColumns, rows, columns, bias, problem.Relu ? 0f : float.NegativeInfinity, problem.C + column * problem.CStride + row, problem.CStride);
        else if (problem.Bias != null || problem.Relu)
            for (var r = 0; r < rows; r++) EndRow(problem, column, c + r * problem.CStride, columns);
    }

    // What comes behind the sums, while they are near.
    private static void EndRow(in MatMulJob problem, int column, float* c, int count)
    {
        if (problem.Bias != null) PutRow(problem.Bias + column, c, count, Store.Add);
        if (!problem.Relu) return;
        var relu = new ReluOp();
        var i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count) relu.Forward(Vector.Load(c + i)).Store(c + i);
        for (; i < count; i++) c[i] = relu.Forward(c[i]);
    }

    // The strips of a panel: whole ones, and the last, which lies apart.
    private static void MultiplyStrips<TLanes, TVector>(Product product, int rows, int columns, float* last)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var wholes = columns / width;
        product.Columns = width;
        if (wholes > 1 && product.Depth <= ShallowDepth)
        {
            MultiplyAcross<TLanes, TVector>(product, rows, wholes);
            product.C += wholes * width;
        }
        else
            for (var strip = 0; strip < wholes; strip++)
            {
                product.Ahead = strip + 1 < wholes ? product.B + product.BTile : null;
                MultiplyDown<TLanes, TVector>(product, rows);
                product.B += product.BTile;
                product.C += width;
            }
        product.Columns = columns - wholes * width;
        if (product.Columns == 0) return;
        product.B = last;
        product.BStep = product.Columns <= TLanes.Count ? TLanes.Count : width;
        if (TLanes.Count == 16 && MultiplyRowLanes(product, rows)) return;
        if (TLanes.Count == 16 && Fma.IsSupported && product.LeftPanel == 0 && product.Columns <= 8) MultiplyDown<Lanes256, Vector256<float>>(product, rows);
        else MultiplyDown<TLanes, TVector>(product, rows);
    }
}
