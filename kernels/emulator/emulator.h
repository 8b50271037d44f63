// What the CUDA names mean on the host. common.cuh includes this when RAWDL_EMULATED is defined; g++ then makes a shared library of the kernels
// that the emulated device launches through the C functions of emulator.cpp.
//
// A block's threads are fibers of one host thread. A thread runs until it waits (barrier, warp collective, mbarrier) or leaves; who runs next is
// chosen by emulator_order: forward, reverse or random. A kernel that is right gives the same results in each. Asynchronous operations (cp.async,
// bulk and tensor copies, wgmma) take effect as late as the program allows in forward order, as soon as it allows in reverse order, and at a random
// time in random order.
//
// Found and told as one line: divergent barriers and collectives, masks that name absent lanes, deadlocks, writes beyond shared arrays and
// allocations, bad addresses, integer division by zero, misused mbarriers. Shared memory and allocations begin as NaN (0xFF bytes).
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <functional>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __constant__ static
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

#define DEVICE static inline

// ---------------------------------------------------------------- vectors and indices

#define EMULATOR_VECTOR(type, name)                                                        \
    struct name##1 { type x; };                                                            \
    struct __attribute__((aligned(2 * sizeof(type)))) name##2 { type x, y; };              \
    struct name##3 { type x, y, z; };                                                      \
    struct __attribute__((aligned(sizeof(type) < 4 ? 4 * sizeof(type) : 16))) name##4 { type x, y, z, w; }; \
    DEVICE name##1 make_##name##1(type x) { return {x}; }                                  \
    DEVICE name##2 make_##name##2(type x, type y) { return {x, y}; }                       \
    DEVICE name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }            \
    DEVICE name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
EMULATOR_VECTOR(signed char, char)
EMULATOR_VECTOR(unsigned char, uchar)
EMULATOR_VECTOR(short, short)
EMULATOR_VECTOR(unsigned short, ushort)
EMULATOR_VECTOR(int, int)
EMULATOR_VECTOR(unsigned, uint)
EMULATOR_VECTOR(float, float)
EMULATOR_VECTOR(double, double)
EMULATOR_VECTOR(long long, longlong)
EMULATOR_VECTOR(unsigned long long, ulonglong)
#undef EMULATOR_VECTOR

// Calls between the kernels and the emulator stay within the library.
#pragma GCC visibility push(hidden)

// Of the thread that runs; set at every switch. One launch runs at a time, so they are plain variables.
extern uint3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

// ---------------------------------------------------------------- primitives

namespace emulator {

// A place in a kernel's source: the caller's, when it is a default argument.
struct Site
{
    const char* file;
    int line;

    static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
};

// Ends the launch with an error line: kernel, block and thread are put before the text.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Lets others run. For loops that poll memory; a launch in which everybody only polls is a deadlock.
void yield(Site site = Site::here());

// The lanes in mask meet: each brings a pointer to something of its own (its stack is readable for the others while it waits), the last to come
// calls last(pointers by lane, mask), which reads and writes what lies there and must not wait; then all go on. The site must be the same for all.
void meet(unsigned mask, void* own, void (*last)(void* const* lanes, unsigned mask), const char* what, Site site = Site::here());

// Barrier of the block: id 0 with threads 0 is __syncthreads (exited threads count as arrived, one site for all); otherwise bar.sync id, threads.
// Returns how many arrived with a predicate that holds; *arrived is the count of all.
unsigned synchronize(int id, unsigned threads, bool predicate, unsigned* arrived, const char* what, Site site);
void arrive(int id, unsigned threads, Site site = Site::here());  // bar.arrive

// The block's place in its cluster and the barrier of the cluster. One that arrived must wait before it arrives again.
unsigned cluster_rank();
unsigned cluster_size();
void cluster_arrive(Site site = Site::here());
void cluster_wait(Site site = Site::here());
void* map_shared(const void* pointer, unsigned rank);

// The 32-bit shared address of a pointer into the block's shared memory: its low bits are those that swizzles look at, and it is below 256 KB.
// With a rank: that of the same place in another block of the cluster. shared_pointer takes both kinds.
uint32 shared_address(const void* pointer);
uint32 map_shared_address(uint32 address, unsigned rank);
void* shared_pointer(uint32 address);
bool is_shared(const void* pointer);

// Operations whose effect comes later, in groups like those of PTX: COPIES are cp.async of a thread, BULK the bulk stores of a thread, PRODUCTS the
// wgmma of a warp. defer adds to the open group; commit closes it; wait leaves at most the newest groups undone. For PRODUCTS, defer is called once
// for a warp (in the last of a meet), commit and wait by all its lanes. An operation must own copies of its operands: registers of the issuing
// threads (accumulators) may be referred to until they wait.
enum Queue { COPIES, BULK, PRODUCTS };
void defer(Queue queue, std::function<void()> operation);
void commit(Queue queue, Site site = Site::here());
void wait(Queue queue, int newest, Site site = Site::here());

// cp.async: bytes 4, 8 or 16 to shared memory, of which the first `available` come from source and the rest are zero.
void copy_async(void* shared, const void* source, unsigned bytes, unsigned available);

// An operation of the copy engine: no thread waits for it by itself; it ends in an mbarrier.
void issue(std::function<void()> operation);

// An mbarrier: 8 bytes in shared memory, perhaps of another block of the cluster. wait returns when the phase of that parity is complete (of a new
// barrier, the phase before the first, parity 1, is complete); test does not wait. copies_arrive is cp.async.mbarrier.arrive (with noinc: true).
void mbarrier_init(uint64* barrier, unsigned arrivals);
void mbarrier_invalidate(uint64* barrier);
void mbarrier_arrive(uint64* barrier, unsigned arrivals = 1);
void mbarrier_expect(uint64* barrier, unsigned bytes);
void mbarrier_arrive_expect(uint64* barrier, unsigned bytes);
void mbarrier_complete(uint64* barrier, unsigned bytes);
bool mbarrier_test(uint64* barrier, unsigned parity, Site site = Site::here());
void mbarrier_wait(uint64* barrier, unsigned parity, Site site = Site::here());
void mbarrier_copies_arrive(uint64* barrier, bool noinc);

// A tensor map as emulator_encode_tiled writes it, in the place of a CUtensorMap.
struct alignas(64) TensorMap
{
    uint64 magic;
    unsigned char* base;
    uint64 strides[4];    // bytes, of dimensions 1 to 4
    uint32 extents[5];    // elements, the innermost first
    uint16 box[5];
    uint8 rank, element;  // element: bytes
    uint8 swizzle;        // 0: none; 1, 2, 3: 32, 64, 128 bytes
    uint8 fill[41];
};
static_assert(sizeof(TensorMap) == 128, "a tensor map is 128 bytes");

// cp.async.bulk[.tensor]: loads complete their bytes on the mbarrier; with blocks (a mask of cluster ranks), in each of those blocks at the same
// place. Stores are deferred in BULK: a thread that leaves without waiting for them is an error.
void tile_load(void* shared, const TensorMap* map, const int* coordinates, uint64* barrier, unsigned blocks = 0);
void tile_store(const TensorMap* map, const int* coordinates, const void* shared);
void bulk_load(void* shared, const void* source, unsigned bytes, uint64* barrier, unsigned blocks = 0);
void bulk_store(void* target, const void* shared, unsigned bytes);

// ---------------------------------------------------------------- shared memory and kernels

// A SHARED declaration. Its offset in the blocks of a launch is given at its first use there.
struct SharedArray
{
    const char* name;
    unsigned bytes, alignment, launch, offset;
};

extern unsigned launch_number;
extern unsigned char* arena;  // of the block that runs
void place(SharedArray& array);
void* dynamic_shared();

inline void* shared(SharedArray& array)
{
    if (array.launch != launch_number)
        place(array);
    return arena + array.offset;
}

typedef void (*Thunk)(void** arguments);

// Adds a row to the table of kernels. together: blocks along x that run at once (a cluster), 0 for the whole grid.
void add_kernel(const char* name, int threads, int together, Thunk thunk, const int* argument_bytes, int count);

struct Registration
{
    template<class... Types> Registration(const char* name, int threads, int together, Thunk thunk, void (*)(Types...))
    {
        const int bytes[] = {int(sizeof(Types))..., 0};
        add_kernel(name, threads, together, thunk, bytes, sizeof...(Types));
    }
};

template<class T> T argument(const void* address)
{
    std::remove_cv_t<T> value;
    memcpy(&value, address, sizeof value);
    return value;
}

template<class... Types, size_t... Indices>
inline __attribute__((always_inline)) void call(void (*kernel)(Types...), [[maybe_unused]] void** arguments, std::index_sequence<Indices...>)
{
    kernel(argument<Types>(arguments[Indices])...);
}

template<class... Types> inline __attribute__((always_inline)) void call(void (*kernel)(Types...), void** arguments)
{
    call(kernel, arguments, std::index_sequence_for<Types...>());
}

}  // namespace emulator

#pragma GCC visibility pop

#define EMULATOR_KERNEL(threads, together, name, ...)                                                     \
    static void name(__VA_ARGS__);                                                                        \
    static const emulator::Registration name##_registration(                                              \
        #name, threads, together, [](void** arguments) { emulator::call(&name, arguments); }, &name);     \
    static void name(__VA_ARGS__)
#define KERNEL(threads, name, ...) EMULATOR_KERNEL(threads, 1, name, __VA_ARGS__)
#define KERNEL_RESIDENT(threads, blocks, name, ...) EMULATOR_KERNEL(threads, 1, name, __VA_ARGS__)
#define KERNEL_CLUSTER(cluster, threads, name, ...) EMULATOR_KERNEL(threads, cluster, name, __VA_ARGS__)
#define KERNEL_COOPERATIVE(threads, name, ...) EMULATOR_KERNEL(threads, 0, name, __VA_ARGS__)

#define SHARED(type, name, extents)                                                                       \
    typedef type name##_shared extents;                                                                   \
    static emulator::SharedArray name##_array = {#name, sizeof(name##_shared), alignof(name##_shared), 0, 0}; \
    name##_shared& name = *static_cast<name##_shared*>(emulator::shared(name##_array))
#define DYNAMIC_SHARED(type, name) type* name = static_cast<type*>(emulator::dynamic_shared())

// ---------------------------------------------------------------- barriers and warps

#define EMULATOR_HERE emulator::Site site = emulator::Site::here()

DEVICE void __syncthreads(EMULATOR_HERE) { emulator::synchronize(0, 0, false, nullptr, "__syncthreads", site); }
DEVICE int __syncthreads_count(int predicate, EMULATOR_HERE)
{
    return int(emulator::synchronize(0, 0, predicate != 0, nullptr, "__syncthreads_count", site));
}
DEVICE int __syncthreads_or(int predicate, EMULATOR_HERE)
{
    return emulator::synchronize(0, 0, predicate != 0, nullptr, "__syncthreads_or", site) != 0;
}
DEVICE int __syncthreads_and(int predicate, EMULATOR_HERE)
{
    unsigned arrived;
    unsigned count = emulator::synchronize(0, 0, predicate != 0, &arrived, "__syncthreads_and", site);
    return count == arrived;
}

#pragma GCC visibility push(hidden)
namespace emulator {

// The value that lane `source` brought (0xFF bytes from a lane outside the mask).
uint64 exchange(unsigned mask, uint64 value, int source, const char* what, Site site);
unsigned ballot(unsigned mask, bool predicate, const char* what, Site site);
// Calls combine(accumulator, value) over the lanes of the mask, upwards.
uint64 reduce(unsigned mask, uint64 value, uint64 (*combine)(uint64, uint64), const char* what, Site site);
unsigned match(unsigned mask, uint64 value, const char* what, Site site);

template<class T> T exchange_as(unsigned mask, T value, int source, const char* what, Site site)
{
    static_assert(std::is_arithmetic<T>::value && sizeof(T) <= 8, "a shuffle takes numbers of at most 8 bytes");
    uint64 bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = exchange(mask, bits, source, what, site);
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline int lane() { return int(threadIdx.x & 31); }

}  // namespace emulator
#pragma GCC visibility pop

DEVICE void __syncwarp(unsigned mask = 0xffffffffu, EMULATOR_HERE)
{
    emulator::meet(mask, nullptr, [](void* const*, unsigned) {}, "__syncwarp", site);
}
template<class T> DEVICE T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATOR_HERE)
{
    return emulator::exchange_as(mask, value, (emulator::lane() & -width) + (source & (width - 1)), "__shfl_sync", site);
}
template<class T> DEVICE T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATOR_HERE)
{
    int lane = emulator::lane(), source = lane - int(delta);
    return emulator::exchange_as(mask, value, source < (lane & -width) ? lane : source, "__shfl_up_sync", site);
}
template<class T> DEVICE T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATOR_HERE)
{
    int lane = emulator::lane(), source = lane + int(delta);
    return emulator::exchange_as(mask, value, source >= (lane & -width) + width ? lane : source, "__shfl_down_sync", site);
}
template<class T> DEVICE T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, EMULATOR_HERE)
{
    int lane = emulator::lane(), source = lane ^ lanes;
    return emulator::exchange_as(mask, value, source >= (lane & -width) + width ? lane : source, "__shfl_xor_sync", site);
}
DEVICE unsigned __ballot_sync(unsigned mask, int predicate, EMULATOR_HERE) { return emulator::ballot(mask, predicate != 0, "__ballot_sync", site); }
DEVICE int __any_sync(unsigned mask, int predicate, EMULATOR_HERE) { return emulator::ballot(mask, predicate != 0, "__any_sync", site) != 0; }
DEVICE int __all_sync(unsigned mask, int predicate, EMULATOR_HERE) { return emulator::ballot(mask, predicate != 0, "__all_sync", site) == mask; }
DEVICE unsigned __match_any_sync(unsigned mask, unsigned value, EMULATOR_HERE) { return emulator::match(mask, value, "__match_any_sync", site); }
DEVICE unsigned __match_any_sync(unsigned mask, int value, EMULATOR_HERE) { return emulator::match(mask, unsigned(value), "__match_any_sync", site); }
// The threads that run together are a matter of the hardware; here, each runs alone.
DEVICE unsigned __activemask() { return 1u << emulator::lane(); }

#define EMULATOR_REDUCE(name, type, expression)                                                                          \
    DEVICE type name(unsigned mask, type value, EMULATOR_HERE)                                                           \
    {                                                                                                                    \
        return type(emulator::reduce(mask, uint64(value), [](uint64 p, uint64 q) -> uint64 {                             \
            type a = type(p), b = type(q); return uint64(expression); }, #name, site));                                  \
    }
EMULATOR_REDUCE(__reduce_add_sync, unsigned, a + b)
EMULATOR_REDUCE(__reduce_add_sync, int, int(unsigned(a) + unsigned(b)))
EMULATOR_REDUCE(__reduce_max_sync, unsigned, a > b ? a : b)
EMULATOR_REDUCE(__reduce_max_sync, int, a > b ? a : b)
EMULATOR_REDUCE(__reduce_min_sync, unsigned, a < b ? a : b)
EMULATOR_REDUCE(__reduce_min_sync, int, a < b ? a : b)
EMULATOR_REDUCE(__reduce_and_sync, unsigned, a & b)
EMULATOR_REDUCE(__reduce_or_sync, unsigned, a | b)
EMULATOR_REDUCE(__reduce_xor_sync, unsigned, a ^ b)
#undef EMULATOR_REDUCE

// Named barriers: bar.sync and bar.arrive. Device side in async.cuh.
DEVICE void barrier_sync(int id, int threads, EMULATOR_HERE) { emulator::synchronize(id, unsigned(threads), false, nullptr, "barrier_sync", site); }
DEVICE void barrier_arrive(int id, int threads, EMULATOR_HERE) { emulator::arrive(id, unsigned(threads), site); }

// ---------------------------------------------------------------- memory

DEVICE void __threadfence_block() {}
DEVICE void __threadfence() {}
DEVICE void __threadfence_system() {}
DEVICE void __nanosleep(unsigned, EMULATOR_HERE) { emulator::yield(site); }
[[noreturn]] DEVICE void __trap() { emulator::fail("__trap"); }
DEVICE long long clock64() { static long long ticks; return ++ticks; }

template<class T> DEVICE T __ldg(const T* address) { return *address; }
template<class T> DEVICE T __ldca(const T* address) { return *address; }
template<class T> DEVICE T __ldcg(const T* address) { return *address; }
template<class T> DEVICE T __ldcs(const T* address) { return *address; }
template<class T> DEVICE T __ldcv(const T* address) { return *const_cast<const volatile T*>(address); }
template<class T> DEVICE void __stcg(T* address, T value) { *address = value; }
template<class T> DEVICE void __stcs(T* address, T value) { *address = value; }
template<class T> DEVICE void __stwt(T* address, T value) { *address = value; }

// Threads switch only where they wait, so plain accesses are atomic. None for floats: sums of floats have a fixed order.
#define EMULATOR_ATOMIC(type, name, expression) \
    DEVICE type name(type* address, type value) { type old = *address; *address = (expression); return old; }
#define EMULATOR_ATOMICS(type)                                                \
    EMULATOR_ATOMIC(type, atomicAdd, old + value)                             \
    EMULATOR_ATOMIC(type, atomicSub, old - value)                             \
    EMULATOR_ATOMIC(type, atomicExch, value)                                  \
    EMULATOR_ATOMIC(type, atomicMax, old > value ? old : value)               \
    EMULATOR_ATOMIC(type, atomicMin, old < value ? old : value)               \
    EMULATOR_ATOMIC(type, atomicAnd, old & value)                             \
    EMULATOR_ATOMIC(type, atomicOr, old | value)                              \
    EMULATOR_ATOMIC(type, atomicXor, old ^ value)                             \
    DEVICE type atomicCAS(type* address, type compare, type value) { type old = *address; if (old == compare) *address = value; return old; }
EMULATOR_ATOMICS(int)
EMULATOR_ATOMICS(unsigned)
EMULATOR_ATOMICS(unsigned long long)
EMULATOR_ATOMIC(unsigned, atomicInc, old >= value ? 0 : old + 1)
EMULATOR_ATOMIC(unsigned, atomicDec, old == 0 || old > value ? value : old - 1)
#undef EMULATOR_ATOMICS
#undef EMULATOR_ATOMIC

// ---------------------------------------------------------------- arithmetic

template<class To, class From> DEVICE To emulator_bits(From value)
{
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To result;
    memcpy(&result, &value, sizeof value);
    return result;
}
DEVICE unsigned __float_as_uint(float x) { return emulator_bits<unsigned>(x); }
DEVICE float __uint_as_float(unsigned x) { return emulator_bits<float>(x); }
DEVICE int __float_as_int(float x) { return emulator_bits<int>(x); }
DEVICE float __int_as_float(int x) { return emulator_bits<float>(x); }
DEVICE long long __double_as_longlong(double x) { return emulator_bits<long long>(x); }
DEVICE double __longlong_as_double(long long x) { return emulator_bits<double>(x); }

DEVICE int __popc(unsigned x) { return __builtin_popcount(x); }
DEVICE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
DEVICE int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
DEVICE int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
DEVICE int __ffs(int x) { return __builtin_ffs(x); }
DEVICE int __ffsll(long long x) { return __builtin_ffsll(x); }
DEVICE unsigned __brev(unsigned x) { unsigned y = 0; for (int i = 0; i < 32; i++) y |= (x >> i & 1) << (31 - i); return y; }
DEVICE unsigned __umulhi(unsigned x, unsigned y) { return unsigned(static_cast<unsigned long long>(x) * y >> 32); }
DEVICE int __mulhi(int x, int y) { return int(static_cast<long long>(x) * y >> 32); }
DEVICE unsigned long long __umul64hi(unsigned long long x, unsigned long long y)
{
    __extension__ typedef unsigned __int128 wide;
    return static_cast<unsigned long long>(wide(x) * y >> 64);
}
DEVICE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) { return unsigned(((uint64(high) << 32 | low) << (shift & 31)) >> 32); }
DEVICE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) { return unsigned((uint64(high) << 32 | low) >> (shift & 31)); }
DEVICE unsigned __byte_perm(unsigned x, unsigned y, unsigned selector)
{
    uint64 bytes = uint64(y) << 32 | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++)
    {
        unsigned byte = unsigned(bytes >> (selector >> 4 * i & 7) * 8) & 255;
        result |= (selector >> 4 * i & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
    }
    return result;
}

// Not contracted into a fused multiply-add.
#if defined(__x86_64__)
#define EMULATOR_ROUNDED(value) asm("" : "+x"(value))
#else
#define EMULATOR_ROUNDED(value) asm("" : "+w"(value))
#endif
DEVICE float __fadd_rn(float x, float y) { EMULATOR_ROUNDED(x); EMULATOR_ROUNDED(y); float z = x + y; EMULATOR_ROUNDED(z); return z; }
DEVICE float __fsub_rn(float x, float y) { EMULATOR_ROUNDED(x); EMULATOR_ROUNDED(y); float z = x - y; EMULATOR_ROUNDED(z); return z; }
DEVICE float __fmul_rn(float x, float y) { float z = x * y; EMULATOR_ROUNDED(z); return z; }
DEVICE double __dadd_rn(double x, double y) { EMULATOR_ROUNDED(x); EMULATOR_ROUNDED(y); double z = x + y; EMULATOR_ROUNDED(z); return z; }
DEVICE double __dmul_rn(double x, double y) { double z = x * y; EMULATOR_ROUNDED(z); return z; }
#undef EMULATOR_ROUNDED
DEVICE float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
DEVICE float __fdiv_rn(float x, float y) { return x / y; }
DEVICE float __frcp_rn(float x) { return 1 / x; }
DEVICE float __fsqrt_rn(float x) { return sqrtf(x); }
DEVICE float __fdividef(float x, float y) { return x / y; }
DEVICE float fdividef(float x, float y) { return x / y; }
DEVICE float rsqrtf(float x) { return 1 / sqrtf(x); }
DEVICE double rsqrt(double x) { return 1 / sqrt(x); }
DEVICE float __frsqrt_rn(float x) { return float(1 / sqrt(double(x))); }
// The C library declares functions of these names that it does not have.
#define __expf expf
#define __exp2f exp2f
#define __exp10f exp10f
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __powf powf
#define __sinf sinf
#define __cosf cosf
#define __tanf tanf
#define __sincosf sincosf
DEVICE float sinpif(float x) { return float(sin(M_PI * double(x))); }
DEVICE float cospif(float x) { return float(cos(M_PI * double(x))); }
DEVICE void sincospif(float x, float* sine, float* cosine) { *sine = sinpif(x); *cosine = cospif(x); }
DEVICE float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }  // NaN becomes 0

DEVICE float __int2float_rn(int x) { return float(x); }
DEVICE float __uint2float_rn(unsigned x) { return float(x); }
DEVICE float __ull2float_rn(unsigned long long x) { return float(x); }
// Conversions to integers saturate, and NaN becomes 0.
DEVICE int __float2int_rz(float x) { return x >= 2147483648.0f ? 0x7fffffff : x <= -2147483648.0f ? -0x7fffffff - 1 : x != x ? 0 : int(x); }
DEVICE unsigned __float2uint_rz(float x) { return x >= 4294967296.0f ? 0xffffffffu : x > 0 ? unsigned(x) : 0u; }
DEVICE int __float2int_rn(float x) { return __float2int_rz(rintf(x)); }
DEVICE int __float2int_rd(float x) { return __float2int_rz(floorf(x)); }
DEVICE int __float2int_ru(float x) { return __float2int_rz(ceilf(x)); }
DEVICE unsigned __float2uint_rn(float x) { return __float2uint_rz(rintf(x)); }

#define EMULATOR_MINMAX(type, left, right)                                                                  \
    DEVICE type min(left x, right y) { return static_cast<type>(x) < static_cast<type>(y) ? static_cast<type>(x) : static_cast<type>(y); } \
    DEVICE type max(left x, right y) { return static_cast<type>(x) > static_cast<type>(y) ? static_cast<type>(x) : static_cast<type>(y); }
EMULATOR_MINMAX(int, int, int)
EMULATOR_MINMAX(unsigned, unsigned, unsigned)
EMULATOR_MINMAX(unsigned, int, unsigned)
EMULATOR_MINMAX(unsigned, unsigned, int)
EMULATOR_MINMAX(long, long, long)
EMULATOR_MINMAX(unsigned long, unsigned long, unsigned long)
EMULATOR_MINMAX(long long, long long, long long)
EMULATOR_MINMAX(unsigned long long, unsigned long long, unsigned long long)
EMULATOR_MINMAX(unsigned long long, long long, unsigned long long)
EMULATOR_MINMAX(unsigned long long, unsigned long long, long long)
#undef EMULATOR_MINMAX
DEVICE float min(float x, float y) { return fminf(x, y); }
DEVICE float max(float x, float y) { return fmaxf(x, y); }
DEVICE double min(double x, double y) { return fmin(x, y); }
DEVICE double max(double x, double y) { return fmax(x, y); }
