// Matrix products on tensor cores: C[M, N] = op(A)·op(B) with fewer bits in the products; used only where a caller asks for it.
//
//   matmul_tf32, matmul_bf16   wgmma (sm_90a): operands rounded to TF32 (10 bits behind the point) or bfloat16 (7 bits), sums in float32
//   matmul_3xtf32              mma.sync (sm_80): a float32 product as three TF32 products, nearly float32
//   matmul_round_*, matmul_turn_*   the copies of the operands that wgmma reads: rounded, products innermost
#include "matmul.cuh"
#include "tensor_cores.cuh"

#if HAS_MMA

// Rounded copies ----------------------------------------------------------------------------------------------------------------------------
// target[line][k] = rounded op(source): lines of `pitch` elements (a multiple of 16 bytes), products innermost. One pass over memory, small beside the
// product, that also frees wgmma from alignment and from its lack of transposed TF32 operands.

struct Tf32
{
    typedef uint32 Element;
    static __device__ __forceinline__ uint32 round(float x) { return to_tf32(x); }
};

struct Bf16
{
    typedef uint16 Element;
    static __device__ __forceinline__ uint16 round(float x) { return to_bf16(x); }
};

// source[line][k]: four neighbours per thread.
template <class T>
DEVICE void round_lines(int lines, int inner, int pitch, const float* source, typename T::Element* target)
{
    bool aligned = is_aligned(source, inner);
    int pieces = blocks_of(inner, 4);
    for (int64 i = first_element(); i < int64(lines) * pieces; i += element_stride())
    {
        int line = int(i / pieces), k = int(i % pieces) * 4;
        const float* from = source + int64(line) * inner + k;
        typename T::Element* to = target + int64(line) * pitch + k;
        if (aligned)
        {
            float4 values = *reinterpret_cast<const float4*>(from);
            to[0] = T::round(values.x), to[1] = T::round(values.y), to[2] = T::round(values.z), to[3] = T::round(values.w);
        }
        else
            for (int j = 0; j < min(4, inner - k); j++) to[j] = T::round(from[j]);
    }
}

// source[k][line]: 32 x 32 tiles turn in shared memory; a pitch of 33 keeps columns free of bank conflicts.
template <class T>
DEVICE void turn_lines(int lines, int inner, int pitch, const float* source, typename T::Element* target, float* tile)
{
    int across = blocks_of(lines, 32), x = threadIdx.x % 32;
    int line = int(blockIdx.x) % across * 32, k = int(blockIdx.x) / across * 32;
    for (int y = threadIdx.x / 32; y < 32; y += 8)
        if (k + y < inner && line + x < lines) tile[y * 33 + x] = source[int64(k + y) * lines + line + x];
    __syncthreads();
    for (int y = threadIdx.x / 32; y < 32; y += 8)
        if (line + y < lines && k + x < inner) target[int64(line + y) * pitch + k + x] = T::round(tile[x * 33 + y]);
}

KERNEL(256, matmul_round_tf32, int lines, int inner, int pitch, const float* source, uint32* target) { round_lines<Tf32>(lines, inner, pitch, source, target); }
KERNEL(256, matmul_round_bf16, int lines, int inner, int pitch, const float* source, uint16* target) { round_lines<Bf16>(lines, inner, pitch, source, target); }

KERNEL(256, matmul_turn_tf32, int lines, int inner, int pitch, const float* source, uint32* target)
{
    SHARED(float, tile, [32 * 33]);
    turn_lines<Tf32>(lines, inner, pitch, source, target, tile);
}

KERNEL(256, matmul_turn_bf16, int lines, int inner, int pitch, const float* source, uint16* target)
{
    SHARED(float, tile, [32 * 33]);
    turn_lines<Bf16>(lines, inner, pitch, source, target, tile);
}

// 3xTF32 ------------------------------------------------------------------------------------------------------------------------------------
// x = hi + lo with hi = tf32(x), lo = tf32(x - hi): a·b ≈ lo·hi + hi·lo + hi·hi, the two small terms first; lo·lo is below the last bit. Tensor cores
// truncate what they add, so their sums run over one slice of 16 products only and are added to the float32 sums outside, rounded to nearest.
// (Ootomo and Yokota 2022, arXiv 2203.03341.) An infinity gives NaN, since its lo is inf - inf.
//
// 128 x 128 tiles, 8 warps of 64 x 32 = 4 x 4 products m16n8k8; slices as in matmul_vectorized, with a pitch of 8 modulo 32: the lanes of a warp, 4
// products x 8 lines, read 32 banks.

constexpr int MMA_DEPTH = 16, MMA_PITCH = 136, MMA_SLICE = MMA_DEPTH * MMA_PITCH;

DEVICE void split(float x, uint32& high, uint32& low)
{
    high = to_tf32(x);
    low = to_tf32(x - __uint_as_float(high));
}

template <bool ADJACENT_ROWS, bool ADJACENT_COLUMNS>
DEVICE void multiply_3xtf32(const MatMulGeometry& geometry, const MatMulEpilogue& epilogue, const float* a, const float* b, float* c, int depth, float* left, float* right)
{
    TilePosition tile = tile_position<128, 128>(blockIdx.x, geometry.rows, geometry.columns);
    int first = blockIdx.y * depth, products = min(geometry.inner - first, depth);
    int slices = blocks_of(max(products, 0), MMA_DEPTH);
    SliceCopier<256, 128, MMA_DEPTH, MMA_PITCH, ADJACENT_ROWS> from_a(a, geometry.rows, geometry.inner, tile.row, first);
    SliceCopier<256, 128, MMA_DEPTH, MMA_PITCH, ADJACENT_COLUMNS> from_b(b, geometry.columns, geometry.inner, tile.column, first);
    int warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    int row = warp / 4 * 64 + group, column = warp % 4 * 32 + group;

    float sums[4][4][4] = {};
    if (slices > 0) from_a.copy(left, products), from_b.copy(right, products);
    copy_async_commit();
    for (int slice = 0; slice < slices; slice++)
    {
        copy_async_wait<0>();
        __syncthreads();
        if (slice + 1 < slices)
        {
            int next = (slice + 1) % 2;
            products -= MMA_DEPTH;
            from_a.copy(left + next * MMA_SLICE, products), from_b.copy(right + next * MMA_SLICE, products);
        }
        copy_async_commit();
        const float *left_slice = left + slice % 2 * MMA_SLICE + t * MMA_PITCH + row, *right_slice = right + slice % 2 * MMA_SLICE + t * MMA_PITCH + column;
        uint32 b_high[4][2][2], b_low[4][2][2];   // [column of tiles][half of the slice]
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int half = 0; half < 2; half++)
#pragma unroll
                for (int i = 0; i < 2; i++) split(right_slice[(8 * half + 4 * i) * MMA_PITCH + 8 * j], b_high[j][half][i], b_low[j][half][i]);
#pragma unroll
        for (int m = 0; m < 4; m++)
        {
            uint32 a_high[2][4], a_low[2][4];
#pragma unroll
            for (int half = 0; half < 2; half++)
#pragma unroll
                for (int i = 0; i < 4; i++)
                    split(left_slice[(8 * half + i / 2 * 4) * MMA_PITCH + 16 * m + i % 2 * 8], a_high[half][i], a_low[half][i]);
            float partial[4][4] = {};
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
#pragma unroll
                for (int j = 0; j < 4; j++) mma_tf32(partial[j], a_low[half], b_high[j][half]);
#pragma unroll
                for (int j = 0; j < 4; j++) mma_tf32(partial[j], a_high[half], b_low[j][half]);
            }
#pragma unroll
            for (int half = 0; half < 2; half++)
#pragma unroll
                for (int j = 0; j < 4; j++) mma_tf32(partial[j], a_high[half], b_high[j][half]);
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int i = 0; i < 4; i++) sums[m][j][i] += partial[j][i];
        }
    }

    c += int64(blockIdx.y) * geometry.rows * geometry.columns;
    int y = tile.row + row, x = tile.column + column - group + 2 * t;
    c += int64(y) * geometry.columns;
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                int below = 16 * m + i / 2 * 8, at = x + 8 * j + i % 2;
                if (y + below < geometry.rows && at < geometry.columns) finish(epilogue, sums[m][j][i], at, c + int64(below) * geometry.columns + at);
            }
}

#define MATMUL_3XTF32(name, adjacent_rows, adjacent_columns)                                                                                          \
    KERNEL_RESIDENT(256, 1, name, MatMulGeometry geometry, MatMulEpilogue epilogue, const float* a, const float* b, float* c, int depth)              \
    {                                                                                                                                                 \
        SHARED(float, left, [2 * MMA_SLICE]);                                                                                                         \
        SHARED(float, right, [2 * MMA_SLICE]);                                                                                                        \
        multiply_3xtf32<adjacent_rows, adjacent_columns>(geometry, epilogue, a, b, c, depth, left, right);                                            \
    }

MATMUL_3XTF32(matmul_3xtf32_nn, false, true)
MATMUL_3XTF32(matmul_3xtf32_tn, true, true)
MATMUL_3XTF32(matmul_3xtf32_nt, false, false)
MATMUL_3XTF32(matmul_3xtf32_tt, true, false)

#endif

// Wgmma -------------------------------------------------------------------------------------------------------------------------------------
// Warpgroup 0 only asks the copy engine for slices, 128 bytes of products deep (32 TF32, 64 bfloat16), and gives its registers away; warpgroups 1 and 2
// multiply 64 rows each of a tile of 128 rows. A slice's left and right tiles pass a ring of stages: full[s] counts the bytes that come, empty[s] the
// warps that have done with them. One group of products stays under way while the next slice is waited for. Blocks are persistent: the copies of the next
// tile run while this one is stored.

#if HAS_WGMMA

template <class T>
struct Product;

template <>
struct Product<Tf32>
{
    template <int REGISTERS>
    static __device__ __forceinline__ void add(float (&d)[REGISTERS], uint64 a, uint64 b) { wgmma_tf32(d, a, b); }
};

template <>
struct Product<Bf16>
{
    template <int REGISTERS>
    static __device__ __forceinline__ void add(float (&d)[REGISTERS], uint64 a, uint64 b) { wgmma_bf16(d, a, b); }
};

template <int COLUMNS>
struct Ring
{
    static constexpr int LEFT = 128 * 128, RIGHT = 128 * COLUMNS, STAGES = 192 * 1024 / (LEFT + RIGHT);   // bytes
};

template <class T, int COLUMNS>
DEVICE void multiply_wgmma(const MatMulGeometry& geometry, const MatMulEpilogue& epilogue, const TensorMap& a, const TensorMap& b, float* c, unsigned char* ring)
{
    typedef Ring<COLUMNS> R;
    constexpr int DEPTH = 128 / sizeof(typename T::Element);
    unsigned char *left = ring, *right = ring + R::STAGES * R::LEFT;
    uint64* full = reinterpret_cast<uint64*>(right + R::STAGES * R::RIGHT);
    uint64* empty = full + R::STAGES;
    if (threadIdx.x == 0)
    {
        for (int stage = 0; stage < R::STAGES; stage++) mbarrier_init(&full[stage], 1), mbarrier_init(&empty[stage], 8);
        mbarrier_init_fence();
    }
    __syncthreads();

    int tiles = blocks_of(geometry.rows, 128) * blocks_of(geometry.columns, COLUMNS), slices = blocks_of(geometry.inner, DEPTH);
    int stage = 0, phase = 0;   // of the ring, over all tiles
    if (threadIdx.x < 128)
    {
        registers_give<40>();
        if (threadIdx.x == 0)
            for (int index = blockIdx.x; index < tiles; index += gridDim.x)
            {
                TilePosition tile = tile_position<128, COLUMNS>(index, geometry.rows, geometry.columns);
                for (int slice = 0; slice < slices; slice++)
                {
                    mbarrier_wait(&empty[stage], phase ^ 1);
                    mbarrier_arrive_expect(&full[stage], R::LEFT + R::RIGHT);
                    copy_tile(left + stage * R::LEFT, &a, &full[stage], tile.row, slice * DEPTH);
                    copy_tile(right + stage * R::RIGHT, &b, &full[stage], tile.column, slice * DEPTH);
                    if (++stage == R::STAGES) stage = 0, phase ^= 1;
                }
            }
    }
    else
    {
        registers_take<232>();
        int group = threadIdx.x / 128 - 1, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
        for (int index = blockIdx.x; index < tiles; index += gridDim.x)
        {
            TilePosition tile = tile_position<128, COLUMNS>(index, geometry.rows, geometry.columns);
            float sums[COLUMNS / 2];
#pragma unroll
            for (int i = 0; i < COLUMNS / 2; i++) sums[i] = 0.0f;
            int before = 0;
            for (int slice = 0; slice < slices; slice++)
            {
                mbarrier_wait(&full[stage], phase);
                uint64 rows = wgmma_descriptor(left + stage * R::LEFT + group * 64 * 128), columns = wgmma_descriptor(right + stage * R::RIGHT);
                wgmma_fence();
#pragma unroll 1   // unrolled, it takes a minute to compile
                for (int i = 0; i < 4; i++) Product<T>::add(sums, rows + 2 * i, columns + 2 * i);
                wgmma_commit();
                wgmma_wait<1>();   // the products of the slice before
                if (slice > 0 && lane == 0) mbarrier_arrive(&empty[before]);
                before = stage;
                if (++stage == R::STAGES) stage = 0, phase ^= 1;
            }
            wgmma_wait<0>();
            if (slices > 0 && lane == 0) mbarrier_arrive(&empty[before]);

            // The lanes of a row fill whole sectors of memory.
            int y = tile.row + group * 64 + warp * 16 + lane / 4, x = tile.column + lane % 4 * 2;
            float* row = c + int64(y) * geometry.columns;
#pragma unroll
            for (int i = 0; i < COLUMNS / 2; i++)
            {
                int below = i / 2 % 2 * 8, at = x + i / 4 * 8 + i % 2;
                if (y + below < geometry.rows && at < geometry.columns) finish(epilogue, sums[i], at, row + below * int64(geometry.columns) + at);
            }
        }
    }
}

// a and b are the rounded copies: [M, K] and [N, K], boxes of 128 and of the tile's columns. Launched with 192 KB and 128 bytes of shared memory.
#define MATMUL_WGMMA(name, type, columns)                                                                                                             \
    KERNEL_RESIDENT(384, 1, name, MatMulGeometry geometry, MatMulEpilogue epilogue, const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c) \
    {                                                                                                                                                 \
        DYNAMIC_SHARED(unsigned char, ring);                                                                                                          \
        multiply_wgmma<type, columns>(geometry, epilogue, a, b, c, ring);                                                                             \
    }

MATMUL_WGMMA(matmul_tf32, Tf32, 256)
MATMUL_WGMMA(matmul_tf32_narrow, Tf32, 128)
MATMUL_WGMMA(matmul_bf16, Bf16, 256)
MATMUL_WGMMA(matmul_bf16_narrow, Bf16, 128)

#endif
