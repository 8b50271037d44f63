// Sums and maxima over the lanes of a warp and the threads of a block, in an order that is fixed: the same bits on every run.
//
// warp_*   butterfly over 32 lanes; every lane gets the result (a + b = b + a, so all get the same bits).
// block_*  warps first, then their results in order; every thread gets the result. scratch: one element per warp, in shared memory; free again on return.
// group_*  of GROUP = 32 lanes or a block of GROUP threads; group_row is the row of a group where each has one.
// All lanes of a warp, all threads of a block, must take part. A maximum passes NaN over unless its own start is NaN.
#pragma once
#include "common.cuh"

// Where a maximum begins.
DEVICE float minus_infinity() { return __uint_as_float(0xff800000u); }

template <typename T> DEVICE T warp_sum(T value)
{
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(EVERY_LANE, value, distance);
    return value;
}

template <typename T> DEVICE T warp_max(T value)
{
    for (int distance = 16; distance > 0; distance /= 2)
    {
        T other = __shfl_xor_sync(EVERY_LANE, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

template <int THREADS = 256, typename T> DEVICE T block_sum(T value, T* scratch)
{
    value = warp_sum(value);
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
    __syncthreads();
    value = scratch[0];
    for (int warp = 1; warp < THREADS / 32; warp++) value += scratch[warp];
    __syncthreads();
    return value;
}

template <int THREADS = 256, typename T> DEVICE T block_max(T value, T* scratch)
{
    value = warp_max(value);
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
    __syncthreads();
    value = scratch[0];
    for (int warp = 1; warp < THREADS / 32; warp++) value = scratch[warp] > value ? scratch[warp] : value;
    __syncthreads();
    return value;
}

template <int GROUP> DEVICE int group_row() { return blockIdx.x * (256 / GROUP) + threadIdx.x / GROUP; }

// scratch is not read where GROUP is a warp.
template <int GROUP, typename T> DEVICE T group_sum(T value, T* scratch)
{
    if (GROUP == 32) return warp_sum(value);
    return block_sum<GROUP>(value, scratch);
}

template <int GROUP, typename T> DEVICE T group_max(T value, T* scratch)
{
    if (GROUP == 32) return warp_max(value);
    return block_max<GROUP>(value, scratch);
}

// Σ partial over its pieces, by one block of 256 threads, in double; scratch: 8.
DEVICE double sum_of_pieces(const double* partial, int pieces, double* scratch)
{
    double sum = 0;
    for (int piece = threadIdx.x; piece < pieces; piece += 256) sum += partial[piece];
    return block_sum(sum, scratch);
}
