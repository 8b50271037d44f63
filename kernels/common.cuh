// What every kernel file starts from: how kernels, shared memory and device functions are declared. The same source is compiled by NVRTC for a
// GPU and by g++ for the emulated device (RAWDL_EMULATED), where emulator/emulator.h gives the same names a host meaning.
//
//   KERNEL(256, name, geometry, const float* x, float* y) { ... }   an entry point; its blocks are one row of exactly 256 threads
//   KERNEL_RESIDENT(256, 2, name, ...)                              the same, registers kept low enough for 2 blocks per multiprocessor
//   KERNEL_CLUSTER(4, 256, name, ...)                               the same, in clusters of 4 blocks along x (sm_90); see cluster.cuh
//   KERNEL_COOPERATIVE(256, name, ...)                              the same, its grid so small that all blocks run at once; see grid_sync
//   SHARED(float, tile, [16][17]);                                  shared memory of a block
//   DYNAMIC_SHARED(float, panel);                                   the part whose size the launch chooses, 1024-byte aligned
//   DEVICE float f(float x) { ... }                                 a function of kernels
//
// No header but those beside this one. PTX stands only in wrappers (async.cuh, tensor_cores.cuh) that have a host twin.
#pragma once

typedef unsigned char uint8;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef long long int64;

#ifdef RAWDL_EMULATED
#include "emulator/emulator.h"
#else
#define KERNEL(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
#define KERNEL_RESIDENT(threads, blocks, name, ...) extern "C" __global__ void __launch_bounds__(threads, blocks) name(__VA_ARGS__)
#define KERNEL_CLUSTER(cluster, threads, name, ...) \
    extern "C" __global__ void __cluster_dims__(cluster, 1, 1) __launch_bounds__(threads) name(__VA_ARGS__)
#define KERNEL_COOPERATIVE(threads, name, ...) KERNEL(threads, name, __VA_ARGS__)
#define SHARED(type, name, extents) __shared__ __align__(16) type name extents
#define DYNAMIC_SHARED(type, name)                                            \
    extern __shared__ __align__(1024) unsigned char dynamic_shared_memory[]; \
    type* name = reinterpret_cast<type*>(dynamic_shared_memory)
#define DEVICE static __device__ __forceinline__
#endif

#define EVERY_LANE 0xffffffffu

// Whether a kernel overwrites its destination or adds to it: Store in Geometry.cs.
enum Store { OVERWRITE = 0, ADD = 1 };

// The first element of this thread in a grid-stride loop over elements, and the stride.
DEVICE int64 first_element() { return int64(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE int64 element_stride() { return int64(gridDim.x) * blockDim.x; }
