// Kernels with one fault each, which the emulated device must find: the fault is what the name says.
#include "common.cuh"

// A barrier is missing between the write and the read of other threads' elements.
KERNEL(64, broken_missing_barrier, float* y)
{
    SHARED(float, tile, [64]);
    int t = int(threadIdx.x);
    tile[t] = float(t);
    y[t] = tile[63 - t];
}

KERNEL(64, broken_shared_write, float* y)
{
    SHARED(float, other, [64]);
    SHARED(float, tile, [64]);
    int t = int(threadIdx.x);
    other[t] = 1;
    volatile float* p = tile;
    p[t + 1] = float(t);
    __syncthreads();
    y[t] = other[t];
}

KERNEL(64, broken_dynamic_write, float* y)
{
    DYNAMIC_SHARED(float, tile);
    tile[threadIdx.x] = 0;
    __syncthreads();
    y[threadIdx.x] = tile[0];
}

KERNEL(64, broken_global_write, int n, float* y)
{
    int t = int(threadIdx.x);
    if (t <= n)
        y[t] = 1;
}

KERNEL(64, broken_divergent_barrier, float* y)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
    y[threadIdx.x] = 1;
}

// A named barrier waits for 64 threads, but only one warp comes.
KERNEL(64, broken_deadlock, float* y)
{
    if (threadIdx.x < 32)
#ifdef RAWDL_EMULATED
        barrier_sync(1, 64);
#else
        asm volatile("bar.sync 1, 64;" ::: "memory");
#endif
    y[threadIdx.x] = 1;
}

KERNEL(64, broken_null, int k, float* y)
{
    if (int(threadIdx.x) == k)
        y[threadIdx.x] = 1;
}

KERNEL(64, broken_division, int n, int* y)
{
    y[threadIdx.x] = int(threadIdx.x) / n;
}

KERNEL(64, broken_missing_lane, float* y)
{
    int t = int(threadIdx.x);
    if (t == 5)
        return;
    y[t] = __shfl_xor_sync(EVERY_LANE, float(t), 1);
}

// Lanes of one warp call from two places.
KERNEL(32, broken_divergent_warp, float* y)
{
    float value = float(threadIdx.x);
    if (threadIdx.x < 16)
        value = __shfl_xor_sync(EVERY_LANE, value, 1);
    else
        value = __shfl_xor_sync(EVERY_LANE, value, 2);
    y[threadIdx.x] = value;
}

// Everybody polls for a flag that nobody sets.
KERNEL(32, broken_poll, unsigned* flag)
{
    while (*static_cast<volatile unsigned*>(flag) != 1)
        __nanosleep(20);
}

KERNEL(32, broken_recursion, int depth, float* y)
{
    struct Deep
    {
        static float sum(int n, float* y)
        {
            volatile float local[256];
            local[n % 256] = y[0];
            return n == 0 ? 0 : sum(n - 1, y) + local[n % 256];
        }
    };
    y[threadIdx.x] = Deep::sum(depth, y);
}

#ifdef RAWDL_EMULATED
// The copies are committed, but nobody waits for them.
KERNEL(64, broken_missing_wait, const float* x, float* y)
{
    SHARED(float, stage, [64]);
    int t = int(threadIdx.x);
    emulator::copy_async(&stage[t], x + t, 4, 4);
    emulator::commit(emulator::COPIES);
    __syncthreads();
    y[t] = stage[63 - t];
}

KERNEL(32, broken_mbarrier, float* y)
{
    SHARED(uint64, full, );
    emulator::mbarrier_wait(&full, 0);
    y[threadIdx.x] = 1;
}

KERNEL(32, broken_bulk_store, float* y)
{
    SHARED(float, tile, [32]);
    tile[threadIdx.x] = 1;
    __syncwarp();
    if (threadIdx.x == 0)
    {
        emulator::bulk_store(y, tile, 128);
        emulator::commit(emulator::BULK);
    }
}
#endif
