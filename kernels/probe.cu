// What a device can do at most, by which the times of the other kernels are judged: a launch, fused multiply-adds, copies, a barrier of the grid.
#include "cluster.cuh"

KERNEL(32, probe_launch, int) {}

// rounds · 64 fused multiply-adds per thread in 8 independent chains. Grid: any.
KERNEL(256, probe_multiply_add, float* y, int rounds, float factor)
{
    float sums[8];
#pragma unroll
    for (int i = 0; i < 8; i++) sums[i] = float(threadIdx.x + i);
    for (int round = 0; round < rounds; round++)
#pragma unroll
        for (int k = 0; k < 64; k++) sums[k % 8] = fmaf(sums[k % 8], factor, 1.0f);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) sum += sums[i];
    y[first_element()] = sum;
}

// y = x, 16 bytes at a time. Grid-stride.
KERNEL(256, probe_copy, const float4* x, float4* y, int count)
{
    for (int64 i = first_element(); i < count; i += element_stride()) y[i] = x[i];
}

// Barriers of all blocks. Grid: as many blocks as multiprocessors.
KERNEL_COOPERATIVE(256, probe_grid_barrier, uint32* counter, int rounds)
{
    for (int round = 0; round < rounds; round++) grid_sync(counter);
}
