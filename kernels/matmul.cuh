// What the matrix products share: C[M, N] = op(A)·op(B) with K products per element, row-major, where op(A) is A [M, K] or the transpose of A [K, M]
// (LEFT), and op(B) is B [K, N] or the transpose of B [N, K] (RIGHT).
//
// A block computes one tile of C. Slices of op(A) and op(B), DEPTH products deep, pass through shared memory with the products outermost: left[k][row],
// right[k][column], whatever the layout in memory, so that a thread reads runs of its rows and columns. What lies outside A and B is zero there.
#pragma once
#include "async.cuh"
#include "geometry.cuh"

// What becomes of a sum s of column j: t = s + bias[j], t = max(t, 0) with relu, then C = t or C += t.
struct MatMulEpilogue
{
    const float* bias;
    int relu, store;
};

DEVICE void finish(const MatMulEpilogue& epilogue, float sum, int column, float* target)
{
    if (epilogue.bias) sum += epilogue.bias[column];
    if (epilogue.relu) sum = fmaxf(sum, 0.0f);
    *target = epilogue.store == ADD ? *target + sum : sum;
}

// Four neighbours in a row of C that starts at c and has so many columns, with one access where they lie aligned.
DEVICE void finish_four(const MatMulEpilogue& epilogue, float4 sums, int column, int columns, float* c, bool aligned)
{
    if (aligned && column + 4 <= columns)
    {
        if (epilogue.bias)
        {
            sums.x += epilogue.bias[column], sums.y += epilogue.bias[column + 1];
            sums.z += epilogue.bias[column + 2], sums.w += epilogue.bias[column + 3];
        }
        if (epilogue.relu) sums = make_float4(fmaxf(sums.x, 0.0f), fmaxf(sums.y, 0.0f), fmaxf(sums.z, 0.0f), fmaxf(sums.w, 0.0f));
        float4* target = reinterpret_cast<float4*>(c + column);
        if (epilogue.store == ADD)
        {
            float4 old = *target;
            sums = make_float4(old.x + sums.x, old.y + sums.y, old.z + sums.z, old.w + sums.w);
        }
        *target = sums;
    }
    else
    {
        if (column < columns) finish(epilogue, sums.x, column, c + column);
        if (column + 1 < columns) finish(epilogue, sums.y, column + 1, c + column + 1);
        if (column + 2 < columns) finish(epilogue, sums.z, column + 2, c + column + 2);
        if (column + 3 < columns) finish(epilogue, sums.w, column + 3, c + column + 3);
    }
}

// The same for two neighbours.
DEVICE void finish_pair(const MatMulEpilogue& epilogue, float first, float second, int column, int columns, float* c, bool aligned)
{
    if (aligned && column + 2 <= columns)
    {
        if (epilogue.bias) first += epilogue.bias[column], second += epilogue.bias[column + 1];
        if (epilogue.relu) first = fmaxf(first, 0.0f), second = fmaxf(second, 0.0f);
        float2* target = reinterpret_cast<float2*>(c + column);
        float2 old = make_float2(0.0f, 0.0f);
        if (epilogue.store == ADD) old = *target;
        *target = epilogue.store == ADD ? make_float2(old.x + first, old.y + second) : make_float2(first, second);
    }
    else
    {
        if (column < columns) finish(epilogue, first, column, c + column);
        if (column + 1 < columns) finish(epilogue, second, column + 1, c + column + 1);
    }
}

// Whether all rows may be accessed by 8 or by 16 bytes.
DEVICE bool is_pair_aligned(const float* p, int pitch) { return (reinterpret_cast<uint64>(p) & 7) == 0 && (pitch & 1) == 0; }
DEVICE bool is_aligned(const float* p, int pitch) { return (reinterpret_cast<uint64>(p) & 15) == 0 && (pitch & 3) == 0; }

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
