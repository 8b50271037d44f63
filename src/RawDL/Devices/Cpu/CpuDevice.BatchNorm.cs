using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    // One chunk is one channel: its sums run over the batch in order, so they do not depend on the threads.
    private struct NormJob
    {
        public NormGeometry Geometry;
        public float Momentum;
        public float* X, Scale, Shift, Mean, Variance, Statistics, Y, Dy, Dx, Dscale, Dshift;
    }

    /// <inheritdoc/>
    protected internal override void BatchNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, float momentum, Tensor statistics, Tensor y)
    {
        var job = new NormJob
        {
            Geometry = geometry,
            Momentum = momentum,
            X = Pointer(x),
            Scale = Pointer(scale),
            Shift = Pointer(shift),
            Mean = Pointer(runningMean),
            Variance = Pointer(runningVariance),
            Statistics = Pointer(statistics),
            Y = Pointer(y),
        };
        _team.Run(geometry.Channels, &BatchNormForwardChannel, &job);
    }

    /// <inheritdoc/>
    protected internal override void BatchNormInference(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, Tensor y)
    {
        var job = new NormJob
        {
            Geometry = geometry,
            X = Pointer(x),
            Scale = Pointer(scale),
            Shift = Pointer(shift),
            Mean = Pointer(runningMean),
            Variance = Pointer(runningVariance),
            Y = Pointer(y),
        };
        _team.Run(geometry.Channels, &BatchNormInferenceChannel, &job);
    }

    /// <inheritdoc/>
    protected internal override void BatchNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift)
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
        _team.Run(geometry.Channels, &BatchNormBackwardChannel, &job);
    }

    private static void BatchNormForwardChannel(void* arguments, int channel)
    {
        ref readonly var job = ref *(NormJob*)arguments;
        var geometry = job.Geometry;
        var count = (double)geometry.Outer * geometry.Inner;
        if (count == 0) return;
        double sum = 0, squares = 0;
        for (var n = 0; n < geometry.Outer; n++) sum += RunSum(job.X + Run(geometry, n, channel), geometry.Inner);
        var mean = (float)(sum / count);
        for (var n = 0; n < geometry.Outer; n++) squares += RunSquares(job.X + Run(geometry, n, channel), mean, geometry.Inner);
        var inverse = (float)(1 / Math.Sqrt(squares / count + geometry.Epsilon));
        job.Statistics[channel] = mean;
        job.Statistics[geometry.Channels + channel] = inverse;
        job.Mean[channel] += job.Momentum * (mean - job.Mean[channel]);
        // One value has no unbiased variance: the running one stays.
        if (count > 1) job.Variance[channel] += job.Momentum * ((float)(squares / (count - 1)) - job.Variance[channel]);
        for (var n = 0; n < geometry.Outer; n++)
        {
            var at = Run(geometry, n, channel);
            Normalize(job.X + at, job.Y + at, mean, inverse * job.Scale[channel], job.Shift[channel], geometry.Inner);
        }
    }

    private static void BatchNormInferenceChannel(void* arguments, int channel)
    {
        ref readonly var job = ref *(NormJob*)arguments;
        var geometry = job.Geometry;
        var slope = (float)(job.Scale[channel] / Math.Sqrt((double)job.Variance[channel] + geometry.Epsilon));
        for (var n = 0; n < geometry.Outer; n++)
        {
            var at = Run(geometry, n, channel);
            Normalize(job.X + at, job.Y + at, job.Mean[channel], slope, job.Shift[channel], geometry.Inner);
        }
    }

    // With x̂ = (x − mean)·invstd and m values: dx += scale·invstd·(dy − Σdy/m − x̂·Σ(dy·x̂)/m).
    private static void BatchNormBackwardChannel(void* arguments, int channel)
    {
        ref readonly var job = ref *(NormJob*)arguments;
        var geometry = job.Geometry;
        var count = (double)geometry.Outer * geometry.Inner;
        if (count == 0) return;
        float mean = job.Statistics[channel], inverse = job.Statistics[geometry.Channels + channel];
        double sum = 0, product = 0;
        for (var n = 0; n < geometry.Outer; n++)
        {
            var at = Run(geometry, n, channel);
            sum += RunSum(job.Dy + at, geometry.Inner);
            product += RunProduct(job.Dy + at, job.X + at, mean, geometry.Inner);
        }
        product *= inverse;
        if (job.Dscale != null) job.Dscale[channel] += (float)product;
        if (job.Dshift != null) job.Dshift[channel] += (float)sum;
        if (job.Dx == null) return;
        var slope = job.Scale[channel] * inverse;
        float offset = (float)(sum / count), tilt = (float)(product / count) * inverse;
        for (var n = 0; n < geometry.Outer; n++)
        {
            var at = Run(geometry, n, channel);
            float* x = job.X + at, dy = job.Dy + at, dx = job.Dx + at;
            var i = 0;
            for (; i <= geometry.Inner - Vector<float>.Count; i += Vector<float>.Count)
            {
                var centred = Vector.Load(x + i) - new Vector<float>(mean);
                (Vector.Load(dx + i) + slope * (Vector.Load(dy + i) - new Vector<float>(offset) - tilt * centred)).Store(dx + i);
            }
            for (; i < geometry.Inner; i++) dx[i] += slope * (dy[i] - offset - tilt * (x[i] - mean));
        }
    }

    private static nint Run(in NormGeometry geometry, int outer, int channel) => ((nint)outer * geometry.Channels + channel) * geometry.Inner;
}
