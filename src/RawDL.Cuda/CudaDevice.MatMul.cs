using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>What a matrix product reads and writes: C = A·B or C += A·B; with a bias [columns] added to each row, with negative results made 0.</summary>
internal readonly record struct GemmOperation(Tensor A, Tensor B, Tensor C, Store Store, Tensor? Bias = null, bool Relu = false);

/// <summary>MatMulEpilogue of kernels/matmul.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GemmEpilogue(ulong Bias, int Relu, Store Store);

public sealed unsafe partial class CudaDevice
{
    // Shared memory of a block of matmul_tma.cu and of wgmma: the slices, and the barriers behind them.
    private const int BoxesBytes = 6 * 16384 + 64, RoundedBytes = 192 * 1024 + 128;

    // A TensorMap of kernels, which must lie at a multiple of 64 bytes.
    private const int MapBytes = 128, MapAlignment = 64;

    /// <inheritdoc/>
    protected override void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store)
    {
        if (c.Count == 0) return;
        if (CuBlas is not null) CuBlas.Gemm(geometry, Address(a), Address(b), Address(c), store, Precision);
        else MatMul(GemmTable.Select(geometry, Precision, Properties), geometry, new GemmOperation(a, b, c, store));
    }

    /// <inheritdoc/>
    protected override void MatMulBias(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor? bias, Tensor c, bool relu)
    {
        if (CuBlas is not null) base.MatMulBias(geometry, a, b, bias, c, relu);
        else if (c.Count > 0) MatMul(GemmTable.Select(geometry, Precision, Properties), geometry, new GemmOperation(a, b, c, Store.Overwrite, bias, relu));
    }

    /// <summary>Runs a kernel of <see cref="GemmTable"/> by its name, with the products in so many parts where it allows parts.</summary>
    internal void MatMul(string kernel, in MatMulGeometry geometry, in GemmOperation operation, int parts = 1)
    {
        if (operation.C.Count > 0) MatMul(new GemmPlan(GemmTable.Row(kernel), parts), geometry, operation);
    }

    /// <summary>Whether the copy engine can read the operands where they lie.</summary>
    internal static bool FitsBoxes(in MatMulGeometry geometry, in GemmOperation operation)
    {
        var (left, right) = ((geometry.Transpose & Transpose.Left) != 0, (geometry.Transpose & Transpose.Right) != 0);
        return geometry.Inner > 0 && Address(operation.A) % 16 == 0 && Address(operation.B) % 16 == 0
            && (left ? geometry.Rows : geometry.Inner) % 4 == 0 && (right ? geometry.Inner : geometry.Columns) % 4 == 0;
    }

    internal void MatMul(GemmPlan plan, in MatMulGeometry geometry, in GemmOperation operation)
    {
        var epilogue = new GemmEpilogue(AddressOrZero(operation.Bias), operation.Relu ? 1 : 0, operation.Store);
        var (row, parts, problem, a, b, c) = (plan.Row, plan.Parts, geometry, Address(operation.A), Address(operation.B), Address(operation.C));
        if (row.Operands == GemmOperands.Rounded)
        {
            MatMulRounded(row, problem, epilogue, a, b, c);
            return;
        }
        var kernel = Get(row.Module, row.Names[(int)geometry.Transpose]);
        var depth = row.Depth(geometry, parts);
        parts = Math.Max(1, (geometry.Inner + depth - 1) / depth);
        var (own, target) = (epilogue, c);
        if (parts > 1) (own, target) = (default, Scratch(parts * operation.C.Count));
        var grid = new Grid(checked((int)row.Tiles(geometry)), parts);
        if (row.Operands == GemmOperands.Boxes)
        {
            var (left, right) = ((geometry.Transpose & Transpose.Left) != 0, (geometry.Transpose & Transpose.Right) != 0);
            var maps = stackalloc byte[2 * MapBytes + MapAlignment];
            maps += (MapAlignment - (nint)maps % MapAlignment) % MapAlignment;
            _driver.EncodeTiled(maps, Boxes(a, geometry.Rows, geometry.Inner, !left, row.TileRows, row.Step));
            _driver.EncodeTiled(maps + MapBytes, Boxes(b, geometry.Columns, geometry.Inner, right, row.TileColumns, row.Step));
            Launch(kernel, grid, BoxesBytes, (nint)(&problem), (nint)(&own), (nint)maps, (nint)(maps + MapBytes), (nint)(&target), (nint)(&depth));
        }
        else if (row.Operands == GemmOperands.ByLayout)
            Launch(kernel, grid, 0, (nint)(&problem), (nint)(&own), (nint)(&a), (nint)(&b), (nint)(&target), (nint)(&depth));
        else
            Launch(kernel, grid, 0, (nint)(&problem), (nint)(&own), (nint)(&a), (nint)(&b), (nint)(&target));
        if (parts == 1) return;
        var (count, columns, sum) = (operation.C.Count, geometry.Columns, Get("matmul", "matmul_split_sum"));
        Launch(sum, Blocks(count, sum), 0, (nint)(&count), (nint)(&columns), (nint)(&parts), (nint)(&epilogue), (nint)(&target), (nint)(&c));
    }

    // Lines (rows of op(A), columns of op(B)) whose products are neighbours, swizzled; or products whose lines are neighbours.
    private static TileMap Boxes(ulong address, int lines, int inner, bool productsAdjacent, int boxLines, int boxProducts) => productsAdjacent
        ? new TileMap(TileElement.Float32, address, inner, lines, 4L * inner, boxProducts, boxLines, Swizzled: true)
        : new TileMap(TileElement.Float32, address, lines, inner, 4L * lines, boxLines, boxProducts, Swizzled: false);

    // Both operands are copied, rounded, with the products innermost and rows padded to 16 bytes: whatever their layout and alignment.
    private void MatMulRounded(GemmRow row, MatMulGeometry geometry, GemmEpilogue epilogue, ulong a, ulong b, ulong c)
    {
        var narrow = row.Precision == GemmPrecision.BFloat16;
        var (element, size) = narrow ? (TileElement.BFloat16, 2) : (TileElement.Float32, 4);
        var pitch = (geometry.Inner + 16 / size - 1) / (16 / size) * (16 / size);
        var words = pitch * size / 4;
        var left = Scratch(checked((geometry.Rows + geometry.Columns) * words));
        var right = left + 4 * (ulong)geometry.Rows * (ulong)words;
        Round(narrow, (geometry.Transpose & Transpose.Left) != 0, geometry.Rows, geometry.Inner, pitch, a, left);
        Round(narrow, (geometry.Transpose & Transpose.Right) == 0, geometry.Columns, geometry.Inner, pitch, b, right);
        var maps = stackalloc byte[2 * MapBytes + MapAlignment];
        maps += (MapAlignment - (nint)maps % MapAlignment) % MapAlignment;
        _driver.EncodeTiled(maps, new TileMap(element, left, geometry.Inner, geometry.Rows, (long)pitch * size, row.Step, row.TileRows, Swizzled: true));
        _driver.EncodeTiled(maps + MapBytes, new TileMap(element, right, geometry.Inner, geometry.Columns, (long)pitch * size, row.Step, row.TileColumns, Swizzled: true));
        var grid = new Grid((int)Math.Min(Properties.Multiprocessors, row.Tiles(geometry)));
        Launch(Get(row.Module, row.Kernel), grid, RoundedBytes, (nint)(&geometry), (nint)(&epilogue), (nint)maps, (nint)(maps + MapBytes), (nint)(&c));
    }

    private void Round(bool narrow, bool turn, int lines, int inner, int pitch, ulong source, ulong target)
    {
        var kernel = turn ? Get("matmul_tensor", narrow ? "matmul_turn_bf16" : "matmul_turn_tf32") : Get("matmul_tensor", narrow ? "matmul_round_bf16" : "matmul_round_tf32");
        var grid = turn ? new Grid(checked((lines + 31) / 32 * ((inner + 31) / 32))) : Blocks((long)lines * ((inner + 3) / 4), kernel);
        Launch(kernel, grid, 0, (nint)(&lines), (nint)(&inner), (nint)(&pitch), (nint)(&source), (nint)(&target));
    }
}
