using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    // Drawn at a time.
    private const int DropoutWords = 256;

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
        var words = stackalloc uint[DropoutWords];
        var end = Math.Min(geometry.Count, (chunk + 1) * ChunkLength);
        for (int i = chunk * ChunkLength, count; i < end; i += count)
        {
            var place = geometry.Start + i;
            var (block, first) = (place / 4, (int)(place & 3));
            // The number of a block has 32 bits.
            count = (int)Math.Min(Math.Min(end - i, DropoutWords - first), ((1L << 32) - (uint)block) * 4 - first);
            Philox.Fill(geometry.Seed, geometry.Stream, geometry.Step << 32 | (uint)block, new Span<uint>(words, first + count));
            DropoutRun(job, i, words + first, count);
        }
    }

    private static void DropoutRun(in DropoutJob job, int i, uint* words, int count)
    {
        var (rate, scale, done) = (job.Geometry.Rate, 1f / (1f - job.Geometry.Rate), 0);
        if (Vector.IsHardwareAccelerated)
        {
            for (; done <= count - Vector<float>.Count; done += Vector<float>.Count)
            {
                var uniform = Vector.ConvertToSingle(Vector.AsVectorInt32(Vector.Load(words + done) >>> 8)) * (1f / (1 << 24));
                var value = Vector.ConditionalSelect(Vector.GreaterThanOrEqual(uniform, new Vector<float>(rate)), Vector.Load(job.Source + i + done) * scale, Vector<float>.Zero);
                var target = job.Target + i + done;
                (job.Store == Store.Overwrite ? value : Vector.Load(target) + value).Store(target);
            }
        }
        for (; done < count; done++)
        {
            // Selected, not multiplied by 0: a dropped infinity is 0, not NaN.
            var value = (words[done] >> 8) * (1f / (1 << 24)) >= rate ? job.Source[i + done] * scale : 0f;
            if (job.Store == Store.Overwrite) job.Target[i + done] = value;
            else job.Target[i + done] += value;
        }
    }
}
