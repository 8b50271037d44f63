namespace RawDL;

// A chunk is a block of rows by some strips of columns, a strip as wide as a tile, and all of k. For each TileDepth of k it packs its strips of B and passes
// its rows of A by; nobody waits for others. Small operands are read where they lie, a small B that many blocks of rows need is packed once before.
public sealed unsafe partial class CpuDevice
{
    private const int MatMulThreadsSlot = 0, RightPanelsSlot = 1;

    // B is packed before in parts of at most so many elements, 16 MB.
    private const int PanelElements = 1 << 22;

    private struct StripsJob
    {
        public MatMulJob Problem;
        public int ChunkRows, ChunkColumns, PanelStrips, LeftLength, TurnedLength, ThreadScratchLength;
        public bool PackLeft, Direct;
        // All of B in panels: for each TileDepth of k, strip after strip. Null where chunks pack their own.
        public float* Right, ThreadScratch;

        public readonly int RowChunks => Blocks(Problem.Rows, ChunkRows);
        public readonly int ColumnChunks => Blocks(Problem.Columns, ChunkColumns);
        public readonly float* OwnScratch => ThreadScratch + (nint)WorkerTeam.ThreadIndex * ThreadScratchLength;
    }

    private static int E(string name, int value) => int.Parse(Environment.GetEnvironmentVariable(name) ?? value.ToString());
    internal static int RB = E("RB", 264), CB = E("CB", 512), NOPA = E("NOPA", 0), NOPB = E("NOPB", 0), PA = E("PA", 256), PAI = E("PAI", 300), SP = E("SP", 1 << 19), DE = E("DE", 8192), DR = E("DR", 12), PRER = E("PRER", 96), PS=E("PS", 1);

    private void MultiplyStrips<TLanes, TVector>(in MatMulJob problem) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var depth = PanelElements / Math.Min(problem.Columns, PanelElements / TileDepth) / TileDepth * TileDepth;
        for (var column = 0; column < problem.Columns; column += PanelElements / TileDepth)
            for (var k = 0; k == 0 || k < problem.Inner; k += depth)
            {
                var part = problem;
                part.Columns = Math.Min(PanelElements / TileDepth, problem.Columns - column);
                part.Inner = Math.Min(depth, problem.Inner - k);
                part.A += k * problem.AStep;
                part.B += column * problem.BColumn + k * problem.BStep;
                part.C += problem.Turned ? column * problem.CStride : column;
                if (k > 0) part.Store = Store.Add;
                if (k + depth < problem.Inner) part.Bias = null;
                else if (part.Bias != null && !problem.Turned) part.Bias += column;
                MultiplyPart<TLanes, TVector>(part);
            }
    }

    private void MultiplyPart<TLanes, TVector>(in MatMulJob problem) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var columns = Blocks(problem.Columns, width) * width;
        var depth = Math.Min(TileDepth, problem.Inner);
        var job = new StripsJob { Problem = problem };
        job.Direct = problem.BColumn == 1 && (problem.Rows <= DR || (long)problem.Inner * problem.Columns <= DE);
        job.PackLeft = problem.AStep != 1 ? problem.Inner > TurnedDepth : problem.Columns >= PA && problem.Inner >= PAI;
        var before = !job.Direct && problem.Rows > PRER;
        // Where k is shallow a panel holds more strips, so that rows of C are written in long pieces.
        job.PanelStrips = Math.Clamp(TileDepth / Math.Max(1, depth), 1, 8) * (before ? 4 : PS);
        var panel = job.PanelStrips * width;
        var most = before && !job.PackLeft ? PRER : RB;
        job.ChunkRows = Blocks(Blocks(problem.Rows, Blocks(problem.Rows, most)), 24) * 24;
        var wanted = job.PackLeft ? CB : (int)(SP / Math.Max(1L, (long)Math.Min(problem.Rows, job.ChunkRows) * problem.Inner));
        job.ChunkColumns = Math.Max(1, Math.Min(wanted, columns) / panel) * panel;
        if (before)
        {
            job.Right = Scratch(RightPanelsSlot, columns * problem.Inner);
            if (NOPB == 0) Run(problem, Blocks(columns, 4 * width), &PackStripChunk<TLanes, TVector>, &job);
        }
        job.LeftLength = job.PackLeft ? job.ChunkRows * depth : 0;
        job.TurnedLength = job.Problem.Turned ? job.ChunkRows * job.ChunkColumns : 0;
        job.ThreadScratchLength = job.LeftLength + job.TurnedLength + (before ? 0 : panel * depth) + 16;
        job.ThreadScratch = Scratch(MatMulThreadsSlot, Threads * job.ThreadScratchLength + 16);
        job.ThreadScratch = (float*)(((nint)job.ThreadScratch + 63) & ~63);
        Run(problem, job.RowChunks * job.ColumnChunks, &StripsChunk<TLanes, TVector>, &job);
    }

    private void Run(in MatMulJob problem, int chunks, delegate*<void*, int, void> body, void* job)
    {
        if (problem.Products >= SerialProducts) _team.Run(chunks, body, job);
        else
            for (var chunk = 0; chunk < chunks; chunk++) body(job, chunk);
    }

    private static void PackStripChunk<TLanes, TVector>(void* arguments, int strip) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        ref readonly var problem = ref job.Problem;
        int width = 2 * TLanes.Count, column = strip * 4 * width;
        for (var k = 0; k < problem.Inner; k += TileDepth)
        {
            var depth = Math.Min(TileDepth, problem.Inner - k);
            PackStrips<TLanes, TVector>(problem, k, depth, column, Math.Min(4 * width, problem.Columns - column),
                job.Right + k * Blocks(problem.Columns, width) * width + column * depth);
        }
    }

    private static void StripsChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        ref readonly var problem = ref job.Problem;
        int width = 2 * TLanes.Count, height = TLanes.Rows;
        var (row, column) = Math.DivRem(chunk, job.ColumnChunks);
        row *= job.ChunkRows;
        column *= job.ChunkColumns;
        var rows = Math.Min(job.ChunkRows, problem.Rows - row);
        var columns = Math.Min(job.ChunkColumns, problem.Columns - column);
        float* left = job.OwnScratch, turned = left + job.LeftLength, panel = turned + job.TurnedLength;
        var c = problem.Turned ? turned : problem.C + row * problem.CStride + column;
        var product = new Product { ARow = problem.ARow, AStep = problem.AStep, CStride = problem.Turned ? job.ChunkColumns : problem.CStride };
        for (var k = 0; k == 0 || k < problem.Inner; k += TileDepth)
        {
            product.Depth = Math.Min(TileDepth, problem.Inner - k);
            product.Store = k == 0 ? problem.Store : Store.Add;
            product.A = problem.A + row * problem.ARow + k * problem.AStep;
            if (job.PackLeft)
            {
                if (NOPA == 0) PackLeft(problem, product.A, rows, product.Depth, height, left);
                product.A = left;
                product.ARow = 1;
                product.AStep = height;
                product.LeftPanel = height * product.Depth;
            }
            for (int count, done = 0; done < columns; done += count)
            {
                count = Math.Min(job.PanelStrips * width, columns - done);
                var at = column + done;
                if (job.Right != null) panel = job.Right + k * Blocks(problem.Columns, width) * width + at * product.Depth;
                else PackStrips<TLanes, TVector>(problem, k, product.Depth, at + (job.Direct ? count / width * width : 0), job.Direct ? count % width : count, panel);
                product.C = c + done;
                product.B = job.Direct ? problem.B + k * problem.BStep + at : panel;
                product.BStep = job.Direct ? problem.BStep : width;
                product.BTile = job.Direct ? width : width * product.Depth;
                MultiplyStrips<TLanes, TVector>(product, rows, count, job.Direct ? panel : panel + count / width * width * product.Depth);
            }
        }
        if (problem.Turned) Turn(turned, job.ChunkColumns, rows, columns, problem.Bias == null ? null : problem.Bias + row, problem.C + column * problem.CStride + row, problem.CStride);
        else if (problem.Bias != null)
            for (var r = 0; r < rows; r++) PutRow(problem.Bias + column, c + r * problem.CStride, columns, Store.Add);
    }

    // The strips of a panel: whole ones, and the last, which lies apart.
    private static void MultiplyStrips<TLanes, TVector>(Product product, int rows, int columns, float* last)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var wholes = columns / width;
        product.Columns = width;
        if (wholes > 1 && product.Depth <= TileDepth / 2) MultiplyAcross<TLanes, TVector>(product, rows, wholes);
        else
            for (var strip = 0; strip < wholes; strip++)
            {
                product.Ahead = PF == 1 && wholes > 1 ? product.B + product.BTile : null;
                MultiplyDown<TLanes, TVector>(product, rows);
                product.B += product.BTile;
                product.C += width;
            }
        product.Columns = columns - wholes * width;
        if (product.Columns == 0) return;
        product.C += product.Depth <= TileDepth / 2 && wholes > 1 ? wholes * width : 0;
        product.B = last;
        product.BStep = product.Columns <= TLanes.Count ? TLanes.Count : width;
        MultiplyDown<TLanes, TVector>(product, rows);
    }
}
