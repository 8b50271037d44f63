namespace RawDL.Cuda;

/// <summary>How a kernel of matrix products takes its operands.</summary>
internal enum GemmOperands
{
    /// <summary>Any layout by one entry point; the products of an element in one part.</summary>
    Strided,

    /// <summary>An entry point for each layout: _nn, _tn, _nt, _tt.</summary>
    ByLayout,

    /// <summary>The same, moved by the copy engine: addresses and row pitches are multiples of 16 bytes.</summary>
    Boxes,

    /// <summary>Rounded copies with the products innermost, moved by the copy engine.</summary>
    Rounded,
}

/// <summary>One kernel of matrix products.</summary>
/// <param name="Module">Its source.</param>
/// <param name="Kernel">Its name, without the layout.</param>
/// <param name="Operands">How it takes A and B.</param>
/// <param name="Precision">What its products are made of.</param>
/// <param name="TileRows">Rows of C of a block; 0: a block has 256 elements in a row.</param>
/// <param name="TileColumns">Columns of C of a block.</param>
/// <param name="Step">Products that pass shared memory at once; parts are multiples of it.</param>
/// <param name="Resident">Blocks that run on a multiprocessor at once.</param>
/// <param name="Rate">Products per cycle of a full multiprocessor. Estimates for Hopper, of which float has 128, TF32 1024 and bfloat16 2048 at most.</param>
/// <param name="From">First architecture: 90 is sm_90.</param>
/// <param name="To">Last architecture.</param>
/// <param name="ByName">Runs only where it is asked for by name.</param>
internal sealed record GemmRow(string Module, string Kernel, GemmOperands Operands, GemmPrecision Precision, int TileRows, int TileColumns, int Step, int Resident,
    double Rate, int From = 70, int To = int.MaxValue, bool ByName = false)
{
    /// <summary>The entry points, by <see cref="Transpose"/>.</summary>
    public string[] Names { get; } = Operands is GemmOperands.ByLayout or GemmOperands.Boxes
        ? [Kernel + "_nn", Kernel + "_tn", Kernel + "_nt", Kernel + "_tt"]
        : [Kernel, Kernel, Kernel, Kernel];

    /// <summary>Blocks of one part.</summary>
    public long Tiles(in MatMulGeometry geometry) => TileRows == 0
        ? ((long)geometry.Rows * geometry.Columns + TileColumns - 1) / TileColumns
        : ((long)geometry.Rows + TileRows - 1) / TileRows * (((long)geometry.Columns + TileColumns - 1) / TileColumns);

    /// <summary>Products of a part: a multiple of <see cref="Step"/>.</summary>
    public int Depth(in MatMulGeometry geometry, int parts) => parts == 1 ? Math.Max(1, geometry.Inner) : ((geometry.Inner + parts - 1) / parts + Step - 1) / Step * Step;
}

/// <summary>What runs a matrix product: the kernel and the parts that the products of an element are cut into.</summary>
internal readonly record struct GemmPlan(GemmRow Row, int Parts);

/// <summary>The kernels of matrix products, and which of them is used.</summary>
internal static class GemmTable
{
    // A launch in cycles; device memory in bytes per cycle of a multiprocessor.
    private const double LaunchCycles = 3000, MemoryRate = 16;

    // Parts are worth their sum only where each has some depth (measured on an H100); their memory is bounded.
    private const int ShallowestPart = 32, MostParts = 32;
    private const long MostPartElements = 1 << 24;

    // The rows in the order of the ladder in kernels/matmul.cu.
    internal static readonly GemmRow[] Rows =
    [
        new("matmul", "matmul_naive", GemmOperands.Strided, GemmPrecision.Float32, 0, 256, 1, 8, 8, ByName: true),
        new("matmul", "matmul_tiled", GemmOperands.Strided, GemmPrecision.Float32, 32, 32, 32, 2, 16, ByName: true),
        new("matmul", "matmul_register", GemmOperands.Strided, GemmPrecision.Float32, 128, 128, 8, 2, 70, ByName: true),
        new("matmul", "matmul_vectorized", GemmOperands.ByLayout, GemmPrecision.Float32, 128, 128, 16, 2, 105),
        new("matmul", "matmul_small", GemmOperands.ByLayout, GemmPrecision.Float32, 64, 64, 16, 4, 85),
        new("matmul_tma", "matmul_tma", GemmOperands.Boxes, GemmPrecision.Float32, 128, 128, 32, 2, 110, From: 90, ByName: true),   // on an H100 no faster than the copies by threads
        new("matmul_tensor", "matmul_3xtf32", GemmOperands.ByLayout, GemmPrecision.Float32By3xTf32, 128, 128, 16, 1, 150, From: 80),
        new("matmul_tensor", "matmul_tf32", GemmOperands.Rounded, GemmPrecision.Tf32, 128, 256, 32, 1, 700, From: 90, To: 90),
        new("matmul_tensor", "matmul_tf32_narrow", GemmOperands.Rounded, GemmPrecision.Tf32, 128, 128, 32, 1, 550, From: 90, To: 90),
        new("matmul_tensor", "matmul_bf16", GemmOperands.Rounded, GemmPrecision.BFloat16, 128, 256, 64, 1, 1400, From: 90, To: 90),
        new("matmul_tensor", "matmul_bf16_narrow", GemmOperands.Rounded, GemmPrecision.BFloat16, 128, 128, 64, 1, 1000, From: 90, To: 90),
    ];

    /// <summary>The row of that name.</summary>
    public static GemmRow Row(string kernel)
    {
        foreach (var row in Rows)
            if (row.Kernel == kernel) return row;
        throw new ArgumentException($"expected a kernel of matrix products, got {kernel}");
    }

    /// <summary>The plan of least <see cref="Cycles"/> among the kernels of that precision, and those of float, which are more exact.</summary>
    public static GemmPlan Select(in MatMulGeometry geometry, GemmPrecision precision, DeviceProperties device)
    {
        var architecture = 10 * device.Major + device.Minor;
        var (best, least) = (default(GemmPlan), double.PositiveInfinity);
        foreach (var row in Rows)
        {
            if (row.ByName || architecture < row.From || architecture > row.To || row.Precision != precision && row.Precision != GemmPrecision.Float32) continue;
            if (row.Operands == GemmOperands.Rounded && (geometry.Inner == 0 || !FitsScratch(geometry))) continue;
            for (var parts = 1; parts <= MostParts; parts *= 2)
            {
                if (parts > 1 && (row.Operands != GemmOperands.ByLayout || geometry.Inner / parts < ShallowestPart || PartElements(geometry, parts) > MostPartElements)) break;
                var cycles = Cycles(row, geometry, parts, device.Multiprocessors);
                if (cycles < least) (best, least) = (new GemmPlan(row, parts), cycles);
            }
        }
        return best;
    }

    /// <summary>Estimated time. The busiest multiprocessor runs ⌈blocks / multiprocessors⌉ blocks, at full rate when as many as can be are resident, at half with
    /// one; the last wave costs what it is. Parts and rounded copies cost a pass over memory each, and launches.</summary>
    public static double Cycles(GemmRow row, in MatMulGeometry geometry, int parts, int multiprocessors)
    {
        var busiest = Math.Ceiling((double)row.Tiles(geometry) * parts / multiprocessors);
        var occupied = row.Resident == 1 ? 1 : 0.5 + 0.5 * (Math.Min(busiest, row.Resident) - 1) / (row.Resident - 1);
        var cycles = LaunchCycles + busiest * row.TileRows * row.TileColumns * row.Depth(geometry, parts) / (row.Rate * occupied);
        if (parts > 1) cycles += LaunchCycles + 4.0 * (parts + 1) * geometry.Rows * geometry.Columns / (MemoryRate * multiprocessors);
        if (row.Operands == GemmOperands.Rounded) cycles += 2 * LaunchCycles + 8.0 * ((double)geometry.Rows + geometry.Columns) * geometry.Inner / (MemoryRate * multiprocessors);
        return cycles;
    }

    private static long PartElements(in MatMulGeometry geometry, int parts) => (long)parts * geometry.Rows * geometry.Columns;

    // Rounded copies in 4-byte elements, rows padded to 16 bytes.
    private static bool FitsScratch(in MatMulGeometry geometry) => ((long)geometry.Rows + geometry.Columns + 2) * ((long)geometry.Inner + 4) <= int.MaxValue / 2;
}
