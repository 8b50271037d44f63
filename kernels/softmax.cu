// Softmax and log-softmax over the middle of [outer, classes, inner].
//
//   softmax      y = exp(x − max) / Σ exp(x − max)     dx += y · (dy − Σ dy·y)
//   log-softmax  y = x − max − log Σ exp(x − max)      dx += dy − exp(y) · Σ dy
//
// Rows (inner = 1) belong to a group: a warp up to 1024 classes, the whole block above. Columns (inner > 1): a thread each, neighbours beside each other.
// NaN never is the maximum; it comes back through x − max.
#include "geometry.cuh"
#include "reduce.cuh"

template <int GROUP> DEVICE void softmax_forward(ReduceGeometry g, int kind, const float* x, float* y)
{
    SHARED(float, maxima, [8]);
    SHARED(double, sums, [8]);
    int lane = threadIdx.x % GROUP, row = group_row<GROUP>();
    if (row >= g.outer) return;
    x += int64(row) * g.reduced;
    y += int64(row) * g.reduced;
    float maximum = minus_infinity(), sum = 0;
    for (int i = lane; i < g.reduced; i += GROUP) maximum = x[i] > maximum ? x[i] : maximum;
    maximum = group_max<GROUP>(maximum, maxima);
    for (int i = lane; i < g.reduced; i += GROUP)
    {
        float power = expf(x[i] - maximum);
        sum += power;
        if (kind == SOFTMAX) y[i] = power;
    }
    double total = group_sum<GROUP>(double(sum), sums);
    float scale = float(1 / total), logarithm = float(log(total));
    for (int i = lane; i < g.reduced; i += GROUP) y[i] = kind == SOFTMAX ? y[i] * scale : x[i] - maximum - logarithm;
}

template <int GROUP> DEVICE void softmax_backward(ReduceGeometry g, int kind, const float* y, const float* dy, float* dx)
{
    SHARED(double, sums, [8]);
    int lane = threadIdx.x % GROUP, row = group_row<GROUP>();
    if (row >= g.outer) return;
    y += int64(row) * g.reduced;
    dy += int64(row) * g.reduced;
    dx += int64(row) * g.reduced;
    float sum = 0;
    for (int i = lane; i < g.reduced; i += GROUP) sum += kind == SOFTMAX ? dy[i] * y[i] : dy[i];
    float total = float(group_sum<GROUP>(double(sum), sums));
    for (int i = lane; i < g.reduced; i += GROUP) dx[i] += kind == SOFTMAX ? y[i] * (dy[i] - total) : dy[i] - expf(y[i]) * total;
}

#define SOFTMAX_ROWS(suffix, GROUP)                                                                                             \
    KERNEL(256, softmax_forward_##suffix, ReduceGeometry g, int kind, const float* x, float* y)                                 \
    {                                                                                                                           \
        softmax_forward<GROUP>(g, kind, x, y);                                                                                  \
    }                                                                                                                           \
    KERNEL(256, softmax_backward_##suffix, ReduceGeometry g, int kind, const float* y, const float* dy, float* dx)              \
    {                                                                                                                           \
        softmax_backward<GROUP>(g, kind, y, dy, dx);                                                                            \
    }
SOFTMAX_ROWS(warp, 32)
SOFTMAX_ROWS(block, 256)

KERNEL(256, softmax_forward_columns, ReduceGeometry g, int kind, const float* x, float* y)
{
    int64 columns = int64(g.outer) * g.inner;
    for (int64 column = first_element(); column < columns; column += element_stride())
    {
        int64 start = column / g.inner * g.reduced * g.inner + column % g.inner, end = start + int64(g.reduced) * g.inner;
        float maximum = minus_infinity();
        double sum = 0;
        for (int64 i = start; i < end; i += g.inner) maximum = x[i] > maximum ? x[i] : maximum;
        for (int64 i = start; i < end; i += g.inner)
        {
            float power = expf(x[i] - maximum);
            sum += power;
            if (kind == SOFTMAX) y[i] = power;
        }
        float scale = float(1 / sum), logarithm = float(log(sum));
        for (int64 i = start; i < end; i += g.inner) y[i] = kind == SOFTMAX ? y[i] * scale : x[i] - maximum - logarithm;
    }
}

KERNEL(256, softmax_backward_columns, ReduceGeometry g, int kind, const float* y, const float* dy, float* dx)
{
    int64 columns = int64(g.outer) * g.inner;
    for (int64 column = first_element(); column < columns; column += element_stride())
    {
        int64 start = column / g.inner * g.reduced * g.inner + column % g.inner, end = start + int64(g.reduced) * g.inner;
        double sum = 0;
        for (int64 i = start; i < end; i += g.inner) sum += kind == SOFTMAX ? dy[i] * y[i] : dy[i];
        float total = float(sum);
        for (int64 i = start; i < end; i += g.inner) dx[i] += kind == SOFTMAX ? y[i] * (dy[i] - total) : dy[i] - expf(y[i]) * total;
    }
}
