// Matrix products in float32 whose slices the copy engine moves (sm_90): C[M, N] = op(A)·op(B). The last level of the ladder of matmul.cu.
//
// 128 x 128 tiles, 32 products deep, three slices in flight: one thread asks for boxes, all others only multiply. The engine does not turn: an operand
// whose products are neighbours lies as [line][32 products], swizzled, and a thread reads four products of a line at once; its lines are then 8 (rows) or
// 4 (columns) apart, so that the lanes read 8 different 16-byte pieces of a row of banks. Otherwise it lies as [product][128 lines] as in
// matmul_vectorized. Needs addresses and row pitches that are multiples of 16 bytes, and parts that are multiples of 32 products.
#include "matmul.cuh"

#if HAS_COPY_ENGINE

constexpr int TMA_DEPTH = 32, TMA_STAGES = 3, TMA_SLICE = 128 * TMA_DEPTH;

// Four products of the eight lines of a thread. LANES: lanes of a warp along the lines.
template <bool TURN, int LANES>
struct Fragment
{
    float4 values[8];   // TURN: by line; otherwise by product, its lines four by four

    // line: the thread's first, see line_of; p: a multiple of 4.
    __device__ __forceinline__ void load(const float* slice, int line, int p)
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
            values[i] = *reinterpret_cast<const float4*>(
                TURN ? slice + (line + i * LANES) * TMA_DEPTH + ((p / 4 ^ (line + i * LANES) % 8) * 4) : slice + (p + i / 2) * 128 + line + i % 2 * LANES * 4);
    }

    __device__ __forceinline__ float at(int i, int p) const { return TURN ? component(values[i], p) : component(values[2 * p + i / 4], i % 4); }

    static __device__ __forceinline__ int first_line(int lane) { return TURN ? lane : 4 * lane; }
    static __device__ __forceinline__ int line_of(int i) { return TURN ? i * LANES : i / 4 * LANES * 4 + i % 4; }
};

template <bool TURN_LEFT, bool TURN_RIGHT>
DEVICE void multiply_tma(const MatMulGeometry& geometry, const MatMulEpilogue& epilogue, const TensorMap& a, const TensorMap& b, float* c, int depth, float* slices_at)
{
    float *left = slices_at, *right = slices_at + TMA_STAGES * TMA_SLICE;
    uint64* full = reinterpret_cast<uint64*>(right + TMA_STAGES * TMA_SLICE);
    uint64* empty = full + TMA_STAGES;
    TilePosition tile = tile_position<128, 128>(blockIdx.x, geometry.rows, geometry.columns);
    int first = blockIdx.y * depth, slices = blocks_of(max(min(geometry.inner - first, depth), 0), TMA_DEPTH);
    auto request = [&](int slice)
    {
        int stage = slice % TMA_STAGES, k = first + slice * TMA_DEPTH;
        mbarrier_arrive_expect(&full[stage], 2 * TMA_SLICE * sizeof(float));
        copy_tile(left + stage * TMA_SLICE, &a, &full[stage], TURN_LEFT ? tile.row : k, TURN_LEFT ? k : tile.row);
        copy_tile(right + stage * TMA_SLICE, &b, &full[stage], TURN_RIGHT ? tile.column : k, TURN_RIGHT ? k : tile.column);
    };
    if (threadIdx.x == 0)
    {
        for (int stage = 0; stage < TMA_STAGES; stage++) mbarrier_init(&full[stage], 1), mbarrier_init(&empty[stage], 8);
        mbarrier_init_fence();
        for (int slice = 0; slice < min(slices, TMA_STAGES); slice++) request(slice);
    }
    __syncthreads();

    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = warp / 4 * 64 + Fragment<TURN_LEFT, 8>::first_line(lane / 4), column = warp % 4 * 32 + Fragment<TURN_RIGHT, 4>::first_line(lane % 4);
    float sums[8][8] = {};
    for (int slice = 0; slice < slices; slice++)
    {
        int stage = slice % TMA_STAGES, phase = slice / TMA_STAGES & 1;
        // The stage of the slice before is asked for again once all warps have left it.
        if (threadIdx.x == 0 && slice > 0 && slice - 1 + TMA_STAGES < slices)
        {
            mbarrier_wait(&empty[(slice - 1) % TMA_STAGES], (slice - 1) / TMA_STAGES & 1);
            request(slice - 1 + TMA_STAGES);
        }
        __syncwarp();
        mbarrier_wait(&full[stage], phase);
        const float *left_slice = left + stage * TMA_SLICE, *right_slice = right + stage * TMA_SLICE;
#pragma unroll 2
        for (int p = 0; p < TMA_DEPTH; p += 4)
        {
            Fragment<TURN_LEFT, 8> rows;
            Fragment<TURN_RIGHT, 4> columns;
            rows.load(left_slice, row, p);
            columns.load(right_slice, column, p);
#pragma unroll
            for (int q = 0; q < 4; q++)
#pragma unroll
                for (int i = 0; i < 8; i++)
#pragma unroll
                    for (int j = 0; j < 8; j++) sums[i][j] = fmaf(rows.at(i, q), columns.at(j, q), sums[i][j]);
        }
        __syncwarp();
        if (lane == 0) mbarrier_arrive(&empty[stage]);
    }

    finish_sums(epilogue, sums, geometry.columns, [&](int j) { return tile.column + column + Fragment<TURN_RIGHT, 4>::line_of(j); });
    c += int64(blockIdx.y) * geometry.rows * geometry.columns;
    bool aligned = is_aligned(c, geometry.columns);
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        int y = tile.row + row + Fragment<TURN_LEFT, 8>::line_of(i);
        if (y >= geometry.rows) continue;
        float* row_of_c = c + int64(y) * geometry.columns;
        if (TURN_RIGHT)
        {
#pragma unroll
            for (int j = 0; j < 8; j++)
            {
                int x = tile.column + column + Fragment<TURN_RIGHT, 4>::line_of(j);
                if (x < geometry.columns) row_of_c[x] = epilogue.store == ADD ? row_of_c[x] + sums[i][j] : sums[i][j];
            }
        }
        else
        {
#pragma unroll
            for (int j = 0; j < 8; j += 4)
                store_four(make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]),
                           tile.column + column + Fragment<TURN_RIGHT, 4>::line_of(j), geometry.columns, row_of_c, aligned, epilogue.store);
        }
    }
}

// Launched with 2 · 3 · 16 KB and 64 bytes of shared memory.
#define MATMUL_TMA(name, turn_left, turn_right)                                                                                                        \
    KERNEL_RESIDENT(256, 2, name, MatMulGeometry geometry, MatMulEpilogue epilogue, const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int depth) \
    {                                                                                                                                                  \
        DYNAMIC_SHARED(float, slices);                                                                                                                 \
        multiply_tma<turn_left, turn_right>(geometry, epilogue, a, b, c, depth, slices);                                                               \
    }

// An operand has neighbouring products where A is not transposed, or B is.
MATMUL_TMA(matmul_tma_nn, true, false)
MATMUL_TMA(matmul_tma_tn, false, false)
MATMUL_TMA(matmul_tma_nt, true, true)
MATMUL_TMA(matmul_tma_tt, false, true)

#endif
