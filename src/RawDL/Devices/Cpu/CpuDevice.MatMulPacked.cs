using System.Runtime.Intrinsics;

namespace RawDL;

// Products by a B that was packed once for all of them: panels as those that products of many rows make for themselves.
public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override DeviceBuffer? PackRight(in MatMulGeometry geometry, Tensor b)
    {
        var width = 2 * MatMulBits / 32;
        var length = (long)Blocks(geometry.Columns, width) * width * geometry.Inner;
        if (length is 0 or > int.MaxValue) return null;
        var packed = (CpuBuffer)Allocate((int)length);
        var job = new StripsJob { Problem = new MatMulJob(geometry, null, Pointer(b), null, null, Store.Overwrite, mayTurn: false), Right = packed.Pointer };
        var chunks = job.Parts * Blocks(geometry.Columns, 4 * width);
        if (MatMulBits == 512) _team.Run(chunks, &PackStripsChunk<Lanes512, Vector512<float>>, &job);
        else if (MatMulBits == 256) _team.Run(chunks, &PackStripsChunk<Lanes256, Vector256<float>>, &job);
        else _team.Run(chunks, &PackStripsChunk<Lanes128, Vector128<float>>, &job);
        return packed;
    }

    /// <inheritdoc/>
    protected internal override void MatMulPacked(in MatMulGeometry geometry, Tensor a, DeviceBuffer b, Tensor? bias, Tensor c, bool relu)
    {
        if (geometry.Rows == 0) return;
        var job = new MatMulJob(geometry, Pointer(a), null, PointerOrNull(bias), Pointer(c), Store.Overwrite, mayTurn: false) { Relu = relu };
        if (MatMulBits == 512) MultiplyPacked<Lanes512, Vector512<float>>(job, Pointer(b));
        else if (MatMulBits == 256) MultiplyPacked<Lanes256, Vector256<float>>(job, Pointer(b));
        else MultiplyPacked<Lanes128, Vector128<float>>(job, Pointer(b));
    }

    private void MultiplyPacked<TLanes, TVector>(in MatMulJob problem, float* right) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var wholes = problem.Columns / width;
        if (problem.Rows > 1 || problem.AStep != 1 || wholes < RowStrips)
        {
            MultiplyStripsPart<TLanes, TVector>(problem, right);
            return;
        }
        var job = new StripsJob { Problem = problem, Right = right, ChunkRows = 1, ChunkColumns = width, PanelStrips = 1 };
        Run(problem, Blocks(wholes, RowStrips) + (problem.Columns > wholes * width ? 1 : 0), &RowStripsChunk<TLanes, TVector>, &job);
    }

    // Some whole strips of one row, the last of which may begin among those of the chunk before; behind them the strip that is not whole.
    private static void RowStripsChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        ref readonly var problem = ref job.Problem;
        int width = 2 * TLanes.Count, wholes = problem.Columns / width, first = chunk * RowStrips;
        if (first >= wholes)
        {
            StripsChunk<TLanes, TVector>(arguments, wholes);
            return;
        }
        var strip = Math.Min(first, wholes - RowStrips);
        var sums = stackalloc float[RowStrips * width];
        for (var k = 0; k < problem.Inner; k += TileDepth)
        {
            var depth = Math.Min(TileDepth, problem.Inner - k);
            SumRow<TLanes, TVector>(problem.A + k, job.Right + k * Blocks(problem.Columns, width) * width + strip * width * depth, width, width * depth, depth, sums, k == 0 ? Store.Overwrite : Store.Add);
        }
        EndRow(problem, strip * width, sums, RowStrips * width);
        PutRow(sums + (first - strip) * width, problem.C + first * width, (strip + RowStrips - first) * width, Store.Overwrite);
    }
}
