// Copies to shared memory that a thread starts and does not wait for, the barriers that count them, and the copy engine: thin names for PTX.
//
//   copy_async_4, copy_async_16   cp.async; what is not valid becomes zero; a plain copy below sm_80
//   copy_async_commit, copy_async_wait<N>   closes a group of a thread's copies; waits until at most its N youngest groups are under way
//   barrier_sync, barrier_arrive  bar.sync, bar.arrive: barriers 1 to 15 of a part of the block
//   mbarrier_*                    mbarrier (sm_90): an 8-byte counter in shared memory with phases 0, 1, 0, 1, ...
//   copy_tile                     cp.async.bulk.tensor (sm_90): one thread moves a box of a matrix, an mbarrier counts its bytes
//
// Kernels that need sm_90 stand behind HAS_COPY_ENGINE.
#pragma once
#include "common.cuh"

#if defined(RAWDL_EMULATED) || __CUDA_ARCH__ >= 900
#define HAS_COPY_ENGINE 1
#else
#define HAS_COPY_ENGINE 0
#endif

#ifdef RAWDL_EMULATED

using emulator::mbarrier_arrive;
using emulator::mbarrier_arrive_expect;
using emulator::mbarrier_init;
using emulator::mbarrier_wait;
using emulator::shared_address;
using emulator::TensorMap;

DEVICE void copy_async_4(float* target, const float* source, bool valid) { emulator::copy_async(target, source, 4, valid ? 4 : 0); }
DEVICE void copy_async_16(float* target, const float* source, int valid) { emulator::copy_async(target, source, 16, 4 * valid); }
DEVICE void copy_async_commit() { emulator::commit(emulator::COPIES); }
template <int YOUNGEST>
DEVICE void copy_async_wait() { emulator::wait(emulator::COPIES, YOUNGEST); }
DEVICE void mbarrier_init_fence() {}
DEVICE void fence_async_proxy() {}
DEVICE void copy_tile(void* target, const TensorMap* map, uint64* barrier, int row, int column)
{
    int coordinates[2] = {column, row};
    emulator::tile_load(target, map, coordinates, barrier);
}

#else

DEVICE uint32 shared_address(const void* p) { return uint32(__cvta_generic_to_shared(p)); }

// Copies of a thread ------------------------------------------------------------------------------------------------------------------------

DEVICE void copy_async_4(float* target, const float* source, bool valid)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(target)), "l"(source), "r"(valid ? 4 : 0) : "memory");
#else
    *target = valid ? *source : 0.0f;
#endif
}

// The first so many floats of four; target and source are multiples of 16 bytes.
DEVICE void copy_async_16(float* target, const float* source, int valid)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(target)), "l"(source), "r"(4 * valid) : "memory");
#else
    float4 values = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (valid >= 4)
        values = *reinterpret_cast<const float4*>(source);
    else
    {
        if (valid > 0) values.x = source[0];
        if (valid > 1) values.y = source[1];
        if (valid > 2) values.z = source[2];
    }
    *reinterpret_cast<float4*>(target) = values;
#endif
}

DEVICE void copy_async_commit()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int YOUNGEST>
DEVICE void copy_async_wait()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(YOUNGEST) : "memory");
#endif
}

// Barriers of a part of the block: so many threads, a multiple of 32, meet; arrive does not wait ----------------------------------------------

DEVICE void barrier_sync(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
DEVICE void barrier_arrive(int id, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

#if HAS_COPY_ENGINE

// Mbarrier ----------------------------------------------------------------------------------------------------------------------------------

DEVICE void mbarrier_init(uint64* barrier, unsigned arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

// After the last mbarrier_init and before the block's __syncthreads: the copy engine sees the barriers.
DEVICE void mbarrier_init_fence() { asm volatile("fence.mbarrier_init.release.cluster;\n\tfence.proxy.async.shared::cta;" ::: "memory"); }

DEVICE void mbarrier_arrive(uint64* barrier)
{
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }" ::"r"(shared_address(barrier)) : "memory");
}

// Arrives, and holds the phase open until so many bytes have come through copy_tile.
DEVICE void mbarrier_arrive_expect(uint64* barrier, unsigned bytes)
{
    asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
}

// Waits until the phase of that parity is complete; the phase before the first one counts as complete, with parity 1.
DEVICE void mbarrier_wait(uint64* barrier, unsigned parity)
{
    asm volatile("{\n\t"
                 ".reg .pred done;\n\t"
                 "again:\n\t"
                 "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n\t"
                 "@!done bra again;\n\t"
                 "}" ::"r"(shared_address(barrier)), "r"(parity) : "memory");
}

// Shared memory that a thread wrote is visible to the copy engine and to wgmma after this fence and a barrier of the block.
DEVICE void fence_async_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// The copy engine ---------------------------------------------------------------------------------------------------------------------------

// A matrix in device memory, as cuTensorMapEncodeTiled describes it; a kernel takes it as `const __grid_constant__ TensorMap`.
struct alignas(64) TensorMap
{
    uint64 opaque[16];
};

// Moves the box whose first element is (row, column) to shared memory, 128-byte aligned; elements outside the matrix become zero and count as moved.
DEVICE void copy_tile(void* target, const TensorMap* map, uint64* barrier, int row, int column)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(shared_address(target)),
                 "l"(map), "r"(column), "r"(row), "r"(shared_address(barrier)) : "memory");
}

#endif
#endif
