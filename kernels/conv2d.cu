// Convolution of x [N, C, H, W] with weight [O, C / Groups, U, V]: y[n, o, i, j] = b[o] + sum_{c,u,v} weight[o, c, u, v] * x[n, c, i*s + u*d - p, j*s + v*d - p],
// s stride, p padding, d dilation. All passes are matrix products whose second operand is gathered from an image while it is loaded; nothing is unfolded
// in memory. Per group:
//
//   forward          y[o, (n,i,j)]   = sum_(c,u,v)  weight[o, c, u, v] * x[...]       rows o,  columns places of y
//   backward input   dx[c, (n,h,w)] += sum_(o,u,v)  weight[o, c, u, v] * dy[...]      rows c,  columns places of x
//   backward weight  dw[o, (c,u,v)] += sum_(n,i,j)  dy[o, (n,i,j)] * x[...]           rows o,  columns taps; the sum is cut into parts of constant length,
//                                                                                     which conv2d_sum_parts adds in order
//
// Forward and backward input are one problem, Conv2dProduct: source, x or dy, is what is gathered, the places are those of the target, y or dx. A tap is
// one element of the sum: where its weight stands and how far its source element lies from that of the place. Place (i, j) and tap (u, v) meet at source
// row (i * step + origin + u * reach) / stride, columns alike, where that is whole and inside. Which kernel serves which problem is decided in
// CudaDevice.Conv2d.cs.
#include "common.cuh"
#include "geometry.cuh"
#include "reduce.cuh"

// Rows, taps and source channels are those of one group.
struct Conv2dProduct
{
    int batch, groups, rows, taps;
    int row_stride, channel_stride, kernel_height, kernel_width;
    int source_channels, source_height, source_width, place_height, place_width;
    int step_height, step_width, origin_height, origin_width, reach_height, reach_width, stride_height, stride_width;
    int add;
};
static_assert(sizeof(Conv2dProduct) == 88, "as in CudaDevice.Conv2d.cs");

// A coordinate that is outside of every image, whatever is added to it once.
#define NOWHERE (-2147483647 - 1)

struct alignas(16) Tap { int weight, offset, row, column; };
struct alignas(16) Place { int base, row, column, unused; };

DEVICE int sum_of(int a, int b) { return int(uint32(a) + uint32(b)); }
DEVICE uint32 places_of(const Conv2dProduct& g) { return uint32(g.batch) * g.place_height * g.place_width; }
DEVICE int weights_of(const Conv2dProduct& g) { return g.rows * g.taps; }

// Beyond the last tap: weight -1, outside by its row.
template <bool STRIDED> DEVICE Tap tap_at(const Conv2dProduct& g, int k)
{
    Tap tap = {-1, 0, NOWHERE, 0};
    if (k >= g.taps) return tap;
    int area = g.kernel_height * g.kernel_width, channel = k / area, at = k % area;
    tap.row = at / g.kernel_width * g.reach_height;
    tap.column = at % g.kernel_width * g.reach_width;
    tap.weight = channel * g.channel_stride + at;
    tap.offset = channel * g.source_height * g.source_width + (STRIDED ? 0 : tap.row * g.source_width + tap.column);
    return tap;
}

// Beyond the last place: outside by its column.
template <bool STRIDED> DEVICE Place place_at(const Conv2dProduct& g, int group, uint32 q)
{
    Place place = {0, 0, NOWHERE, 0};
    if (q >= places_of(g)) return place;
    int n = q / (g.place_height * g.place_width), at = q % (g.place_height * g.place_width);
    place.row = at / g.place_width * g.step_height + g.origin_height;
    place.column = at % g.place_width * g.step_width + g.origin_width;
    place.base = (n * g.groups + group) * g.source_channels * g.source_height * g.source_width + (STRIDED ? 0 : place.row * g.source_width + place.column);
    return place;
}

template <bool STRIDED> DEVICE float gathered(const Conv2dProduct& g, const float* source, const Place& place, const Tap& tap)
{
    int row = sum_of(place.row, tap.row), column = sum_of(place.column, tap.column);
    if (!STRIDED)
        return uint32(row) < uint32(g.source_height) && uint32(column) < uint32(g.source_width) ? source[place.base + tap.offset] : 0;
    if (row < 0 || column < 0) return 0;
    int i = row / g.stride_height, j = column / g.stride_width;
    if (i * g.stride_height != row || j * g.stride_width != column || i >= g.source_height || j >= g.source_width) return 0;
    return source[place.base + tap.offset + i * g.source_width + j];
}

// Where row 0 of a group stands in the target for place q; a row further is a plane further.
DEVICE uint32 target_at(const Conv2dProduct& g, int group, uint32 q)
{
    uint32 plane = g.place_height * g.place_width;
    return (q / plane * g.groups + group) * g.rows * plane + q % plane;
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Tiles of ROWS x COLUMNS, 8 taps at a time. Block (x, y): columns x, row tile y of all groups, group by group.
// Thread t holds rows 4 * (t / (COLUMNS / TN)) + 0..3 and columns 4 * (t % (COLUMNS / TN)) + 0..3, each TM / 4 and TN / 4 times, half a tile apart.
// A thread gathers for one column; the taps are decoded once per block. While a tile is multiplied, the next one travels into registers.
// vectors: four neighbouring places lie side by side in the target, 16-byte aligned.
// ---------------------------------------------------------------------------------------------------------------------------------------------
#define DEPTH 8

template <bool STRIDED, int ROWS, int COLUMNS, int TM, int TN>
DEVICE void product(const Conv2dProduct& g, const float* source, const float* weight, const float* bias, float* target, int vectors)
{
    constexpr int ACROSS = COLUMNS / TN, THREADS = ROWS / TM * ACROSS;
    constexpr int WEIGHTS = ROWS * DEPTH / THREADS, ELEMENTS = COLUMNS * DEPTH / THREADS;
    static_assert(THREADS % COLUMNS == 0, "a thread gathers for one column");
    SHARED(float, a, [2][DEPTH][ROWS + 4]);
    SHARED(float, b, [2][DEPTH][COLUMNS]);
    SHARED(Tap, table, [2][DEPTH]);
    int t = threadIdx.x, row_tiles = (g.rows + ROWS - 1) / ROWS, group = blockIdx.y / row_tiles, first_row = blockIdx.y % row_tiles * ROWS;
    Place place = place_at<STRIDED>(g, group, blockIdx.x * COLUMNS + t % COLUMNS);
    int own_weight = group * weights_of(g) + (first_row + t / DEPTH) * g.row_stride;
    int own_rows = g.rows - first_row - t / DEPTH;
    float sums[TM][TN];
#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) sums[i][j] = 0;

    auto load_weights = [&](int buffer, float* next) {
        int at = table[buffer][t % DEPTH].weight;
#pragma unroll
        for (int l = 0; l < WEIGHTS; l++) next[l] = l * (THREADS / DEPTH) < own_rows && at >= 0 ? weight[own_weight + at + l * (THREADS / DEPTH) * g.row_stride] : 0;
    };
    auto keep_weights = [&](int buffer, const float* next) {
#pragma unroll
        for (int l = 0; l < WEIGHTS; l++) a[buffer][t % DEPTH][t / DEPTH + l * (THREADS / DEPTH)] = next[l];
    };
    auto load_elements = [&](int buffer, float* next) {
#pragma unroll
        for (int l = 0; l < ELEMENTS; l++) next[l] = gathered<STRIDED>(g, source, place, table[buffer][t / COLUMNS + l * (THREADS / COLUMNS)]);
    };
    auto keep_elements = [&](int buffer, const float* next) {
#pragma unroll
        for (int l = 0; l < ELEMENTS; l++) b[buffer][t / COLUMNS + l * (THREADS / COLUMNS)][t % COLUMNS] = next[l];
    };
    int row = t / ACROSS * 4, column = t % ACROSS * 4;
    auto multiply = [&](int buffer, int first) {
#pragma unroll
        for (int k = first; k < first + DEPTH / 2; k++)
        {
            float left[TM], right[TN];
#pragma unroll
            for (int i = 0; i < TM; i += 4)
                *reinterpret_cast<float4*>(left + i) = *reinterpret_cast<const float4*>(&a[buffer][k][row + i / 4 * (ROWS / 2)]);
#pragma unroll
            for (int j = 0; j < TN; j += 4)
                *reinterpret_cast<float4*>(right + j) = *reinterpret_cast<const float4*>(&b[buffer][k][column + j / 4 * (COLUMNS / 2)]);
#pragma unroll
            for (int i = 0; i < TM; i++)
#pragma unroll
                for (int j = 0; j < TN; j++) sums[i][j] += left[i] * right[j];
        }
    };

    if (t < 2 * DEPTH) table[t / DEPTH][t % DEPTH] = tap_at<STRIDED>(g, t);
    __syncthreads();
    float next[WEIGHTS > ELEMENTS ? WEIGHTS : ELEMENTS];
    load_weights(0, next);
    keep_weights(0, next);
    load_elements(0, next);
    keep_elements(0, next);
    __syncthreads();
#pragma unroll 1
    for (int first = 0; first < g.taps; first += DEPTH)
    {
        int now = first / DEPTH & 1, then = now ^ 1;
        bool more = first + DEPTH < g.taps;
        // The weights travel during the first half, the elements during the second: half the registers.
        if (more) load_weights(then, next);
        multiply(now, 0);
        if (more)
        {
            keep_weights(then, next);
            load_elements(then, next);
        }
        multiply(now, DEPTH / 2);
        if (more) keep_elements(then, next);
        // Read last before the barrier that ended the step before.
        if (t < DEPTH) table[now][t] = tap_at<STRIDED>(g, first + 2 * DEPTH + t);
        __syncthreads();
    }

    uint32 plane = g.place_height * g.place_width, places = places_of(g);
#pragma unroll
    for (int j = 0; j < TN; j += 4)
    {
        uint32 q = blockIdx.x * COLUMNS + column + j / 4 * (COLUMNS / 2), at[4];
#pragma unroll
        for (int l = 0; l < 4; l++)
            if (l == 0 || !vectors) at[l] = target_at(g, group, q + l);
#pragma unroll
        for (int i = 0; i < TM; i++)
        {
            int r = first_row + row + i / 4 * (ROWS / 2) + i % 4;
            if (r >= g.rows) continue;
            float shift = bias ? bias[group * g.rows + r] : 0;
            if (vectors)
            {
                if (q >= places) continue;
                float4* to = reinterpret_cast<float4*>(target + (at[0] + r * plane));
                float4 value = make_float4(sums[i][j] + shift, sums[i][j + 1] + shift, sums[i][j + 2] + shift, sums[i][j + 3] + shift);
                if (g.add)
                {
                    float4 old = *to;
                    value = make_float4(old.x + value.x, old.y + value.y, old.z + value.z, old.w + value.w);
                }
                *to = value;
            }
            else
#pragma unroll
                for (int l = 0; l < 4; l++)
                    if (q + l < places)
                    {
                        float* to = target + (at[l] + r * plane);
                        *to = sums[i][j + l] + (g.add ? *to : shift);
                    }
        }
    }
}

#define PRODUCT(name, strided, rows, threads, blocks, tm, tn)                                                                                          \
    KERNEL_RESIDENT(threads, blocks, name, Conv2dProduct g, const float* source, const float* weight, const float* bias, float* target, int vectors)   \
    {                                                                                                                                                  \
        product<strided, rows, 128, tm, tn>(g, source, weight, bias, target, vectors);                                                                 \
    }

PRODUCT(conv2d_product_32, false, 32, 128, 4, 4, 8)
PRODUCT(conv2d_product_64, false, 64, 256, 2, 4, 8)
PRODUCT(conv2d_product_128, false, 128, 256, 2, 8, 8)
PRODUCT(conv2d_strided_product_64, true, 64, 256, 2, 4, 8)

// ---------------------------------------------------------------------------------------------------------------------------------------------
// The same with few rows or few taps (a first layer, a layer of one channel per group): thread t holds ROWS rows of the columns t, t + 128, t + 256,
// t + 384 of its block and gathers them for itself; only the weights and the taps are shared. Blocks as above.
// ---------------------------------------------------------------------------------------------------------------------------------------------
template <bool STRIDED, int ROWS>
DEVICE void direct_product(const Conv2dProduct& g, const float* source, const float* weight, const float* bias, float* target)
{
    constexpr int CHUNK = 32, COLUMNS = 4, THREADS = 128;
    SHARED(float, weights, [CHUNK][ROWS]);
    SHARED(Tap, table, [CHUNK]);
    int t = threadIdx.x, row_tiles = (g.rows + ROWS - 1) / ROWS, group = blockIdx.y / row_tiles, first_row = blockIdx.y % row_tiles * ROWS;
    uint32 first_column = blockIdx.x * (COLUMNS * THREADS) + t;
    Place places[COLUMNS];
    float sums[ROWS][COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
    {
        places[j] = place_at<STRIDED>(g, group, first_column + j * THREADS);
#pragma unroll
        for (int i = 0; i < ROWS; i++) sums[i][j] = 0;
    }
    for (int first = 0; first < g.taps; first += CHUNK)
    {
        __syncthreads();
        if (t < CHUNK) table[t] = tap_at<STRIDED>(g, first + t);
        __syncthreads();
        for (int l = t; l < CHUNK * ROWS; l += THREADS)
        {
            int row = first_row + l / CHUNK, at = table[l % CHUNK].weight;
            weights[l % CHUNK][l / CHUNK] = row < g.rows && at >= 0 ? weight[group * weights_of(g) + row * g.row_stride + at] : 0;
        }
        __syncthreads();
        int count = g.taps - first < CHUNK ? g.taps - first : CHUNK;
#pragma unroll 1
        for (int k = 0; k < count; k++)
        {
            float values[COLUMNS];
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) values[j] = gathered<STRIDED>(g, source, places[j], table[k]);
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) sums[i][j] += weights[k][i] * values[j];
        }
    }
    uint32 plane = g.place_height * g.place_width;
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
    {
        uint32 q = first_column + j * THREADS;
        if (q >= places_of(g)) continue;
        float* to = target + (target_at(g, group, q) + first_row * plane);
#pragma unroll
        for (int i = 0; i < ROWS; i++, to += plane)
            if (first_row + i < g.rows) *to = sums[i][j] + (g.add ? *to : bias ? bias[group * g.rows + first_row + i] : 0);
    }
}

#define DIRECT(name, strided, rows)                                                                                                             \
    KERNEL_RESIDENT(128, 4, name, Conv2dProduct g, const float* source, const float* weight, const float* bias, float* target, int)             \
    {                                                                                                                                           \
        direct_product<strided, rows>(g, source, weight, bias, target);                                                                         \
    }

DIRECT(conv2d_product_1, false, 1)
DIRECT(conv2d_product_8, false, 8)
DIRECT(conv2d_strided_product_8, true, 8)

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Backward weight: tiles of EXTENT outputs x EXTENT taps, 16 places at a time. Block (x, y, z): tile x, group y, places [z * length, (z + 1) * length).
// Thread t holds outputs 4 * (t / (EXTENT / 4)) + 0..3 and taps 4 * (t % (EXTENT / 4)) + 0..3. Loading, thread t stays with place t % 16: neighbours
// read neighbours in dy and x. With one part it is added to dw, else each part lies behind the other in target.
// ---------------------------------------------------------------------------------------------------------------------------------------------
#define PLACES 16

// One element of the sum: where row 0 of its group stands in dy, and its place in the image.
struct alignas(16) Source { int gradient, base, row, column; };

// Beyond the end: gradient -1, outside by its column.
DEVICE Source source_at(const Conv2dProduct& g, int group, uint32 q, uint32 end)
{
    if (q >= end) return Source{-1, 0, 0, NOWHERE};
    Place place = place_at<false>(g, group, q);
    return Source{int(target_at(g, group, q)), place.base, place.row, place.column};
}

DEVICE float image_at(const Conv2dProduct& g, const float* x, const Source& source, const Tap& tap)
{
    return gathered<false>(g, x, Place{source.base, source.row, source.column, 0}, tap);
}

template <int EXTENT>
DEVICE void product_of_gradient(const Conv2dProduct& g, const float* x, const float* dy, float* target, int length)
{
    constexpr int ACROSS = EXTENT / 4, THREADS = ACROSS * ACROSS, LOADS = EXTENT * PLACES / THREADS, STRIDE = THREADS / PLACES;
    SHARED(float, a, [2][PLACES][EXTENT + 4]);
    SHARED(float, b, [2][PLACES][EXTENT + 4]);
    SHARED(Source, table, [2][PLACES]);
    SHARED(Tap, columns, [EXTENT]);
    int t = threadIdx.x, group = blockIdx.y;
    int column_tiles = (g.taps + EXTENT - 1) / EXTENT, first_row = blockIdx.x / column_tiles * EXTENT, first_column = blockIdx.x % column_tiles * EXTENT;
    uint32 plane = g.place_height * g.place_width, begin = blockIdx.z * length, end = min(begin + length, places_of(g));
    float sums[4][4], next_a[LOADS], next_b[LOADS];
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sums[i][j] = 0;
    for (int l = t; l < EXTENT; l += THREADS) columns[l] = tap_at<false>(g, first_column + l);

    auto load = [&](int buffer) {
        Source source = table[buffer][t % PLACES];
#pragma unroll
        for (int l = 0; l < LOADS; l++)
        {
            int at = t / PLACES + l * STRIDE;
            next_a[l] = first_row + at < g.rows && source.gradient >= 0 ? dy[source.gradient + (first_row + at) * plane] : 0;
            next_b[l] = image_at(g, x, source, columns[at]);
        }
    };
    auto keep = [&](int buffer) {
#pragma unroll
        for (int l = 0; l < LOADS; l++)
        {
            a[buffer][t % PLACES][t / PLACES + l * STRIDE] = next_a[l];
            b[buffer][t % PLACES][t / PLACES + l * STRIDE] = next_b[l];
        }
    };

    int steps = (end - begin + PLACES - 1) / PLACES, row = t / ACROSS * 4, column = t % ACROSS * 4;
    if (t < 2 * PLACES) table[t / PLACES][t % PLACES] = source_at(g, group, begin + t, end);
    __syncthreads();
    load(0);
    keep(0);
    __syncthreads();
    for (int step = 0; step < steps; step++)
    {
        int now = step & 1;
        if (step + 1 < steps) load(now ^ 1);
#pragma unroll
        for (int k = 0; k < PLACES; k++)
        {
            float left[4], right[4];
            *reinterpret_cast<float4*>(left) = *reinterpret_cast<const float4*>(&a[now][k][row]);
            *reinterpret_cast<float4*>(right) = *reinterpret_cast<const float4*>(&b[now][k][column]);
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) sums[i][j] += left[i] * right[j];
        }
        if (step + 1 < steps) keep(now ^ 1);
        if (step + 2 < steps && t < PLACES) table[now][t] = source_at(g, group, begin + (step + 2) * PLACES + t, end);
        __syncthreads();
    }

    float* part = target + (int64(blockIdx.z) * g.groups + group) * weights_of(g);
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            int r = first_row + row + i, q = first_column + column + j;
            if (r >= g.rows || q >= g.taps) continue;
            float* to = part + r * g.taps + q;
            *to = gridDim.z == 1 ? *to + sums[i][j] : sums[i][j];
        }
}

KERNEL_RESIDENT(64, 8, conv2d_backward_weight_32, Conv2dProduct g, const float* x, const float* dy, float* target, int length)
{
    product_of_gradient<32>(g, x, dy, target, length);
}

KERNEL_RESIDENT(256, 3, conv2d_backward_weight_64, Conv2dProduct g, const float* x, const float* dy, float* target, int length)
{
    product_of_gradient<64>(g, x, dy, target, length);
}

// Backward weight where a group has few outputs and few taps (one channel per group): block (x, y, z) sums 16 taps of one output of all groups, tile x of
// them, over the places of part y. Thread t takes every 256th place; its sums meet those of its warp lane by lane, then warp by warp.
KERNEL(256, conv2d_backward_weight_1, Conv2dProduct g, const float* x, const float* dy, float* target, int length)
{
    constexpr int TAPS = 16, WARPS = 8;
    SHARED(Tap, columns, [TAPS]);
    SHARED(float, met, [TAPS][WARPS]);
    int t = threadIdx.x, tiles = (g.taps + TAPS - 1) / TAPS;
    int output = blockIdx.x / tiles, first = blockIdx.x % tiles * TAPS, group = output / g.rows, count = min(g.taps - first, TAPS);
    uint32 plane = g.place_height * g.place_width, begin = blockIdx.z * length, end = min(begin + length, places_of(g));
    if (t < TAPS) columns[t] = tap_at<false>(g, first + t);
    __syncthreads();
    float sums[TAPS];
#pragma unroll
    for (int k = 0; k < TAPS; k++) sums[k] = 0;
    for (uint32 q = begin + t; q < end; q += 256)
    {
        Source source = source_at(g, group, q, end);
        float gradient = dy[source.gradient + output % g.rows * plane];
#pragma unroll
        for (int k = 0; k < TAPS; k++)
            if (k < count) sums[k] += gradient * image_at(g, x, source, columns[k]);
    }
#pragma unroll
    for (int k = 0; k < TAPS; k++)
    {
        sums[k] = warp_sum(sums[k]);
        if (t % 32 == 0) met[k][t / 32] = sums[k];
    }
    __syncthreads();
    if (t >= count) return;
    float sum = 0;
    for (int warp = 0; warp < WARPS; warp++) sum += met[t][warp];
    float* to = target + int64(blockIdx.z) * g.groups * weights_of(g) + output * g.taps + first + t;
    *to = gridDim.z == 1 ? *to + sum : sum;
}

// Where a sum of conv2d_sum_parts goes: element e = (i * d1 + j) * d2 + k of a part to i * s0 + j * s1 + k * s2.
struct PartsLayout { int d1, d2, s0, s1, s2; };
static_assert(sizeof(PartsLayout) == 20, "as in CudaDevice.Conv2d.cs");

// first[place(e)] += sum over parts of part[e] for e < firsts; the elements behind go to second as they lie. Parts lie stride elements apart. A destination may be
// null. Thread t of a block of 32 elements adds the parts t / 32, t / 32 + 8, ...; the eight sums are added in order.
KERNEL(256, conv2d_sum_parts, const float* parts, int count, int64 stride, int elements, int firsts, PartsLayout layout, float* first, float* second)
{
    SHARED(float, sums, [8][32]);
    int t = threadIdx.x, element = blockIdx.x * 32 + t % 32;
    float sum = 0;
    if (element < elements)
#pragma unroll 8
        for (int part = t / 32; part < count; part += 8) sum += parts[part * stride + element];
    sums[t / 32][t % 32] = sum;
    __syncthreads();
    if (t >= 32 || element >= elements) return;
    for (int k = 1; k < 8; k++) sum += sums[k][t];
    int place = element / layout.d2 / layout.d1 * layout.s0 + element / layout.d2 % layout.d1 * layout.s1 + element % layout.d2 * layout.s2;
    float* to = element < firsts ? first + place : second + (element - firsts);
    if (element < firsts ? first != nullptr : second != nullptr) *to += sum;
}
