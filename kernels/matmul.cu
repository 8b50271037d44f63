// Matrix products in float32: C[M, N] = op(A)·op(B). A ladder: each kernel adds one idea to the one before it.
//
//   matmul_naive        one thread, one element
//   matmul_tiled        32 x 32 tiles in shared memory: each value is read from memory once per tile
//   matmul_register     8 x 8 elements per thread: each value is read from shared memory once per 8 products
//   matmul_vectorized   16-byte accesses without bank conflicts, copies that run while the block multiplies, epilogue, parts of the depth
//   matmul_small        the same with 64 x 64 tiles: more blocks for small and narrow C
//   matmul_tma          the copy engine moves the slices: matmul_tma.cu
//
// Element sums run over the products in order, so results depend on the shapes and the kernel alone.
#include "matmul.cuh"

// Strides of op(A) or op(B) between rows and between columns.
struct Strides
{
    int64 row, column;
};

DEVICE Strides strides(int rows, int columns, bool turned)
{
    Strides s = {columns, 1};
    if (turned) s = {1, rows};
    return s;
}

// Naive -------------------------------------------------------------------------------------------------------------------------------------
// Neighbouring threads compute neighbouring columns: reads of B coalesce, reads of A are the same for the warp. Every product reads 8 bytes.

KERNEL(256, matmul_naive, MatMulGeometry geometry, MatMulEpilogue epilogue, const float* a, const float* b, float* c)
{
    int64 element = first_element();
    int row = int(element / geometry.columns), column = int(element % geometry.columns);
    if (row >= geometry.rows) return;
    Strides left = strides(geometry.rows, geometry.inner, geometry.transpose & TRANSPOSE_LEFT), right = strides(geometry.inner, geometry.columns, geometry.transpose & TRANSPOSE_RIGHT);
    float sum = 0.0f;
    for (int k = 0; k < geometry.inner; k++) sum = fmaf(a[row * left.row + k * left.column], b[k * right.row + column * right.column], sum);
    finish(epilogue, sum, column, c + element);
}

// Tiled -------------------------------------------------------------------------------------------------------------------------------------
// A block of 32 x 32 threads multiplies 32 x 32 tiles: a value from memory serves 32 products. Along a warp runs whichever index is contiguous in
// memory; a pitch of 33 keeps the turned store free of bank conflicts. Bound by shared memory: two reads per product.

KERNEL(1024, matmul_tiled, MatMulGeometry geometry, MatMulEpilogue epilogue, const float* a, const float* b, float* c)
{
    SHARED(float, left, [32][33]);
    SHARED(float, right, [32][33]);
    bool turned_left = geometry.transpose & TRANSPOSE_LEFT, turned_right = geometry.transpose & TRANSPOSE_RIGHT;
    TilePosition tile = tile_position<32, 32>(blockIdx.x, geometry.rows, geometry.columns);
    int x = threadIdx.x % 32, y = threadIdx.x / 32;
    float sum = 0.0f;
    for (int k = 0; k < geometry.inner; k += 32)
    {
        int row = turned_left ? x : y, product = turned_left ? y : x;   // of op(A)
        bool valid = tile.row + row < geometry.rows && k + product < geometry.inner;
        int64 at = turned_left ? int64(k + product) * geometry.rows + tile.row + row : int64(tile.row + row) * geometry.inner + k + product;
        left[row][product] = valid ? a[at] : 0.0f;
        int column = turned_right ? y : x;
        product = turned_right ? x : y;                                 // of op(B)
        valid = tile.column + column < geometry.columns && k + product < geometry.inner;
        at = turned_right ? int64(tile.column + column) * geometry.inner + k + product : int64(k + product) * geometry.columns + tile.column + column;
        right[product][column] = valid ? b[at] : 0.0f;
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 32; i++) sum = fmaf(left[y][i], right[i][x], sum);
        __syncthreads();
    }
    int row = tile.row + y, column = tile.column + x;
    if (row < geometry.rows && column < geometry.columns) finish(epilogue, sum, column, c + int64(row) * geometry.columns + column);
}

// Register tiles ----------------------------------------------------------------------------------------------------------------------------
// 16 x 16 threads compute 128 x 128 elements: thread (y, x) has rows y + 16i and columns x + 16j, so that a product step reads 16 values for 64
// products, without bank conflicts. The block waits for memory before it multiplies, and multiplies before it reads on.

KERNEL_RESIDENT(256, 2, matmul_register, MatMulGeometry geometry, MatMulEpilogue epilogue, const float* a, const float* b, float* c)
{
    constexpr int DEPTH = 8;
    SHARED(float, left, [DEPTH][132]);
    SHARED(float, right, [DEPTH][132]);
    bool turned_left = geometry.transpose & TRANSPOSE_LEFT, turned_right = geometry.transpose & TRANSPOSE_RIGHT;
    TilePosition tile = tile_position<128, 128>(blockIdx.x, geometry.rows, geometry.columns);
    int x = threadIdx.x % 16, y = threadIdx.x / 16;
    float sums[8][8] = {};
    for (int k = 0; k < geometry.inner; k += DEPTH)
    {
#pragma unroll
        for (int i = 0; i < 128 * DEPTH / 256; i++)
        {
            int piece = i * 256 + threadIdx.x;
            int line = turned_left ? piece % 128 : piece / DEPTH, product = turned_left ? piece / 128 : piece % DEPTH;
            bool valid = tile.row + line < geometry.rows && k + product < geometry.inner;
            int64 at = turned_left ? int64(k + product) * geometry.rows + tile.row + line : int64(tile.row + line) * geometry.inner + k + product;
            left[product][line] = valid ? a[at] : 0.0f;
            line = turned_right ? piece / DEPTH : piece % 128, product = turned_right ? piece % DEPTH : piece / 128;
            valid = tile.column + line < geometry.columns && k + product < geometry.inner;
            at = turned_right ? int64(tile.column + line) * geometry.inner + k + product : int64(k + product) * geometry.columns + tile.column + line;
            right[product][line] = valid ? b[at] : 0.0f;
        }
        __syncthreads();
#pragma unroll
        for (int p = 0; p < DEPTH; p++)
        {
            float rows[8], columns[8];
#pragma unroll
            for (int i = 0; i < 8; i++) rows[i] = left[p][y + 16 * i], columns[i] = right[p][x + 16 * i];
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) sums[i][j] = fmaf(rows[i], columns[j], sums[i][j]);
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            int row = tile.row + y + 16 * i, column = tile.column + x + 16 * j;
            if (row < geometry.rows && column < geometry.columns) finish(epilogue, sums[i][j], column, c + int64(row) * geometry.columns + column);
        }
}

// Vectorised --------------------------------------------------------------------------------------------------------------------------------
// A warp computes (BLOCKS_DOWN · LANES_DOWN · 4) x (BLOCKS_ACROSS · LANES_ACROSS · 4) elements. Its lanes stand LANES_DOWN x LANES_ACROSS; lane (y, x) has
// in block (i, j) the 4 x 4 elements from row (i · LANES_DOWN + y) · 4 and column (j · LANES_ACROSS + x) · 4: one 16-byte read of shared memory serves
// four rows or columns, and the lanes of a warp read neighbouring pieces or the same one.
// Two slices: while the block multiplies one, the copies of the next are under way; one barrier per slice.
// The grid's y cuts the products into parts of depth products (a multiple of DEPTH, or all): part p goes to c + p · M · N, which matmul_split_sum adds.

template <int WARPS_DOWN_, int WARPS_ACROSS_, int LANES_DOWN_, int BLOCKS_DOWN_, int BLOCKS_ACROSS_>
struct WarpTiling
{
    static constexpr int WARPS_DOWN = WARPS_DOWN_, WARPS_ACROSS = WARPS_ACROSS_, LANES_DOWN = LANES_DOWN_, LANES_ACROSS = 32 / LANES_DOWN_;
    static constexpr int BLOCKS_DOWN = BLOCKS_DOWN_, BLOCKS_ACROSS = BLOCKS_ACROSS_, THREADS = 32 * WARPS_DOWN * WARPS_ACROSS;
    static constexpr int WARP_ROWS = 4 * LANES_DOWN * BLOCKS_DOWN, WARP_COLUMNS = 4 * LANES_ACROSS * BLOCKS_ACROSS;
    static constexpr int ROWS = WARPS_DOWN * WARP_ROWS, COLUMNS = WARPS_ACROSS * WARP_COLUMNS;
    static constexpr int DEPTH = 16, LEFT_PITCH = ROWS + 4, RIGHT_PITCH = COLUMNS + 4;
};

using Tiling128 = WarpTiling<2, 4, 8, 2, 2>;   // 128 x 128, 256 threads, 8 x 8 each
using Tiling64 = WarpTiling<2, 2, 4, 2, 1>;    // 64 x 64, 128 threads, 8 x 4 each

template <class T, bool ADJACENT_ROWS, bool ADJACENT_COLUMNS>
DEVICE void multiply(const MatMulGeometry& geometry, const MatMulEpilogue& epilogue, const float* a, const float* b, float* c, int depth, float* left, float* right)
{
    constexpr int LEFT_SLICE = T::DEPTH * T::LEFT_PITCH, RIGHT_SLICE = T::DEPTH * T::RIGHT_PITCH;
    TilePosition tile = tile_position<T::ROWS, T::COLUMNS>(blockIdx.x, geometry.rows, geometry.columns);
    int first = blockIdx.y * depth, products = min(geometry.inner - first, depth);   // those left to copy
    int slices = blocks_of(max(products, 0), T::DEPTH);
    SliceCopier<T::THREADS, T::ROWS, T::DEPTH, T::LEFT_PITCH, ADJACENT_ROWS> from_a(a, geometry.rows, geometry.inner, tile.row, first);
    SliceCopier<T::THREADS, T::COLUMNS, T::DEPTH, T::RIGHT_PITCH, ADJACENT_COLUMNS> from_b(b, geometry.columns, geometry.inner, tile.column, first);
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = warp / T::WARPS_ACROSS * T::WARP_ROWS + lane / T::LANES_ACROSS * 4;
    int column = warp % T::WARPS_ACROSS * T::WARP_COLUMNS + lane % T::LANES_ACROSS * 4;

    float sums[4 * T::BLOCKS_DOWN][4 * T::BLOCKS_ACROSS] = {};
    if (slices > 0) from_a.copy(left, products), from_b.copy(right, products);
    copy_async_commit();
    for (int slice = 0; slice < slices; slice++)
    {
        copy_async_wait<0>();
        __syncthreads();   // this slice has come for all threads, and all have done with the one before, whose place the next one takes
        if (slice + 1 < slices)
        {
            int next = (slice + 1) % 2;
            products -= T::DEPTH;
            from_a.copy(left + next * LEFT_SLICE, products), from_b.copy(right + next * RIGHT_SLICE, products);
        }
        copy_async_commit();
        const float* rows_of = left + slice % 2 * LEFT_SLICE + row;
        const float* columns_of = right + slice % 2 * RIGHT_SLICE + column;
#pragma unroll 8
        for (int p = 0; p < T::DEPTH; p++)
        {
            float4 rows[T::BLOCKS_DOWN], columns[T::BLOCKS_ACROSS];
#pragma unroll
            for (int i = 0; i < T::BLOCKS_DOWN; i++) rows[i] = *reinterpret_cast<const float4*>(rows_of + p * T::LEFT_PITCH + i * T::LANES_DOWN * 4);
#pragma unroll
            for (int j = 0; j < T::BLOCKS_ACROSS; j++) columns[j] = *reinterpret_cast<const float4*>(columns_of + p * T::RIGHT_PITCH + j * T::LANES_ACROSS * 4);
#pragma unroll
            for (int i = 0; i < 4 * T::BLOCKS_DOWN; i++)
#pragma unroll
                for (int j = 0; j < 4 * T::BLOCKS_ACROSS; j++)
                    sums[i][j] = fmaf(component(rows[i / 4], i % 4), component(columns[j / 4], j % 4), sums[i][j]);
        }
    }

    finish_sums(epilogue, sums, geometry.columns, [&](int j) { return tile.column + column + j / 4 * T::LANES_ACROSS * 4 + j % 4; });
    c += int64(blockIdx.y) * geometry.rows * geometry.columns;
    bool aligned = is_aligned(c, geometry.columns);
#pragma unroll
    for (int i = 0; i < 4 * T::BLOCKS_DOWN; i++)
    {
        int y = tile.row + row + i / 4 * T::LANES_DOWN * 4 + i % 4;
        if (y >= geometry.rows) continue;
#pragma unroll
        for (int j = 0; j < T::BLOCKS_ACROSS; j++)
            store_four(make_float4(sums[i][4 * j], sums[i][4 * j + 1], sums[i][4 * j + 2], sums[i][4 * j + 3]),
                       tile.column + column + j * T::LANES_ACROSS * 4, geometry.columns, c + int64(y) * geometry.columns, aligned, epilogue.store);
    }
}

#define MATMUL(threads, resident, name, tiling, adjacent_rows, adjacent_columns)                                                                        \
    KERNEL_RESIDENT(threads, resident, name, MatMulGeometry geometry, MatMulEpilogue epilogue, const float* a, const float* b, float* c, int depth) \
    {                                                                                                                                         \
        SHARED(float, left, [2 * tiling::DEPTH * tiling::LEFT_PITCH]);                                                                        \
        SHARED(float, right, [2 * tiling::DEPTH * tiling::RIGHT_PITCH]);                                                                      \
        multiply<tiling, adjacent_rows, adjacent_columns>(geometry, epilogue, a, b, c, depth, left, right);                                             \
    }

MATMUL(256, 2, matmul_vectorized_nn, Tiling128, false, true)
MATMUL(256, 2, matmul_vectorized_tn, Tiling128, true, true)
MATMUL(256, 2, matmul_vectorized_nt, Tiling128, false, false)
MATMUL(256, 2, matmul_vectorized_tt, Tiling128, true, false)

// Small tiles -------------------------------------------------------------------------------------------------------------------------------
// A quarter of the tile: four times as many blocks, for C that does not fill the device with 128 x 128 tiles, at a lower rate per multiprocessor.

MATMUL(128, 4, matmul_small_nn, Tiling64, false, true)
MATMUL(128, 4, matmul_small_tn, Tiling64, true, true)
MATMUL(128, 4, matmul_small_nt, Tiling64, false, false)
MATMUL(128, 4, matmul_small_tt, Tiling64, true, false)

// Adds the parts of a product in their order and finishes: C[i] = finish(Σ_p parts[p · count + i]).
KERNEL(256, matmul_split_sum, int count, int columns, int parts, MatMulEpilogue epilogue, const float* values, float* c)
{
    for (int64 i = first_element(); i < count; i += element_stride())
    {
        float sum = values[i];
        for (int part = 1; part < parts; part++) sum += values[int64(part) * count + i];
        finish(epilogue, sum, int(i % columns), c + i);
    }
}
