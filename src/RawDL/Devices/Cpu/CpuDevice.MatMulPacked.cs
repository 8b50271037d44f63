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
        _team.Run(chunks, MatMulBits == 512 ? &PackStripsChunk<Lanes512, Vector512<float>>
            : MatMulBits == 256 ? &PackStripsChunk<Lanes256, Vector256<float>> : &PackStripsChunk<Lanes128, Vector128<float>>, &job);
        return packed;
    }

    /// <inheritdoc/>
    protected internal override void MatMulPacked(in MatMulGeometry geometry, Tensor a, DeviceBuffer b, Tensor? bias, Tensor c, bool relu) =>
        MatMul(new MatMulJob(geometry, Pointer(a), null, PointerOrNull(bias), Pointer(c), Store.Overwrite, mayTurn: false) { Relu = relu }, Pointer(b));

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

    // The whole strips of one row, some to a chunk; behind them the strip that is not whole.
    private static void RowStripsChunk<TLanes, TVector>(void* arguments, int chunk) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        ref readonly var job = ref *(StripsJob*)arguments;
        int width = 2 * TLanes.Count, wholes = job.Problem.Columns / width, strip = chunk * RowStrips;
        if (strip >= wholes) StripsChunk<TLanes, TVector>(arguments, wholes);
        else MultiplyRowStrips<TLanes, TVector>(job, strip * width, (wholes - RowStrips) * width);
    }
}
