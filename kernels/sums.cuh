// Sums of terms over a part of the extents of a tensor. A kernel that sums is one line: it names what a term is.
//
// A Term has  static float at(const TermArguments&, int i, int channel):  the term of element i, whose b (where there is one) is b[channel].
//
// Both forms cut what is summed into gridDim.y pieces, constants of the problem on a device. One piece: target is the destination. Several: target
// is scratch [pieces, outputs] (scale 1, overwritten), and finish_sums in reduce.cu adds the pieces in order.
#pragma once
#include "geometry.cuh"
#include "reduce.cuh"

struct TermArguments { const float *a, *b, *dy; };

struct PlainTerm
{
    DEVICE float at(const TermArguments& from, int i, int) { return from.a[i]; }
};

DEVICE void store_sum(float* target, float value, int store) { *target = store == ADD ? *target + value : value; }

// y[o, i] = scale · Σ_r term[o, r, i]. Block: `width` neighbouring columns (o, i), 256 / width rows at a time; row lanes are added in order.
// width: 32, 64, 128 or 256. Grid: columns / width, pieces.
template <typename Term> DEVICE void column_sums(TermArguments from, ReduceGeometry geometry, int width, float* target, float scale, int store)
{
    SHARED(float, sums, [256]);
    int columns = geometry.outer * geometry.inner;
    int column = blockIdx.x * width + threadIdx.x % width, lanes = 256 / width;
    int piece = (geometry.reduced + gridDim.y - 1) / gridDim.y;
    int first = blockIdx.y * piece, last = min(geometry.reduced, first + piece);
    float sum = 0;
    if (column < columns)
    {
        int outer = column / geometry.inner, inner = column % geometry.inner;
        int start = outer * geometry.reduced * geometry.inner + inner;
#pragma unroll 4
        for (int row = first + threadIdx.x / width; row < last; row += lanes) sum += Term::at(from, start + row * geometry.inner, inner);
    }
    if (lanes > 1)
    {
        sums[threadIdx.x] = sum;
        __syncthreads();
        if (threadIdx.x < width)
            for (int lane = 1; lane < lanes; lane++) sum += sums[lane * width + threadIdx.x];
    }
    if (threadIdx.x < width && column < columns) store_sum(target + blockIdx.y * columns + column, scale * sum, store);
}

// y[c] = scale · Σ_o Σ_i term[o, c, i]. Block: one c, 256 neighbouring (o, i) at a time. Grid: channels, pieces.
template <typename Term> DEVICE void row_sums(TermArguments from, BroadcastGeometry geometry, float* target, float scale, int store)
{
    SHARED(float, sums, [8]);
    int channel = blockIdx.x, count = geometry.outer * geometry.inner;
    int piece = (count + gridDim.y - 1) / gridDim.y;
    int first = blockIdx.y * piece, last = min(count, first + piece);
    float sum = 0;
#pragma unroll 4
    for (int i = first + threadIdx.x; i < last; i += 256)
    {
        int outer = geometry.outer == 1 ? 0 : uint32(i) / uint32(geometry.inner);
        sum += Term::at(from, (outer * geometry.channels + channel) * geometry.inner + i - outer * geometry.inner, channel);
    }
    sum = block_sum(sum, sums);
    if (threadIdx.x == 0) store_sum(target + blockIdx.y * geometry.channels + channel, scale * sum, store);
}
