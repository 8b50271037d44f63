// Tensor cores: TF32 and bfloat16, products of a warp (mma.sync, sm_80) and of a warpgroup (wgmma, sm_90a): thin names for PTX.
//
//   to_tf32, to_bf16    rounds to nearest: 10 or 7 bits behind the point
//   mma_tf32            m16n8k8: D += A·B of a warp, all in registers. With g = lane / 4, t = lane % 4:
//                         a[0..3] = A[g][t], A[g + 8][t], A[g][t + 4], A[g + 8][t + 4];  b[0..1] = B[t][g], B[t + 4][g];
//                         d[0..3] = D[g][2t], D[g][2t + 1], D[g + 8][2t], D[g + 8][2t + 1]
//   mma_bf16            m16n8k16, two bfloat16 a register, the lower first: a[0..3] = A[g][2t..], A[g + 8][2t..], A[g][2t + 8..], A[g + 8][2t + 8..];
//                         b[0..1] = B[2t..][g], B[2t + 8..][g]; d as above
//   wgmma_tf32, wgmma_bf16   D += A·Bᵀ of 128 threads: A of 64 rows, B of as many rows as D has columns, both in shared memory with the products
//                         innermost, 128-byte rows, swizzled. Warp w of the warpgroup has in d[4j + 2h + e]: D[16w + g + 8h][8j + 2t + e]
//   wgmma_fence, wgmma_commit, wgmma_wait<N>   before the first product; closes a group; waits until at most the N youngest groups are under way
//   registers_take, registers_give   setmaxnreg of a warpgroup
//
// Kernels that need them stand behind HAS_MMA and HAS_WGMMA.
#pragma once
#include "async.cuh"

#if defined(RAWDL_EMULATED) || __CUDA_ARCH__ >= 800
#define HAS_MMA 1
#else
#define HAS_MMA 0
#endif
#if defined(RAWDL_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HAS_WGMMA 1
#else
#define HAS_WGMMA 0
#endif

// The rows of a tile in shared memory for wgmma: 128 bytes each, bits 4-6 of an address xored with bits 7-9, groups of 8 rows 1024 bytes apart (here in
// units of 16 bytes). Products further on lie at descriptor + bytes / 16: the swizzle is one of addresses.
DEVICE uint64 wgmma_descriptor(const void* tile)
{
    return (shared_address(tile) & 0x3ffff) >> 4 | uint64(1) << 16 | uint64(1024 >> 4) << 32 | uint64(1) << 62;
}

#ifdef RAWDL_EMULATED

// Rounded half away from zero as cvt.rna does; NaN and infinity stay.
DEVICE uint32 to_tf32(float x)
{
    uint32 bits = __float_as_uint(x);
    return (bits & 0x7f800000) == 0x7f800000 ? bits : (bits + 0x1000) & 0xffffe000;
}

// Rounded half to even.
DEVICE uint16 to_bf16(float x)
{
    uint32 bits = __float_as_uint(x);
    return x != x ? 0x7fff : uint16((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

namespace emulator {

// Tensor cores read the upper 19 bits of a TF32 operand, and truncate what they add.
inline float tf32(uint32 bits) { return __uint_as_float(bits & 0xffffe000); }
inline float bf16(uint32 bits) { return __uint_as_float(bits << 16); }
inline float truncated(double x)
{
    float y = float(x);
    return fabs(double(y)) > fabs(x) ? nextafterf(y, 0.0f) : y;
}

struct Fragments { float* d; const uint32 *a, *b; };

// D += A·B of a warp with K products, whose operands stand two (bf16) or one (tf32) to a register.
template <int K, bool BF16>
void multiply_fragments(void* const* lanes, unsigned)
{
    float a[16][K], b[K][8];
    for (int lane = 0; lane < 32; lane++)
    {
        const Fragments& own = *static_cast<const Fragments*>(lanes[lane]);
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++)
            for (int e = 0; e < (BF16 ? 2 : 1); e++)
                a[g + 8 * (i % 2)][BF16 ? 2 * t + 8 * (i / 2) + e : t + 4 * (i / 2)] = BF16 ? bf16(own.a[i] >> 16 * e) : tf32(own.a[i]);
        for (int i = 0; i < 2; i++)
            for (int e = 0; e < (BF16 ? 2 : 1); e++)
                b[BF16 ? 2 * t + 8 * i + e : t + 4 * i][g] = BF16 ? bf16(own.b[i] >> 16 * e) : tf32(own.b[i]);
    }
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++)
        {
            float& d = static_cast<const Fragments*>(lanes[lane])->d[i];
            double sum = d;
            for (int k = 0; k < K; k++) sum += double(a[lane / 4 + 8 * (i / 2)][k]) * b[k][lane % 4 * 2 + i % 2];
            d = truncated(sum);
        }
}

struct GroupProduct { float* d; uint64 a, b; };

// Row `row` of the tile that a descriptor names: 32 bytes from its first product on.
template <bool BF16>
void unpack(uint64 descriptor, int row, float* values)
{
    uint32 start = uint32(descriptor & 0x3fff) << 4;
    uint32 group = uint32(descriptor >> 32 & 0x3fff) << 4;
    if (descriptor >> 62 != 1 || group != 1024) fail("wgmma: a descriptor without 128-byte swizzle, or with groups of rows %u bytes apart", group);
    for (int piece = 0; piece < 2; piece++)
    {
        uint32 address = start + row / 8 * group + row % 8 * 128 + 16 * piece;
        const void* from = shared_pointer(address ^ (address >> 7 & 7) << 4);
        uint32 words[4];
        memcpy(words, from, 16);
        for (int i = 0; i < 4; i++)
            if (BF16)
                values[8 * piece + 2 * i] = bf16(words[i]), values[8 * piece + 2 * i + 1] = bf16(words[i] >> 16);
            else
                values[4 * piece + i] = tf32(words[i]);
    }
}

// A warp's quarter of D += A·Bᵀ; it happens when the group is waited for, or sooner.
template <int N, bool BF16>
void multiply_group(void* const* lanes, unsigned)
{
    struct Operation
    {
        float* d[32];
        uint64 a, b;
        int warp;

        void operator()() const
        {
            constexpr int K = BF16 ? 16 : 8;
            float left[16][K], right[N][K];
            for (int row = 0; row < 16; row++) unpack<BF16>(a, 16 * warp + row, left[row]);
            for (int row = 0; row < N; row++) unpack<BF16>(b, row, right[row]);
            for (int lane = 0; lane < 32; lane++)
                for (int i = 0; i < N / 2; i++)
                {
                    const float *x = left[lane / 4 + 8 * (i / 2 % 2)], *y = right[i / 4 * 8 + lane % 4 * 2 + i % 2];
                    double sum = d[lane][i];
                    for (int k = 0; k < K; k++) sum += double(x[k]) * y[k];
                    d[lane][i] = truncated(sum);
                }
        }
    } operation;
    for (int lane = 0; lane < 32; lane++)
    {
        const GroupProduct& own = *static_cast<const GroupProduct*>(lanes[lane]);
        operation.d[lane] = own.d;
        if (lane == 0) operation.a = own.a, operation.b = own.b;
        if (own.a != operation.a || own.b != operation.b) fail("wgmma: descriptors differ within a warp");
    }
    operation.warp = threadIdx.x / 32 % 4;
    defer(PRODUCTS, operation);
}

}  // namespace emulator

DEVICE void mma_tf32(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2])
{
    emulator::Fragments own = {d, a, b};
    emulator::meet(EVERY_LANE, &own, emulator::multiply_fragments<8, false>, "mma.sync");
}
DEVICE void mma_bf16(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2])
{
    emulator::Fragments own = {d, a, b};
    emulator::meet(EVERY_LANE, &own, emulator::multiply_fragments<16, true>, "mma.sync");
}
template <int REGISTERS>
DEVICE void wgmma_tf32(float (&d)[REGISTERS], uint64 a, uint64 b)
{
    emulator::GroupProduct own = {d, a, b};
    emulator::meet(EVERY_LANE, &own, emulator::multiply_group<2 * REGISTERS, false>, "wgmma");
}
template <int REGISTERS>
DEVICE void wgmma_bf16(float (&d)[REGISTERS], uint64 a, uint64 b)
{
    emulator::GroupProduct own = {d, a, b};
    emulator::meet(EVERY_LANE, &own, emulator::multiply_group<2 * REGISTERS, true>, "wgmma");
}
DEVICE void wgmma_fence() {}
DEVICE void wgmma_commit() { emulator::commit(emulator::PRODUCTS); }
template <int YOUNGEST>
DEVICE void wgmma_wait() { emulator::wait(emulator::PRODUCTS, YOUNGEST); }
template <int REGISTERS>
DEVICE void registers_take() {}
template <int REGISTERS>
DEVICE void registers_give() {}

#else

#if HAS_MMA

DEVICE uint32 to_tf32(float x)
{
    uint32 bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

DEVICE uint16 to_bf16(float x)
{
    uint16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

DEVICE void mma_tf32(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE void mma_bf16(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif
#if HAS_WGMMA

// The operands of a product of a warp group: a thread's 64 or 128 registers of d, by number and as what they stand for.
#define REGISTERS_64 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define REGISTERS_128 REGISTERS_64 \
    ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
    "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
    "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
    "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define EIGHT(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define SUMS_64 EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24), EIGHT(32), EIGHT(40), EIGHT(48), EIGHT(56)
#define SUMS_128 SUMS_64, EIGHT(64), EIGHT(72), EIGHT(80), EIGHT(88), EIGHT(96), EIGHT(104), EIGHT(112), EIGHT(120)

// 64 x 128 elements, 8 products of TF32.
DEVICE void wgmma_tf32(float (&d)[64], uint64 a, uint64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 {" REGISTERS_64 "}, %64, %65, 1, 1, 1;" : SUMS_64 : "l"(a), "l"(b));
}

// 64 x 256 elements, 8 products of TF32.
DEVICE void wgmma_tf32(float (&d)[128], uint64 a, uint64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k8.f32.tf32.tf32 {" REGISTERS_128 "}, %128, %129, 1, 1, 1;" : SUMS_128 : "l"(a), "l"(b));
}

// 64 x 128 elements, 16 products of bfloat16.
DEVICE void wgmma_bf16(float (&d)[64], uint64 a, uint64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" REGISTERS_64 "}, %64, %65, 1, 1, 1, 0, 0;" : SUMS_64 : "l"(a), "l"(b));
}

// 64 x 256 elements, 16 products of bfloat16.
DEVICE void wgmma_bf16(float (&d)[128], uint64 a, uint64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" REGISTERS_128 "}, %128, %129, 1, 1, 1, 0, 0;" : SUMS_128 : "l"(a), "l"(b));
}

#undef REGISTERS_64
#undef REGISTERS_128
#undef EIGHT
#undef SUMS_64
#undef SUMS_128

DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int YOUNGEST>
DEVICE void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(YOUNGEST) : "memory"); }

template <int REGISTERS>
DEVICE void registers_take() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS)); }
template <int REGISTERS>
DEVICE void registers_give() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS)); }

#endif
#endif
