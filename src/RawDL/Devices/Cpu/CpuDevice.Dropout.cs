namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    private struct DropoutJob
    {
        public DropoutGeometry Geometry;
        public Store Store;
        public float* Source, Target;
    }

    /// <inheritdoc/>
    /// <remarks>Element i is kept iff u ≥ Rate, where u = (word &gt;&gt; 8) · 2⁻²⁴ and word is word i mod 4 of the block with counter
    /// (Step mod 2³²) · 2³² + i / 4 of <see cref="Philox.Block"/>(Seed, Stream, counter). It depends on i alone, so any thread may draw it.</remarks>
    protected internal override void Dropout(in DropoutGeometry geometry, Tensor source, Tensor target, Store store)
    {
        var job = new DropoutJob { Geometry = geometry, Store = store, Source = Pointer(source), Target = Pointer(target) };
        _team.Run(Chunks(geometry.Count), &DropoutChunk, &job);
    }

    private static void DropoutChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(DropoutJob*)arguments;
        var geometry = job.Geometry;
        var scale = 1f / (1f - geometry.Rate);
        var first = chunk * ChunkLength;
        var end = Math.Min(geometry.Count, first + ChunkLength);
        // ChunkLength is a multiple of 4, so a chunk starts with the first word of a block.
        for (var i = first; i < end; i += 4)
        {
            var block = Philox.Block(geometry.Seed, geometry.Stream, geometry.Step << 32 | (uint)(i / 4));
            DropoutElement(job, i, block.X, scale);
            if (i + 1 < end) DropoutElement(job, i + 1, block.Y, scale);
            if (i + 2 < end) DropoutElement(job, i + 2, block.Z, scale);
            if (i + 3 < end) DropoutElement(job, i + 3, block.W, scale);
        }
    }

    private static void DropoutElement(in DropoutJob job, int i, uint word, float scale)
    {
        // Selected, not multiplied by 0: a dropped infinity is 0, not NaN.
        var value = (word >> 8) * (1f / (1 << 24)) >= job.Geometry.Rate ? job.Source[i] * scale : 0f;
        if (job.Store == Store.Overwrite) job.Target[i] = value;
        else job.Target[i] += value;
    }
}
