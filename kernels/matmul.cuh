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

DEVICE void finish(const MatMulEpilogue& epilogue, float sum, int column, float* target)
{
    if (epilogue.bias) sum += epilogue.bias[column];
    if (epilogue.relu && sum < 0.0f) sum = 0.0f;
    *target = epilogue.store == ADD ? *target + sum : sum;
}

// Bias and ReLU of a thread's sums, of which column j is that of C at column_of(j). In place and one column at a time: registers are short.
template <int ROWS, int COLUMNS, class F>
DEVICE void finish_sums(const MatMulEpilogue& epilogue, float (&sums)[ROWS][COLUMNS], int columns, F column_of)
{
    if (epilogue.bias)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++)
        {
            float bias = column_of(j) < columns ? epilogue.bias[column_of(j)] : 0.0f;
#pragma unroll
            for (int i = 0; i < ROWS; i++) sums[i][j] += bias;
        }
    if (epilogue.relu)
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) sums[i][j] = sums[i][j] < 0.0f ? 0.0f : sums[i][j];
}

// Four finished neighbours in a row of C that starts at c and has so many columns, with one access where rows are aligned.
DEVICE void store_four(float4 sums, int column, int columns, float* c, bool aligned, int store)
{
    if (aligned && column < columns)
    {
        float4* target = reinterpret_cast<float4*>(c + column);
        if (store == ADD)
        {
            float4 old = *target;
            sums = make_float4(old.x + sums.x, old.y + sums.y, old.z + sums.z, old.w + sums.w);
        }
        *target = sums;
    }
    if (aligned) return;
    bool add = store == ADD;
    if (column < columns) c[column] = add ? c[column] + sums.x : sums.x;
    if (column + 1 < columns) c[column + 1] = add ? c[column + 1] + sums.y : sums.y;
    if (column + 2 < columns) c[column + 2] = add ? c[column + 2] + sums.z : sums.z;
    if (column + 3 < columns) c[column + 3] = add ? c[column + 3] + sums.w : sums.w;
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
