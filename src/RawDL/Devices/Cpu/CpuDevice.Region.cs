namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void Region(in RegionGeometry geometry, Tensor source, Tensor target, Store store)
    {
        var job = new RegionJob(geometry, Pointer(source) + geometry.SourceOffset, Pointer(target) + geometry.TargetOffset, store);
        if (geometry.D3 == 0) return;
        _team.Run((job.Pieces + job.PiecesPerChunk - 1) / job.PiecesPerChunk, &RegionChunk, &job);
    }

    // The innermost rows are cut into pieces of at most ChunkLength; short ones share a chunk.
    private readonly struct RegionJob(RegionGeometry geometry, float* source, float* target, Store store)
    {
        public readonly RegionGeometry Geometry = geometry;
        public readonly float* Source = source, Target = target;
        public readonly Store Store = store;

        public int PiecesPerRow => Chunks(Geometry.D3);
        public int Pieces => Geometry.D0 * Geometry.D1 * Geometry.D2 * PiecesPerRow;
        public int PiecesPerChunk => Math.Max(1, ChunkLength / Geometry.D3);
    }

    private static void RegionChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(RegionJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var end = Math.Min(job.Pieces, (chunk + 1) * job.PiecesPerChunk);
        var piecesPerRow = job.PiecesPerRow;
        for (var piece = chunk * job.PiecesPerChunk; piece < end; piece++)
        {
            var first = piece % piecesPerRow * ChunkLength;
            var count = Math.Min(ChunkLength, g.D3 - first);
            var row = piece / piecesPerRow;
            var (i2, i1, i0) = (row % g.D2, row / g.D2 % g.D1, row / g.D2 / g.D1);
            var source = job.Source + i0 * g.SourceStride0 + i1 * g.SourceStride1 + i2 * g.SourceStride2 + first * g.SourceStride3;
            var target = job.Target + i0 * g.TargetStride0 + i1 * g.TargetStride1 + i2 * g.TargetStride2 + first * g.TargetStride3;
            if (g.SourceStride3 != 1 || g.TargetStride3 != 1)
                for (var i = 0; i < count; i++)
                    target[i * g.TargetStride3] = source[i * g.SourceStride3] + (job.Store == Store.Add ? target[i * g.TargetStride3] : 0f);
            else if (job.Store == Store.Add) AddScaled(source, 1f, target, count);
            else new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(target, count));
        }
    }
}
