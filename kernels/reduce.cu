// Sums over the middle of [outer, reduced, inner], their gradient, and Σ x². Every order is fixed; see sums.cuh for the pieces.
#include "sums.cuh"

KERNEL(256, sum_columns, ReduceGeometry geometry, int width, const float* x, float* y, float scale, int store)
{
    column_sums<PlainTerm>({x, nullptr, nullptr}, geometry, width, y, scale, store);
}

KERNEL(256, sum_rows, BroadcastGeometry geometry, const float* x, float* y, float scale, int store)
{
    row_sums<PlainTerm>({x, nullptr, nullptr}, geometry, y, scale, store);
}

// Rows of x [rows, length], one per warp: for many short rows.
KERNEL(256, sum_short_rows, int rows, int length, const float* x, float* y, float scale, int store)
{
    int row = blockIdx.x * 8 + threadIdx.x / 32;
    if (row >= rows) return;
    float sum = 0;
    for (int i = threadIdx.x % 32; i < length; i += 32) sum += x[row * length + i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) store_sum(y + row, scale * sum, store);
}

// y[j] = scale · Σ_p partial[p, j], one output per warp, in double.
KERNEL(256, finish_sums, const float* partial, int pieces, int outputs, float* y, float scale, int store)
{
    int output = blockIdx.x * 8 + threadIdx.x / 32;
    if (output >= outputs) return;
    double sum = 0;
    for (int piece = threadIdx.x % 32; piece < pieces; piece += 32) sum += partial[piece * outputs + output];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) store_sum(y + output, float(scale * sum), store);
}

// dx[o, r, i] += scale · dy[o, i].
KERNEL(256, sum_backward, ReduceGeometry geometry, const float* dy, float* dx, float scale)
{
    uint32 slab = geometry.reduced * geometry.inner, inner = geometry.inner;
    int64 count = int64(geometry.outer) * slab;
    for (int64 i = first_element(); i < count; i += element_stride())
    {
        uint32 outer = geometry.outer == 1 ? 0 : uint32(i) / slab;
        uint32 place = inner == 1 ? 0 : (uint32(i) - outer * slab) % inner;
        dx[i] += scale * dy[outer * inner + place];
    }
}

// partial[block] = Σ x² of the block's part of x; a whole warp of double sums per block.
KERNEL(256, sum_of_squares, const float* x, double* partial, int count)
{
    SHARED(double, sums, [8]);
    double sum = 0;
#pragma unroll 4
    for (int64 i = first_element(); i < count; i += element_stride()) sum += double(x[i]) * x[i];
    sum = block_sum(sum, sums);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// result[0] = Σ partial, by one block.
KERNEL(256, finish_squares, const double* partial, int pieces, double* result)
{
    SHARED(double, sums, [8]);
    double sum = sum_of_pieces(partial, pieces, sums);
    if (threadIdx.x == 0) *result = sum;
}
