// Batch normalisation of x [outer, channels, inner] per channel, over m = outer · inner values.
//
//   forward    mean μ, variance σ² = Σ(x − μ)²/m, y = scale · (x − μ) · invstd + shift, invstd = 1/√(σ² + ε); statistics [2, C] = μ, invstd
//   backward   with x̂ = (x − μ) · invstd:  dscale += Σ dy·x̂,  dshift += Σ dy,  dx += scale · invstd · (dy − Σdy/m − x̂ · Σ(dy·x̂)/m)
//
// Grid: channels, pieces (at most 32). A block has one piece of one channel, 256 neighbouring values at a time. Two launches each: the pieces'
// moments into partial [C, pieces, 2], then all blocks of a channel merge them, in order of the lanes of a warp, and go over their piece again.
#include "geometry.cuh"
#include "reduce.cuh"

struct Piece { int first, last; };

DEVICE Piece piece_of(const NormGeometry& g, int piece)
{
    int count = g.outer * g.inner, size = (count + gridDim.y - 1) / gridDim.y;
    int first = min(count, piece * size);
    return {first, min(count, first + size)};
}

// The place of value i of a channel.
DEVICE int place_of(const NormGeometry& g, int channel, int i)
{
    int outer = uint32(i) / uint32(g.inner);
    return (outer * g.channels + channel) * g.inner + i - outer * g.inner;
}

// partial: mean and Σ(x − mean)² of the piece.
KERNEL(256, batch_norm_moments, NormGeometry g, const float* x, double* partial)
{
    SHARED(double, sums, [8]);
    int channel = blockIdx.x;
    Piece piece = piece_of(g, blockIdx.y);
    double count = max(1, piece.last - piece.first);
    float sum = 0, squares = 0;
#pragma unroll 4
    for (int i = piece.first + threadIdx.x; i < piece.last; i += 256) sum += x[place_of(g, channel, i)];
    double mean = block_sum(double(sum), sums) / count;
    float centre = float(mean);
#pragma unroll 4
    for (int i = piece.first + threadIdx.x; i < piece.last; i += 256)
    {
        float centred = x[place_of(g, channel, i)] - centre;
        squares += centred * centred;
    }
    double total = block_sum(double(squares), sums) - count * (centre - mean) * (centre - mean);
    if (threadIdx.x != 0) return;
    double* target = partial + 2 * (channel * gridDim.y + blockIdx.y);
    target[0] = mean;
    target[1] = total;
}

KERNEL(256, batch_norm_forward, NormGeometry g, const float* x, const float* scale, const float* shift, float* running_mean, float* running_variance,
       float momentum, float* statistics, float* y, const double* partial)
{
    SHARED(double, merged, [2]);
    int channel = blockIdx.x;
    double count = double(g.outer) * g.inner;
    if (threadIdx.x < 32)
    {
        // Chan, Golub and LeVeque, The American Statistician 37 (1983): moments of parts about the common mean.
        double size = 0, mean = 0, squares = 0;
        if (threadIdx.x < gridDim.y)
        {
            Piece piece = piece_of(g, threadIdx.x);
            size = piece.last - piece.first;
            mean = partial[2 * (channel * gridDim.y + threadIdx.x)];
            squares = partial[2 * (channel * gridDim.y + threadIdx.x) + 1];
        }
        double whole = warp_sum(size * mean) / count;
        squares = warp_sum(squares + size * (mean - whole) * (mean - whole));
        if (threadIdx.x == 0)
        {
            merged[0] = whole;
            merged[1] = squares;
        }
    }
    __syncthreads();
    float mean = float(merged[0]), inverse = float(1 / sqrt(merged[1] / count + g.epsilon));
    if (threadIdx.x == 0 && blockIdx.y == 0)
    {
        statistics[channel] = mean;
        statistics[g.channels + channel] = inverse;
        running_mean[channel] += momentum * (mean - running_mean[channel]);
        // One value has no unbiased variance: the running one stays.
        if (count > 1) running_variance[channel] += momentum * (float(merged[1] / (count - 1)) - running_variance[channel]);
    }
    float slope = inverse * scale[channel], offset = shift[channel];
    Piece piece = piece_of(g, blockIdx.y);
#pragma unroll 4
    for (int i = piece.first + threadIdx.x; i < piece.last; i += 256)
    {
        int at = place_of(g, channel, i);
        y[at] = (x[at] - mean) * slope + offset;
    }
}

KERNEL(256, batch_norm_inference, NormGeometry g, const float* x, const float* scale, const float* shift, const float* running_mean,
       const float* running_variance, float* y)
{
    int channel = blockIdx.x;
    float mean = running_mean[channel], offset = shift[channel];
    float slope = float(scale[channel] / sqrt(double(running_variance[channel]) + g.epsilon));
    Piece piece = piece_of(g, blockIdx.y);
#pragma unroll 4
    for (int i = piece.first + threadIdx.x; i < piece.last; i += 256)
    {
        int at = place_of(g, channel, i);
        y[at] = (x[at] - mean) * slope + offset;
    }
}

// partial: Σ dy and Σ dy·(x − mean) of the piece.
KERNEL(256, batch_norm_backward_sums, NormGeometry g, const float* x, const float* statistics, const float* dy, double* partial)
{
    SHARED(double, sums, [8]);
    int channel = blockIdx.x;
    float mean = statistics[channel], sum = 0, product = 0;
    Piece piece = piece_of(g, blockIdx.y);
#pragma unroll 4
    for (int i = piece.first + threadIdx.x; i < piece.last; i += 256)
    {
        int at = place_of(g, channel, i);
        sum += dy[at];
        product += dy[at] * (x[at] - mean);
    }
    double total = block_sum(double(sum), sums), products = block_sum(double(product), sums);
    if (threadIdx.x != 0) return;
    double* target = partial + 2 * (channel * gridDim.y + blockIdx.y);
    target[0] = total;
    target[1] = products;
}

// dx, dscale, dshift: null where not wanted.
KERNEL(256, batch_norm_backward, NormGeometry g, const float* x, const float* scale, const float* statistics, const float* dy, float* dx, float* dscale,
       float* dshift, const double* partial)
{
    SHARED(double, merged, [2]);
    int channel = blockIdx.x;
    float mean = statistics[channel], inverse = statistics[g.channels + channel];
    double count = double(g.outer) * g.inner;
    if (threadIdx.x < 32)
    {
        const double* from = partial + 2 * (channel * gridDim.y + threadIdx.x);
        double sum = warp_sum(threadIdx.x < gridDim.y ? from[0] : 0.0), product = warp_sum(threadIdx.x < gridDim.y ? from[1] : 0.0) * inverse;
        if (threadIdx.x == 0)
        {
            merged[0] = sum;
            merged[1] = product;
            if (blockIdx.y == 0 && dscale != nullptr) dscale[channel] += float(product);
            if (blockIdx.y == 0 && dshift != nullptr) dshift[channel] += float(sum);
        }
    }
    __syncthreads();
    if (dx == nullptr) return;
    float slope = scale[channel] * inverse, offset = float(merged[0] / count), tilt = float(merged[1] / count) * inverse;
    Piece piece = piece_of(g, blockIdx.y);
#pragma unroll 4
    for (int i = piece.first + threadIdx.x; i < piece.last; i += 256)
    {
        int at = place_of(g, channel, i);
        dx[at] += slope * (dy[at] - offset - tilt * (x[at] - mean));
    }
}
