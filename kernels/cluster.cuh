// Blocks that run at once: clusters (sm_90) and cooperative grids.
//
//   cluster_rank(), cluster_size()   the block's place among those of its cluster, which lie along x; their number
//   cluster_sync()                   barrier of all threads of the cluster; what they wrote to shared memory is seen by all
//   map_shared(pointer, rank)        the same place in the shared memory of another block of the cluster, to be read and written. A block must not
//                                    leave while others use its shared memory: end with cluster_sync
//   grid_sync(counter)               barrier of all threads of a KERNEL_COOPERATIVE. counter: 4 bytes of device memory that begin as 0, one for a
//                                    kernel and launch after launch. All blocks of the grid must be resident
#pragma once

#include "common.cuh"

#ifdef RAWDL_EMULATED
DEVICE unsigned cluster_rank() { return emulator::cluster_rank(); }
DEVICE unsigned cluster_size() { return emulator::cluster_size(); }
DEVICE void cluster_arrive(EMULATOR_HERE) { emulator::cluster_arrive(site); }
DEVICE void cluster_wait(EMULATOR_HERE) { emulator::cluster_wait(site); }
DEVICE void cluster_sync(EMULATOR_HERE)
{
    emulator::cluster_arrive(site);
    emulator::cluster_wait(site);
}
template<class T> DEVICE T* map_shared(T* pointer, unsigned rank)
{
    return static_cast<T*>(emulator::map_shared(const_cast<std::remove_cv_t<T>*>(pointer), rank));
}
#elif __CUDA_ARCH__ >= 900
DEVICE unsigned cluster_rank()
{
    unsigned rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
DEVICE unsigned cluster_size()
{
    unsigned size;
    asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    return size;
}
DEVICE void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
DEVICE void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
DEVICE void cluster_sync()
{
    cluster_arrive();
    cluster_wait();
}
template<class T> DEVICE T* map_shared(T* pointer, unsigned rank)
{
    unsigned long long address;
    asm("mapa.u64 %0, %1, %2;" : "=l"(address) : "l"(pointer), "r"(rank));
    return reinterpret_cast<T*>(address);
}
#endif

// The top bit of the counter turns over when all have come: every block adds 1, the first one what is missing to 2^31.
DEVICE void grid_sync(unsigned* counter)
{
    __syncthreads();
    if (threadIdx.x == 0)
    {
        bool first = (blockIdx.x | blockIdx.y | blockIdx.z) == 0;
        unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
        __threadfence();
        unsigned before = atomicAdd(counter, first ? 0x80000000u - (blocks - 1) : 1u);
        while (((before ^ *static_cast<volatile unsigned*>(counter)) & 0x80000000u) == 0)
            __nanosleep(20);
        __threadfence();
    }
    __syncthreads();
}
