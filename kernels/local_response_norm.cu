// Local response normalisation across channels of x [outer, channels, inner]: denominator d = bias + alpha/size · Σ x² over the window, y = x · d^−beta.
// Backward: dx[c] += dy[c] · d[c]^−beta − 2·alpha·beta/size · x[c] · Σ dy·y/d over the channels whose windows hold c.
// Even sizes reach one channel further down than up. Threads: a grid-stride loop over the elements.
#include "geometry.cuh"

// d^−beta; d > 0.
DEVICE float negative_power(float d, float beta) { return expf(-beta * logf(d)); }

KERNEL(256, local_response_norm_forward, LocalResponseGeometry g, const float* x, float* denominator, float* y)
{
    int64 count = int64(g.outer) * g.channels * g.inner;
    float factor = g.alpha / g.size;
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        int channel = uint32(at) / uint32(g.inner) % uint32(g.channels);
        int low = max(0, channel - g.size / 2), high = min(g.channels - 1, channel + (g.size - 1) / 2);
        float squares = 0;
        for (int other = low; other <= high; other++)
        {
            float value = x[at + (other - channel) * g.inner];
            squares += value * value;
        }
        float d = g.bias + factor * squares;
        denominator[at] = d;
        y[at] = x[at] * negative_power(d, g.beta);
    }
}

KERNEL(256, local_response_norm_backward, LocalResponseGeometry g, const float* x, const float* denominator, const float* y, const float* dy, float* dx)
{
    int64 count = int64(g.outer) * g.channels * g.inner;
    float factor = 2 * g.alpha * g.beta / g.size;
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        int channel = uint32(at) / uint32(g.inner) % uint32(g.channels);
        int low = max(0, channel - (g.size - 1) / 2), high = min(g.channels - 1, channel + g.size / 2);
        float sum = 0;
        for (int other = low; other <= high; other++)
        {
            int64 from = at + (other - channel) * g.inner;
            sum += dy[from] * y[from] / denominator[from];
        }
        dx[at] += dy[at] * negative_power(denominator[at], g.beta) - factor * x[at] * sum;
    }
}
