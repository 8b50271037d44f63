using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void SoftmaxCrossEntropyForward(in CrossEntropyGeometry geometry, Tensor logits, Tensor labels, Tensor probabilities, Tensor losses)
    {
        var job = new CrossEntropyJob(geometry, Integers(labels), Pointer(logits), Pointer(losses), Pointer(probabilities));
        _team.Run(job.Chunks, &CrossEntropyForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void SoftmaxCrossEntropyBackward(in CrossEntropyGeometry geometry, Tensor labels, Tensor probabilities, Tensor dlosses, Tensor dlogits)
    {
        var job = new CrossEntropyJob(geometry, Integers(labels), Pointer(probabilities), Pointer(dlosses), Pointer(dlogits));
        _team.Run(job.Chunks, &CrossEntropyBackwardChunk, &job);
    }

    private readonly struct CrossEntropyJob(CrossEntropyGeometry geometry, int* labels, float* source, float* losses, float* target)
    {
        public readonly CrossEntropyGeometry Geometry = geometry;
        public readonly int* Labels = labels;
        public readonly float* Source = source, Losses = losses, Target = target;

        public int RowsPerChunk => Math.Max(1, ChunkLength / Math.Max(1, Geometry.Classes));
        public int Chunks => (Geometry.Rows + RowsPerChunk - 1) / RowsPerChunk;
    }

    private static void CrossEntropyForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(CrossEntropyJob*)arguments;
        var classes = job.Geometry.Classes;
        var first = chunk * job.RowsPerChunk;
        var end = Math.Min(job.Geometry.Rows, first + job.RowsPerChunk);
        if (IsFew(classes))
        {
            var tile = stackalloc float[FewClasses * Vector<float>.Count];
            new Span<float>(tile, classes * Vector<float>.Count).Clear();
            for (var row = first; row < end; row += Vector<float>.Count)
            {
                var rows = Math.Min(Vector<float>.Count, end - row);
                SoftmaxRows(SoftmaxKind.Softmax, job.Source + row * classes, job.Target + row * classes, tile, classes, rows, out var maximum, out var log);
                for (var r = 0; r < rows; r++) job.Losses[row + r] = CrossEntropy(job, row + r, maximum[r], log[r]);
            }
            return;
        }
        for (var row = first; row < end; row++)
        {
            float* x = job.Source + row * classes, p = job.Target + row * classes;
            var maximum = Maximum(x, classes, 1);
            var sum = ExpOfDifferences(x, maximum, p, classes);
            Scale(p, (float)(1 / sum), classes);
            job.Losses[row] = CrossEntropy(job, row, maximum, Math.Log(sum));
        }
    }

    // loss = log Σ exp(x) − (1 − s)·x[label] − s/C · Σ x, all relative to the maximum.
    private static float CrossEntropy(in CrossEntropyJob job, int row, float maximum, double log)
    {
        var (classes, smoothing) = (job.Geometry.Classes, job.Geometry.Smoothing);
        var x = job.Source + row * classes;
        // A label outside the classes cannot be refused here; NaN is loud and reads no foreign memory.
        double loss = (uint)job.Labels[row] < (uint)classes ? log - (1 - smoothing) * ((double)x[job.Labels[row]] - maximum) : double.NaN;
        if (smoothing != 0f)
            for (var c = 0; c < classes; c++) loss -= (double)smoothing / classes * ((double)x[c] - maximum);
        return (float)loss;
    }

    private static void CrossEntropyBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(CrossEntropyJob*)arguments;
        var (classes, smoothing) = (job.Geometry.Classes, job.Geometry.Smoothing);
        var end = Math.Min(job.Geometry.Rows, (chunk + 1) * job.RowsPerChunk);
        for (var row = chunk * job.RowsPerChunk; row < end; row++)
        {
            float* p = job.Source + row * classes, dx = job.Target + row * classes;
            var dy = job.Losses[row];
            var others = smoothing / classes;
            var label = job.Labels[row];
            var isClass = (uint)label < (uint)classes;
            var before = isClass ? dx[label] : 0f;
            var c = 0;
            for (; c <= classes - Vector<float>.Count; c += Vector<float>.Count)
                (Vector.Load(dx + c) + dy * (Vector.Load(p + c) - new Vector<float>(others))).Store(dx + c);
            for (; c < classes; c++) dx[c] += dy * (p[c] - others);
            if (isClass) dx[label] = before + dy * (p[label] - (1f - smoothing + others));
        }
    }
}
