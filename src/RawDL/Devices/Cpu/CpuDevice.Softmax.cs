using System.Numerics;

namespace RawDL;

// Long rows (Inner = 1) run their vectors along the classes. Rows of few classes are turned in small tiles, so that each lane is a row; with an inner extent each lane is a column. Lanes walk over the classes.
public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void SoftmaxForward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor x, Tensor y)
    {
        var job = new SoftmaxJob(geometry, kind, Pointer(x), null, Pointer(y));
        _team.Run(job.Chunks, &SoftmaxForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void SoftmaxBackward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor y, Tensor dy, Tensor dx)
    {
        var job = new SoftmaxJob(geometry, kind, Pointer(y), Pointer(dy), Pointer(dx));
        _team.Run(job.Chunks, &SoftmaxBackwardChunk, &job);
    }

    // Rows of so few classes are worth turning.
    private const int FewClasses = 64;

    private readonly struct SoftmaxJob(ReduceGeometry geometry, SoftmaxKind kind, float* source, float* dy, float* target)
    {
        public readonly ReduceGeometry Geometry = geometry;
        public readonly SoftmaxKind Kind = kind;
        public readonly float* Source = source, Dy = dy, Target = target;

        public int OuterPerChunk => Math.Max(1, ChunkLength / Math.Max(1, Geometry.Reduced * Geometry.Inner));
        public int Chunks => (Geometry.Outer + OuterPerChunk - 1) / OuterPerChunk;
    }

    private static void SoftmaxForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(SoftmaxJob*)arguments;
        var (classes, inner) = (job.Geometry.Reduced, job.Geometry.Inner);
        var first = chunk * job.OuterPerChunk;
        var end = Math.Min(job.Geometry.Outer, first + job.OuterPerChunk);
        if (inner == 1 && IsFew(classes))
        {
            var tile = stackalloc float[FewClasses * Vector<float>.Count];
            new Span<float>(tile, classes * Vector<float>.Count).Clear();
            for (var row = first; row < end; row += Vector<float>.Count)
            {
                var rows = Math.Min(Vector<float>.Count, end - row);
                SoftmaxRows(job.Kind, job.Source + row * classes, job.Target + row * classes, tile, classes, rows, out _, out _);
            }
            return;
        }
        for (var outer = first; outer < end; outer++)
        {
            float* x = job.Source + outer * classes * inner, y = job.Target + outer * classes * inner;
            if (inner == 1) SoftmaxRow(job.Kind, x, y, classes);
            else
            {
                var i = 0;
                for (; Vector.IsHardwareAccelerated && i <= inner - Vector<float>.Count; i += Vector<float>.Count) SoftmaxLanes(job.Kind, x + i, y + i, classes, inner, out _, out _);
                for (; i < inner; i++) SoftmaxColumn(job.Kind, x + i, y + i, classes, inner);
            }
        }
    }

    private static void SoftmaxBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(SoftmaxJob*)arguments;
        var (classes, inner) = (job.Geometry.Reduced, job.Geometry.Inner);
        var end = Math.Min(job.Geometry.Outer, (chunk + 1) * job.OuterPerChunk);
        for (var outer = chunk * job.OuterPerChunk; outer < end; outer++)
        {
            float* y = job.Source + outer * classes * inner, dy = job.Dy + outer * classes * inner, dx = job.Target + outer * classes * inner;
            if (inner == 1 && classes >= Vector<float>.Count) SoftmaxBackwardRow(job.Kind, y, dy, dx, classes);
            else
                for (var i = 0; i < inner; i++) SoftmaxBackwardColumn(job.Kind, y + i, dy + i, dx + i, classes, inner);
        }
    }

    private static bool IsFew(int classes) => Vector.IsHardwareAccelerated && classes <= FewClasses;

    // The softmax of at most as many rows as there are lanes, through a tile in which element c of row r is lane r of vector c.
    private static void SoftmaxRows(SoftmaxKind kind, float* x, float* y, float* tile, int classes, int rows, out Vector<float> maximum, out Vector<float> log)
    {
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < classes; c++) tile[c * Vector<float>.Count + r] = x[r * classes + c];
        SoftmaxLanes(kind, tile, tile, classes, Vector<float>.Count, out maximum, out log);
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < classes; c++) y[r * classes + c] = tile[c * Vector<float>.Count + r];
    }

    // The softmax of each lane over vectors that lie stride elements apart; x and y may be one. Sums have twice the digits, so that the loss of a class that is nearly certain keeps its own.
    private static void SoftmaxLanes(SoftmaxKind kind, float* x, float* y, int classes, int stride, out Vector<float> maximum, out Vector<float> log)
    {
        // NaN never wins; it comes back through x − maximum.
        var highest = new Vector<float>(float.NegativeInfinity);
        for (var i = 0; i < classes * stride; i += stride)
        {
            var value = Vector.Load(x + i);
            highest = Vector.ConditionalSelect(Vector.GreaterThan(value, highest), value, highest);
        }
        Vector<float> sum = default, rest = default;
        for (var i = 0; i < classes * stride; i += stride)
        {
            var power = Elementary.Exp(Vector.Load(x + i) - highest);
            if (kind == SoftmaxKind.Softmax) power.Store(y + i);
            // Knuth, The Art of Computer Programming 2, 4.2.2, theorem B: what the sum loses.
            var next = sum + power;
            var part = next - sum;
            rest += sum - (next - part) + (power - part);
            sum = next;
        }
        var inverse = Vector<float>.One / sum;
        rest *= inverse;
        (maximum, log) = (highest, Vector.Log(sum) + rest);
        if (kind == SoftmaxKind.Softmax)
        {
            inverse -= inverse * rest;
            for (var i = 0; i < classes * stride; i += stride) (Vector.Load(y + i) * inverse).Store(y + i);
        }
        else
        {
            var shift = log;
            for (var i = 0; i < classes * stride; i += stride) (Vector.Load(x + i) - highest - shift).Store(y + i);
        }
    }

    private static void SoftmaxRow(SoftmaxKind kind, float* x, float* y, int classes)
    {
        var maximum = Maximum(x, classes, 1);
        var sum = ExpOfDifferences(x, maximum, y, classes);
        if (kind == SoftmaxKind.Softmax) Scale(y, (float)(1 / sum), classes);
        else
        {
            var log = (float)Math.Log(sum);
            for (var c = 0; c < classes; c++) y[c] = x[c] - maximum - log;
        }
    }

    private static void SoftmaxColumn(SoftmaxKind kind, float* x, float* y, int classes, int stride)
    {
        var maximum = Maximum(x, classes, stride);
        double sum = 0;
        for (var c = 0; c < classes; c++) sum += y[c * stride] = MathF.Exp(x[c * stride] - maximum);
        if (kind == SoftmaxKind.Softmax)
        {
            var scale = (float)(1 / sum);
            for (var c = 0; c < classes; c++) y[c * stride] *= scale;
        }
        else
        {
            var log = (float)Math.Log(sum);
            for (var c = 0; c < classes; c++) y[c * stride] = x[c * stride] - maximum - log;
        }
    }

    // Softmax: dx += y·(dy − Σ dy·y). Log-softmax: dx += dy − exp(y)·Σ dy.
    private static void SoftmaxBackwardRow(SoftmaxKind kind, float* y, float* dy, float* dx, int classes)
    {
        var factor = (float)(kind == SoftmaxKind.Softmax ? RunProduct(dy, y, 0f, classes) : RunSum(dy, classes));
        var i = 0;
        if (kind == SoftmaxKind.Softmax)
        {
            for (; i <= classes - Vector<float>.Count; i += Vector<float>.Count)
                (Vector.Load(dx + i) + Vector.Load(y + i) * (Vector.Load(dy + i) - new Vector<float>(factor))).Store(dx + i);
            for (; i < classes; i++) dx[i] += y[i] * (dy[i] - factor);
        }
        else
        {
            for (; Vector.IsHardwareAccelerated && i <= classes - Vector<float>.Count; i += Vector<float>.Count)
                (Vector.Load(dx + i) + Vector.Load(dy + i) - Elementary.Exp(Vector.Load(y + i)) * factor).Store(dx + i);
            for (; i < classes; i++) dx[i] += dy[i] - MathF.Exp(y[i]) * factor;
        }
    }

    private static void SoftmaxBackwardColumn(SoftmaxKind kind, float* y, float* dy, float* dx, int classes, int stride)
    {
        double sum = 0;
        if (kind == SoftmaxKind.Softmax)
        {
            for (var i = 0; i < classes * stride; i += stride) sum += (double)dy[i] * y[i];
            var shift = (float)sum;
            for (var i = 0; i < classes * stride; i += stride) dx[i] += y[i] * (dy[i] - shift);
        }
        else
        {
            for (var i = 0; i < classes * stride; i += stride) sum += dy[i];
            var factor = (float)sum;
            for (var i = 0; i < classes * stride; i += stride) dx[i] += dy[i] - MathF.Exp(y[i]) * factor;
        }
    }

    // NaN never wins; it comes back through x − maximum.
    private static float Maximum(float* x, int count, int stride)
    {
        var maximum = float.NegativeInfinity;
        for (var i = 0; i < count * stride; i += stride)
            if (x[i] > maximum) maximum = x[i];
        return maximum;
    }

    // y = exp(x − maximum); returns Σ y.
    private static double ExpOfDifferences(float* x, float maximum, float* y, int count)
    {
        double sum = 0;
        var i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            var width = Vector<float>.Count;
            var shift = new Vector<float>(maximum);
            Vector<float> lanes = default;
            for (; i <= count - width; i += width)
            {
                var values = Elementary.Exp(Vector.Load(x + i) - shift);
                values.Store(y + i);
                lanes += values;
            }
            sum = Vector.Sum(lanes);
            if (i < count) StorePartial(Elementary.Exp(LoadPartial(x + i, count - i) - shift), y + i, count - i);
            for (; i < count; i++) sum += y[i];
        }
        for (; i < count; i++) sum += y[i] = MathF.Exp(x[i] - maximum);
        return sum;
    }

    private static void Scale(float* values, float factor, int count)
    {
        var i = 0;
        var lanes = new Vector<float>(factor);
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count) (Vector.Load(values + i) * lanes).Store(values + i);
        for (; i < count; i++) values[i] *= factor;
    }
}
