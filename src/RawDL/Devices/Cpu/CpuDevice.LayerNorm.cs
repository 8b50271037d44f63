using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    private const int LayerNormColumns = 256, LayerNormRows = 64;

    /// <inheritdoc/>
    protected internal override void LayerNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor statistics, Tensor y)
    {
        var job = new NormJob
        {
            Geometry = geometry,
            X = Pointer(x),
            Scale = Pointer(scale),
            Shift = Pointer(shift),
            Statistics = Pointer(statistics),
            Y = Pointer(y),
        };
        _team.Run(Blocks(geometry.Outer, RowsPerChunk(geometry)), &LayerNormForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void LayerNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift)
    {
        var job = new NormJob
        {
            Geometry = geometry,
            X = Pointer(x),
            Scale = Pointer(scale),
            Statistics = Pointer(statistics),
            Dy = Pointer(dy),
            Dx = PointerOrNull(dx),
            Dscale = PointerOrNull(dscale),
            Dshift = PointerOrNull(dshift),
        };
        if (job.Dx != null) _team.Run(Blocks(geometry.Outer, RowsPerChunk(geometry)), &LayerNormBackwardChunk, &job);
        if (job.Dscale == null && job.Dshift == null) return;
        _team.Run((geometry.Channels * geometry.Inner + LayerNormColumns - 1) / LayerNormColumns, &LayerNormBackwardColumns, &job);
    }

    private static int RowsPerChunk(in NormGeometry geometry) => Math.Max(1, ChunkLength / Math.Max(1, geometry.Channels * geometry.Inner));

    private static void LayerNormForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(NormJob*)arguments;
        var rows = RowsPerChunk(job.Geometry);
        for (var row = chunk * rows; row < Math.Min(job.Geometry.Outer, (chunk + 1) * rows); row++) LayerNormForwardRow(job, row);
    }

    private static void LayerNormBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(NormJob*)arguments;
        var rows = RowsPerChunk(job.Geometry);
        for (var row = chunk * rows; row < Math.Min(job.Geometry.Outer, (chunk + 1) * rows); row++) LayerNormBackwardRow(job, row);
    }

    private static void LayerNormForwardRow(in NormJob job, int row)
    {
        var count = job.Geometry.Channels * job.Geometry.Inner;
        if (count == 0) return;
        float* x = job.X + (nint)row * count, y = job.Y + (nint)row * count;
        var mean = (float)(RunSum(x, count) / count);
        var inverse = (float)(1 / Math.Sqrt(RunSquares(x, mean, count) / count + job.Geometry.Epsilon));
        job.Statistics[row] = mean;
        job.Statistics[job.Geometry.Outer + row] = inverse;
        var i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            var normal = (Vector.Load(x + i) - new Vector<float>(mean)) * inverse;
            (normal * Vector.Load(job.Scale + i) + Vector.Load(job.Shift + i)).Store(y + i);
        }
        for (; i < count; i++) y[i] = (x[i] - mean) * inverse * job.Scale[i] + job.Shift[i];
    }

    // With g = dy·scale, x̂ = (x − mean)·invstd and m values in the row: dx += invstd·(g − Σg/m − x̂·Σ(g·x̂)/m).
    private static void LayerNormBackwardRow(in NormJob job, int row)
    {
        var count = job.Geometry.Channels * job.Geometry.Inner;
        if (count == 0) return;
        float* x = job.X + (nint)row * count, dy = job.Dy + (nint)row * count, dx = job.Dx + (nint)row * count;
        float mean = job.Statistics[row], inverse = job.Statistics[job.Geometry.Outer + row];
        double sum = 0, product = 0;
        for (var start = 0; start < count; start += SumBlock)
        {
            var end = Math.Min(count, start + SumBlock);
            Vector<float> sums = Vector<float>.Zero, products = Vector<float>.Zero;
            var i = start;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var g = Vector.Load(dy + i) * Vector.Load(job.Scale + i);
                sums += g;
                products += g * (Vector.Load(x + i) - new Vector<float>(mean));
            }
            sum += Vector.Sum(sums);
            product += Vector.Sum(products);
            for (; i < end; i++)
            {
                sum += dy[i] * job.Scale[i];
                product += dy[i] * job.Scale[i] * (x[i] - mean);
            }
        }
        float offset = (float)(sum / count), tilt = (float)(product / count * inverse * inverse);
        var last = 0;
        for (; last <= count - Vector<float>.Count; last += Vector<float>.Count)
        {
            var g = Vector.Load(dy + last) * Vector.Load(job.Scale + last) - new Vector<float>(offset) - tilt * (Vector.Load(x + last) - new Vector<float>(mean));
            (Vector.Load(dx + last) + inverse * g).Store(dx + last);
        }
        for (; last < count; last++) dx[last] += inverse * (dy[last] * job.Scale[last] - offset - tilt * (x[last] - mean));
    }

    // Sums over the rows, in order: blocks of rows in float, each block added to the destination.
    private static void LayerNormBackwardColumns(void* arguments, int chunk)
    {
        ref readonly var job = ref *(NormJob*)arguments;
        var count = job.Geometry.Channels * job.Geometry.Inner;
        var first = chunk * LayerNormColumns;
        var columns = Math.Min(LayerNormColumns, count - first);
        var scales = stackalloc float[LayerNormColumns];
        var shifts = stackalloc float[LayerNormColumns];
        for (var start = 0; start < job.Geometry.Outer; start += LayerNormRows)
        {
            new Span<float>(scales, columns).Clear();
            new Span<float>(shifts, columns).Clear();
            for (var row = start; row < Math.Min(job.Geometry.Outer, start + LayerNormRows); row++)
            {
                float* x = job.X + (nint)row * count + first, dy = job.Dy + (nint)row * count + first;
                float mean = job.Statistics[row], inverse = job.Statistics[job.Geometry.Outer + row];
                var i = 0;
                for (; i <= columns - Vector<float>.Count; i += Vector<float>.Count)
                {
                    var g = Vector.Load(dy + i);
                    (Vector.Load(shifts + i) + g).Store(shifts + i);
                    (Vector.Load(scales + i) + g * ((Vector.Load(x + i) - new Vector<float>(mean)) * inverse)).Store(scales + i);
                }
                for (; i < columns; i++)
                {
                    shifts[i] += dy[i];
                    scales[i] += dy[i] * ((x[i] - mean) * inverse);
                }
            }
            if (job.Dscale != null) for (var i = 0; i < columns; i++) job.Dscale[first + i] += scales[i];
            if (job.Dshift != null) for (var i = 0; i < columns; i++) job.Dshift[first + i] += shifts[i];
        }
    }
}
