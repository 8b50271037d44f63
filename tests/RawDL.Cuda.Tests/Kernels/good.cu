// Kernels that are right: the emulated device must give the same results in every order.
#include "cluster.cuh"

// y[block] = sum of x[256 * block + t] in a tree over shared memory.
KERNEL(256, good_block_reduce, const float* x, float* y)
{
    SHARED(float, sums, [256]);
    int t = int(threadIdx.x);
    sums[t] = x[first_element()];
    for (int stride = 128; stride > 0; stride /= 2)
    {
        __syncthreads();
        if (t < stride)
            sums[t] += sums[t + stride];
    }
    if (t == 0)
        y[blockIdx.x] = sums[0];
}

// y = transpose of x [rows, columns], in tiles of 16 x 16.
KERNEL(256, good_transpose, int rows, int columns, const float* x, float* y)
{
    SHARED(float, tile, [16][17]);
    int i = int(threadIdx.x) / 16, j = int(threadIdx.x) % 16;
    int row = int(blockIdx.y) * 16 + i, column = int(blockIdx.x) * 16 + j;
    if (row < rows && column < columns)
        tile[i][j] = x[row * columns + column];
    __syncthreads();
    row = int(blockIdx.y) * 16 + j;
    column = int(blockIdx.x) * 16 + i;
    if (row < rows && column < columns)
        y[column * rows + row] = tile[j][i];
}

// y = inclusive sums of x within each warp; counts[w] = how many x of warp w are positive.
KERNEL(64, good_warp_scan, const int* x, int* y, int* counts)
{
    int t = int(threadIdx.x), lane = t & 31, value = x[t];
    unsigned positive = __ballot_sync(EVERY_LANE, value > 0);
    for (unsigned delta = 1; delta < 32; delta *= 2)
    {
        int other = __shfl_up_sync(EVERY_LANE, value, delta);
        if (lane >= int(delta))
            value += other;
    }
    y[t] = value;
    if (lane == 0)
        counts[t / 32] = __popc(positive);
}

// y[block] = whether any of x is negative, all are finite, and how many are zero, as bits 0, 1 and from 2 on; half of the threads left before.
KERNEL(128, good_votes, const float* x, int* y)
{
    if (threadIdx.x % 2 == 1)
        return;
    float value = x[first_element()];
    int any = __syncthreads_or(value < 0);
    int all = __syncthreads_and(value - value == 0);
    int zeros = __syncthreads_count(value == 0);
    if (threadIdx.x == 0)
        y[blockIdx.x] = any | all << 1 | zeros << 2;
}

// y[b, i] = x of the next block of the cluster, reversed: through shared memory of another block.
#if defined(RAWDL_EMULATED) || __CUDA_ARCH__ >= 900
KERNEL_CLUSTER(4, 64, good_cluster, const float* x, float* y)
{
    SHARED(float, own, [64]);
    int t = int(threadIdx.x);
    own[t] = x[first_element()];
    cluster_sync();
    const float* next = map_shared(own, (cluster_rank() + 1) % cluster_size());
    y[first_element()] = next[63 - t];
    cluster_sync();
}
#endif

// x[i] of all blocks is doubled, then y[i] = x of the mirrored element: the whole grid meets in between.
KERNEL_COOPERATIVE(64, good_grid, unsigned* counter, float* x, float* y)
{
    int64 i = first_element(), n = element_stride();
    x[i] *= 2;
    grid_sync(counter);
    y[i] = x[n - 1 - i];
    grid_sync(counter);
    x[i] = 0;
}

#ifdef RAWDL_EMULATED
// Warp 0 fills two buffers in turn, warp 1 sums them: y[t] = sum over steps of (step + t).
KERNEL(64, good_ping_pong, int steps, float* y)
{
    SHARED(uint64, full, [2]);
    SHARED(uint64, empty, [2]);
    SHARED(float, buffer, [2][32]);
    int lane = int(threadIdx.x) % 32;
    if (threadIdx.x == 0)
        for (int k = 0; k < 2; k++)
        {
            emulator::mbarrier_init(&full[k], 32);
            emulator::mbarrier_init(&empty[k], 32);
        }
    __syncthreads();
    if (threadIdx.x < 32)
        for (int step = 0; step < steps; step++)
        {
            emulator::mbarrier_wait(&empty[step % 2], (step / 2 % 2) ^ 1);
            buffer[step % 2][lane] = float(step + lane);
            emulator::mbarrier_arrive(&full[step % 2]);
        }
    else
    {
        float sum = 0;
        for (int step = 0; step < steps; step++)
        {
            emulator::mbarrier_wait(&full[step % 2], step / 2 % 2);
            sum += buffer[step % 2][31 - lane];
            emulator::mbarrier_arrive(&empty[step % 2]);
        }
        y[31 - lane] = sum;
    }
}

// y = x, by cp.async in 4 groups of 64 with two in flight.
KERNEL(64, good_copy, const float* x, float* y)
{
    SHARED(float, stage, [3][64]);
    int t = int(threadIdx.x);
    for (int k = 0; k < 2; k++)
    {
        emulator::copy_async(&stage[k][t], x + 64 * k + t, 4, 4);
        emulator::commit(emulator::COPIES);
    }
    for (int k = 0; k < 4; k++)
    {
        emulator::wait(emulator::COPIES, 1);
        __syncthreads();
        if (k + 2 < 4)
            emulator::copy_async(&stage[(k + 2) % 3][t], x + 64 * (k + 2) + t, 4, 4);
        emulator::commit(emulator::COPIES);
        y[64 * k + 63 - t] = stage[k % 3][63 - t];
    }
}

// y = x [rows, 32] of floats through a swizzled tile of 8 x 32: tile_load, sum with 1, tile_store.
KERNEL(32, good_tile, const __grid_constant__ emulator::TensorMap source, const __grid_constant__ emulator::TensorMap target)
{
    DYNAMIC_SHARED(float, tile);
    SHARED(uint64, full, );
    int lane = int(threadIdx.x), coordinates[2] = {0, int(blockIdx.x) * 8};
    if (lane == 0)
    {
        emulator::mbarrier_init(&full, 1);
        emulator::mbarrier_arrive_expect(&full, 8 * 32 * 4);
        emulator::tile_load(tile, &source, coordinates, &full);
    }
    __syncwarp();
    emulator::mbarrier_wait(&full, 0);
    for (int row = 0; row < 8; row++)
        tile[row * 32 + ((lane / 4 ^ row) * 4 + lane % 4)] += float(lane);
    __syncwarp();
    if (lane == 0)
    {
        emulator::tile_store(&target, coordinates, tile);
        emulator::commit(emulator::BULK);
        emulator::wait(emulator::BULK, 0);
    }
}
#endif
