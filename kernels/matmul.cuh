// What the matrix products share: C[M, N] = op(A)·op(B) with K products per element, row-major, where op(A) is A [M, K] or the transpose of A [K, M]
// (LEFT), and op(B) is B [K, N] or the transpose of B [N, K] (RIGHT).
//
// A block computes one tile of C. Slices of op(A) and op(B), DEPTH products deep, pass through shared memory with the products outermost: left[k][row],
// right[k][column], whatever the layout in memory, so that a thread reads runs of its rows and columns. What lies outside A and B is zero there.
#pragma once
#include "async.cuh"
#include "geometry.cuh"

// What becomes of a sum s of column j: t = s + bias[j]; with relu, t = 0 where t < 0 (NaN stays); then C = t or C += t.
struct MatMulEpilogue
{
    const float* bias;
    int relu, store;
};

DEVICE float finished(const MatMulEpilogue& epilogue, float sum, float bias, float old)
{
    sum += bias;
    if (epilogue.relu && sum < 0.0f) sum = 0.0f;
    return epilogue.store == ADD ? old + sum : sum;
}

DEVICE void finish(const MatMulEpilogue& epilogue, float sum, int column, float* target)
{
    *target = finished(epilogue, sum, epilogue.bias ? epilogue.bias[column] : 0.0f, epilogue.store == ADD ? *target : 0.0f);
}

// Neighbours in a row of C that starts at c and has so many columns, with one access where rows are aligned.
DEVICE void finish_four(const MatMulEpilogue& epilogue, float4 sums, int column, int columns, float* c, bool aligned)
{
    if (aligned && column < columns)
    {
        float4 bias = make_float4(0.0f, 0.0f, 0.0f, 0.0f), old = bias;
        float4* target = reinterpret_cast<float4*>(c + column);
        if (epilogue.bias) bias = make_float4(epilogue.bias[column], epilogue.bias[column + 1], epilogue.bias[column + 2], epilogue.bias[column + 3]);
        if (epilogue.store == ADD) old = *target;
        *target = make_float4(finished(epilogue, sums.x, bias.x, old.x), finished(epilogue, sums.y, bias.y, old.y),
                              finished(epilogue, sums.z, bias.z, old.z), finished(epilogue, sums.w, bias.w, old.w));
    }
    if (aligned) return;
    if (column < columns) finish(epilogue, sums.x, column, c + column);
    if (column + 1 < columns) finish(epilogue, sums.y, column + 1, c + column + 1);
    if (column + 2 < columns) finish(epilogue, sums.z, column + 2, c + column + 2);
    if (column + 3 < columns) finish(epilogue, sums.w, column + 3, c + column + 3);
}

// Whether all rows begin at, and have, multiples of 16 bytes.
DEVICE bool is_aligned(const float* p, int pitch) { return (reinterpret_cast<uint64>(p) & 15) == 0 && (pitch & 3) == 0; }

DEVICE float component(const float4& v, int i) { return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w; }

DEVICE int blocks_of(int count, int size) { return count / size + (count % size != 0); }

// The tile of a block, in panels 8 tiles high: blocks that run at the same time share rows of A and columns of B in the L2 cache.
struct TilePosition
{
    int row, column;
};

template <int ROWS, int COLUMNS>
DEVICE TilePosition tile_position(int index, int rows, int columns)
{
    int down = blocks_of(rows, ROWS), across = blocks_of(columns, COLUMNS);
    int panel = index / (8 * across), within = index % (8 * across), height = min(8, down - 8 * panel);
    return {(8 * panel + within % height) * ROWS, within / height * COLUMNS};
}

// Slices ------------------------------------------------------------------------------------------------------------------------------------
// What a thread copies of one operand: op(A)'s rows or op(B)'s columns, here lines. PITCH is that of the slice, a product's lines.
//
// ADJACENT (lines are neighbours in memory): a thread copies pieces of four lines of products y, y + STEP, ..., 16 bytes at a time where addresses allow.
// Otherwise (products are neighbours): a warp turns 8 products of 4 lines, 4 bytes a thread: whole sectors of memory on one side, 32 banks on the other
// where PITCH is 4 modulo 32; a thread copies lines x, x + STEP, ... of products y, y + 8, ...

template <int THREADS, int LINES, int DEPTH, int PITCH, bool ADJACENT>
struct SliceCopier
{
    static constexpr int STEP = ADJACENT ? 4 * THREADS / LINES : THREADS / 8;
    const float* from;
    int target, lines, pitch, y;   // lines: those of the operand from the thread's first one on
    bool aligned;

    __device__ __forceinline__ SliceCopier(const float* values, int count, int inner, int line, int first)
    {
        int x = ADJACENT ? threadIdx.x % (LINES / 4) * 4 : threadIdx.x / 8;
        y = ADJACENT ? threadIdx.x / (LINES / 4) : threadIdx.x % 8;
        lines = count - line - x;
        pitch = ADJACENT ? count : inner;
        aligned = is_aligned(values, pitch);
        target = y * PITCH + x;
        from = values + (ADJACENT ? int64(first + y) * pitch + line + x : int64(line + x) * pitch + first + y);
    }

    // Starts copies of the next DEPTH products, of which so many exist.
    __device__ __forceinline__ void copy(float* slice, int products)
    {
        if (ADJACENT)
        {
#pragma unroll
            for (int i = 0; i < DEPTH / STEP; i++)
            {
                float* to = slice + target + i * STEP * PITCH;
                const float* piece = from + i * STEP * int64(pitch);
                int valid = y + i * STEP < products ? lines : 0;
                if (aligned)
                {
                    copy_async_16(to, piece, min(max(valid, 0), 4));
                }
                else
                {
#pragma unroll
                    for (int j = 0; j < 4; j++) copy_async_4(to + j, piece + j, j < valid);
                }
            }
            from += DEPTH * int64(pitch);
        }
        else
        {
#pragma unroll
            for (int i = 0; i < LINES / STEP; i++)
#pragma unroll
                for (int j = 0; j < DEPTH / 8; j++)
                    copy_async_4(slice + target + i * STEP + 8 * j * PITCH, from + i * STEP * int64(pitch) + 8 * j, i * STEP < lines && y + 8 * j < products);
            from += DEPTH;
        }
    }
};
