// Layer normalisation of x [outer, channels, inner] per row of m = channels · inner values; scale and shift have a row's shape.
//
//   forward    y = scale · (x − μ) · invstd + shift; statistics [2, outer] = μ, invstd
//   backward   with g = dy·scale, x̂ = (x − μ)·invstd:  dx += invstd · (g − Σg/m − x̂ · Σ(g·x̂)/m)
//              dscale += Σ dy·x̂,  dshift += Σ dy  over the rows
//
// A group has a row: a warp (8 rows per block) where rows are short, the whole block elsewhere.
#include "geometry.cuh"
#include "reduce.cuh"

template <int GROUP> DEVICE void layer_norm_forward(NormGeometry g, const float* x, const float* scale, const float* shift, float* statistics, float* y)
{
    SHARED(double, sums, [8]);
    int count = g.channels * g.inner, lane = threadIdx.x % GROUP, row = group_row<GROUP>();
    if (row >= g.outer) return;
    x += int64(row) * count;
    y += int64(row) * count;
    float sum = 0, squares = 0;
    for (int i = lane; i < count; i += GROUP) sum += x[i];
    float mean = float(group_sum<GROUP>(double(sum), sums) / count);
    for (int i = lane; i < count; i += GROUP) squares += (x[i] - mean) * (x[i] - mean);
    float inverse = float(1 / sqrt(group_sum<GROUP>(double(squares), sums) / count + g.epsilon));
    if (lane == 0)
    {
        statistics[row] = mean;
        statistics[g.outer + row] = inverse;
    }
    for (int i = lane; i < count; i += GROUP) y[i] = (x[i] - mean) * inverse * scale[i] + shift[i];
}

template <int GROUP> DEVICE void layer_norm_backward(NormGeometry g, const float* x, const float* scale, const float* statistics, const float* dy, float* dx)
{
    SHARED(double, sums, [8]);
    int count = g.channels * g.inner, lane = threadIdx.x % GROUP, row = group_row<GROUP>();
    if (row >= g.outer) return;
    x += int64(row) * count;
    dy += int64(row) * count;
    dx += int64(row) * count;
    float mean = statistics[row], inverse = statistics[g.outer + row], sum = 0, product = 0;
    for (int i = lane; i < count; i += GROUP)
    {
        sum += dy[i] * scale[i];
        product += dy[i] * scale[i] * (x[i] - mean);
    }
    float offset = float(group_sum<GROUP>(double(sum), sums) / count);
    float tilt = float(group_sum<GROUP>(double(product), sums) / count * inverse * inverse);
    for (int i = lane; i < count; i += GROUP) dx[i] += inverse * (dy[i] * scale[i] - offset - tilt * (x[i] - mean));
}

#define LAYER_NORM(suffix, GROUP)                                                                                                            \
    KERNEL(256, layer_norm_forward_##suffix, NormGeometry g, const float* x, const float* scale, const float* shift, float* statistics, float* y) \
    {                                                                                                                                        \
        layer_norm_forward<GROUP>(g, x, scale, shift, statistics, y);                                                                        \
    }                                                                                                                                        \
    KERNEL(256, layer_norm_backward_##suffix, NormGeometry g, const float* x, const float* scale, const float* statistics, const float* dy, float* dx) \
    {                                                                                                                                        \
        layer_norm_backward<GROUP>(g, x, scale, statistics, dy, dx);                                                                         \
    }
LAYER_NORM(warp, 32)
LAYER_NORM(block, 256)

// Σ over rows of dy·x̂ into dscale and of dy into dshift; null where not wanted. Block: 32 columns, 8 rows at a time. Grid: columns / 32, pieces.
// Several pieces: dscale and dshift are scratch [pieces, m] (store OVERWRITE), finished by finish_sums.
KERNEL(256, layer_norm_backward_columns, NormGeometry g, const float* x, const float* statistics, const float* dy, float* dscale, float* dshift, int store)
{
    SHARED(float, scales, [256]);
    SHARED(float, shifts, [256]);
    int count = g.channels * g.inner, column = blockIdx.x * 32 + threadIdx.x % 32;
    int piece = (g.outer + gridDim.y - 1) / gridDim.y, first = blockIdx.y * piece, last = min(g.outer, first + piece);
    float sum = 0, product = 0;
    if (column < count)
    {
#pragma unroll 4
        for (int row = first + threadIdx.x / 32; row < last; row += 8)
        {
            int64 at = int64(row) * count + column;
            sum += dy[at];
            product += dy[at] * ((x[at] - statistics[row]) * statistics[g.outer + row]);
        }
    }
    scales[threadIdx.x] = product;
    shifts[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x >= 32 || column >= count) return;
    for (int lane = 1; lane < 8; lane++)
    {
        product += scales[lane * 32 + threadIdx.x];
        sum += shifts[lane * 32 + threadIdx.x];
    }
    int at = blockIdx.y * count + column;
    if (dscale != nullptr) dscale[at] = store == ADD ? dscale[at] + product : product;
    if (dshift != nullptr) dshift[at] = store == ADD ? dshift[at] + sum : sum;
}
