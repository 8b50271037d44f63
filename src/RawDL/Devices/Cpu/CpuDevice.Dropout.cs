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
    /// <remarks>Element i has the place p = Start + i and is kept iff u ≥ Rate, where u = (word &gt;&gt; 8) · 2⁻²⁴ and word is word p mod 4 of
    /// the block with counter (Step mod 2³²) · 2³² + p / 4 of <see cref="Philox.Block"/>(Seed, Stream, counter). It depends on i alone, so any thread may draw it.</remarks>
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
        var end = Math.Min(geometry.Count, (chunk + 1) * ChunkLength);
        // The words left in the first block, then four at a time.
        for (var i = chunk * ChunkLength; i < end;)
        {
            var place = geometry.Start + i;
            var block = Philox.Block(geometry.Seed, geometry.Stream, geometry.Step << 32 | (uint)(place / 4));
            for (var word = (int)(place & 3); word < 4 && i < end; word++, i++)
                DropoutElement(job, i, word switch { 0 => block.X, 1 => block.Y, 2 => block.Z, _ => block.W }, scale);
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
