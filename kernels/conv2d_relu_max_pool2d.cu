// y = maxpool2x2(relu(x * weight + b)) in one pass, and its backward passes on the pooled gradient: a convolution of stride 1 without padding, dilation and
// groups, K x K taps, 2 x 2 windows of stride 2. x [N, C, H, W], weight [O, C, K, K], y and argmax [N, O, P, Q] (P, Q pooled extents).
//
// argmax is a byte: bits 0 and 1 the column and the row of the winner inside its window, bit 2 set where ReLU is off (y > 0 is false). As in max_pool2d the
// first among equals wins and the first NaN stays. Where ReLU is off the gradient is dy * 0, as in relu: NaN and infinities of dy go on.
//
// The values before the pooling are never in memory, and three of four places carry no gradient: backward passes touch the winners alone.
#include "common.cuh"
#include "geometry.cuh"

#define OFF 4

// A winner among z of the places (0, 0), (0, 1), (1, 0), (1, 1).
DEVICE float pooled(const float* z, uint8* code)
{
    float best = z[0] < 0 ? 0 : z[0];
    int at = 0;
#pragma unroll
    for (int k = 1; k < 4; k++)
    {
        float value = z[k] < 0 ? 0 : z[k];
        if (!(value <= best) && best == best) best = value, at = k;
    }
    *code = uint8(best > 0 ? at : at | OFF);
    return best;
}

DEVICE float gradient_of(float dy, int code) { return code & OFF ? dy * 0.0f : dy; }

// The pixels under one window: (K + 1) x (K + 1), row-major, to registers.
template <int K> DEVICE void load_patch(const float* x, int width, float* patch)
{
#pragma unroll
    for (int u = 0; u <= K; u++)
#pragma unroll
        for (int v = 0; v <= K; v++) patch[u * (K + 1) + v] = x[u * width + v];
}

// z += the four places of a window with K * K taps; taps are read four at a time, PITCH of them, the rest unused.
template <int K, int PITCH> DEVICE void add_window(const float* taps, const float* patch, float* z)
{
    float w[PITCH];
#pragma unroll
    for (int k = 0; k < PITCH; k += 4) *reinterpret_cast<float4*>(w + k) = *reinterpret_cast<const float4*>(taps + k);
#pragma unroll
    for (int u = 0; u < K; u++)
#pragma unroll
        for (int v = 0; v < K; v++)
        {
            const float* p = patch + u * (K + 1) + v;
            z[0] += w[u * K + v] * p[0];
            z[1] += w[u * K + v] * p[1];
            z[2] += w[u * K + v] * p[K + 1];
            z[3] += w[u * K + v] * p[K + 2];
        }
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Forward with one input channel: thread t of block (x, y) keeps the pixels of window 128 * x + t in registers and goes through the output channels
// [y * channels, (y + 1) * channels), whose weights every thread reads at the same time. Dynamic shared memory: channels * PITCH floats.
// ---------------------------------------------------------------------------------------------------------------------------------------------
template <int K> DEVICE void forward_first(const Conv2dPoolGeometry& g, const float* x, const float* weight, const float* bias, float* y, uint8* argmax, int channels)
{
    constexpr int TAPS = K * K, PITCH = (TAPS + 3) / 4 * 4;
    DYNAMIC_SHARED(float, taps);
    const Conv2dGeometry& c = g.convolution;
    int t = threadIdx.x, first = blockIdx.y * channels, count = min(channels, c.out_channels - first);
    for (int l = t; l < count * PITCH; l += 128) taps[l] = l % PITCH < TAPS ? weight[(first + l / PITCH) * TAPS + l % PITCH] : 0;
    __syncthreads();
    int area = g.pooled_height * g.pooled_width;
    uint32 q = blockIdx.x * 128 + t;
    if (q >= uint32(c.batch) * area) return;
    int n = q / area, at = q % area, i = at / g.pooled_width, j = at % g.pooled_width;
    float patch[(K + 1) * (K + 1)];
    load_patch<K>(x + (n * c.in_height + 2 * i) * c.in_width + 2 * j, c.in_width, patch);
    int to = (n * c.out_channels + first) * area + at;
#pragma unroll 2
    for (int o = 0; o < count; o++, to += area)
    {
        float z[4] = {0, 0, 0, 0}, shift = bias ? bias[first + o] : 0;
        add_window<K, PITCH>(taps + o * PITCH, patch, z);
#pragma unroll
        for (int k = 0; k < 4; k++) z[k] += shift;
        uint8 code;
        y[to] = pooled(z, &code);
        argmax[to] = code;
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Forward: block (x, y) makes the 32 windows from 32 * x for the 32 output channels from 32 * y. Lane l of warp w holds window l of the channels 4 * w + 0..3
// (16 sums). STEP input channels at a time lie in shared memory: for each window its pixels, windows side by side, and the taps of the channels.
// ---------------------------------------------------------------------------------------------------------------------------------------------
template <int K> DEVICE void forward(const Conv2dPoolGeometry& g, const float* x, const float* weight, const float* bias, float* y, uint8* argmax)
{
    constexpr int TAPS = K * K, PITCH = (TAPS + 3) / 4 * 4, PATCH = (K + 1) * (K + 1), STEP = 2, EACH = 4;
    SHARED(float, pixels, [STEP][PATCH][32]);
    SHARED(float, taps, [STEP][32][PITCH]);
    const Conv2dGeometry& c = g.convolution;
    int t = threadIdx.x, lane = t % 32, own = t / 32 * EACH, first = blockIdx.y * 32;
    int area = g.pooled_height * g.pooled_width, plane = c.in_height * c.in_width;
    uint32 q = blockIdx.x * 32 + lane;
    bool inside = q < uint32(c.batch) * area;
    int n = q / area, at = q % area, corner = inside ? n * c.in_channels * plane + at / g.pooled_width * 2 * c.in_width + at % g.pooled_width * 2 : 0;
    float z[EACH][4];
#pragma unroll
    for (int o = 0; o < EACH; o++)
#pragma unroll
        for (int k = 0; k < 4; k++) z[o][k] = 0;
    for (int channel = 0; channel < c.in_channels; channel += STEP)
    {
        __syncthreads();
        // Each warp brings every eighth pixel of the windows of its lanes.
        for (int l = t / 32; l < STEP * PATCH; l += 8)
        {
            int s = l / PATCH, pixel = l % PATCH;
            pixels[s][pixel][lane] =
                channel + s < c.in_channels ? x[corner + (channel + s) * plane + pixel / (K + 1) * c.in_width + pixel % (K + 1)] : 0;
        }
        for (int l = t; l < STEP * 32 * PITCH; l += 256)
        {
            int s = l / (32 * PITCH), o = first + l / PITCH % 32, tap = l % PITCH;
            taps[s][l / PITCH % 32][tap] =
                tap < TAPS && o < c.out_channels && channel + s < c.in_channels ? weight[(o * c.in_channels + channel + s) * TAPS + tap] : 0;
        }
        __syncthreads();
        if (first + own >= c.out_channels) continue;
#pragma unroll 1
        for (int s = 0; s < STEP; s++)
        {
            float patch[PATCH];
#pragma unroll
            for (int k = 0; k < PATCH; k++) patch[k] = pixels[s][k][lane];
#pragma unroll
            for (int o = 0; o < EACH; o++) add_window<K, PITCH>(taps[s][own + o], patch, z[o]);
        }
    }
    if (!inside) return;
#pragma unroll
    for (int o = 0; o < EACH; o++)
    {
        int channel = first + own + o, to = (n * c.out_channels + channel) * area + at;
        if (channel >= c.out_channels) break;
        float shift = bias ? bias[channel] : 0;
#pragma unroll
        for (int k = 0; k < 4; k++) z[o][k] += shift;
        uint8 code;
        y[to] = pooled(z[o], &code);
        argmax[to] = code;
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Backward input, gathering: thread t of block (x, y) holds the pixels (2a, 2b) .. (2a + 1, 2b + 1) of tile 128 * x + t, tiles counted over all images, in the
// input channels 4 * y + 0..3. Per output channel it meets the REACH x REACH windows up and left of its tile; window (a - i, b - j) with its winner at (r, s)
// reaches pixel (h, w) of the tile through tap (2i + h - r, 2j + w - s). Taps stand in shared memory with a ring of zeros, EACH output channels at a time,
// the four input channels side by side; ROW keeps the four addresses that a winner may choose in different banks.
// A gradient that is not finite may reach pixels beside its own through the zeros.
// ---------------------------------------------------------------------------------------------------------------------------------------------
template <int K> DEVICE void backward_input(const Conv2dPoolGeometry& g, const float* weight, const uint8* argmax, const float* dy, float* dx)
{
    constexpr int TAPS = K * K, REACH = (K + 1) / 2, ROWS = K + 2, ROW = K == 3 ? 6 : 10, EACH = 8;
    static_assert(ROW >= ROWS, "a row holds its ring");
    SHARED(float4, taps, [EACH][ROWS][ROW]);
    const Conv2dGeometry& c = g.convolution;
    int t = threadIdx.x, first_channel = blockIdx.y * 4, area = g.pooled_height * g.pooled_width;
    int tall = (c.in_height + 1) / 2, wide = (c.in_width + 1) / 2;
    uint32 q = blockIdx.x * 128 + t;
    bool inside = q < uint32(c.batch) * tall * wide;
    int n = q / (tall * wide), a = q / wide % tall, b = q % wide;
    int windows = n * c.out_channels * area + a * g.pooled_width + b;
    float4 sums[2][2];
#pragma unroll
    for (int k = 0; k < 4; k++) sums[k / 2][k % 2] = make_float4(0, 0, 0, 0);
    for (int first = 0; first < c.out_channels; first += EACH)
    {
        __syncthreads();
        for (int l = t; l < EACH * ROWS * ROW * 4; l += 128)
        {
            int part = l % 4, column = l / 4 % ROW - 1, row = l / (4 * ROW) % ROWS - 1, o = first + l / (4 * ROW * ROWS), channel = first_channel + part;
            bool tap = uint32(row) < uint32(K) && uint32(column) < uint32(K) && o < c.out_channels && channel < c.in_channels;
            reinterpret_cast<float*>(taps)[l] = tap ? weight[(o * c.in_channels + channel) * TAPS + row * K + column] : 0;
        }
        __syncthreads();
        if (!inside) continue;
        int count = min(EACH, c.out_channels - first);
#pragma unroll 1
        for (int o = 0; o < count; o++)
        {
            int from = windows + (first + o) * area;
#pragma unroll
            for (int i = 0; i < REACH; i++)
#pragma unroll
                for (int j = 0; j < REACH; j++)
                {
                    bool window = uint32(a - i) < uint32(g.pooled_height) && uint32(b - j) < uint32(g.pooled_width);
                    int at = from - i * g.pooled_width - j, code = window ? argmax[at] : 0;
                    float gradient = window ? gradient_of(dy[at], code) : 0;
                    const float4* own = &taps[o][2 * i + 1][2 * j + 1] - (code >> 1 & 1) * ROW - (code & 1);
#pragma unroll
                    for (int h = 0; h < 2; h++)
#pragma unroll
                        for (int w = 0; w < 2; w++)
                        {
                            float4 tap = own[h * ROW + w];
                            sums[h][w].x += gradient * tap.x;
                            sums[h][w].y += gradient * tap.y;
                            sums[h][w].z += gradient * tap.z;
                            sums[h][w].w += gradient * tap.w;
                        }
                }
        }
    }
    if (!inside) return;
    int plane = c.in_height * c.in_width;
    float* to = dx + (n * c.in_channels + first_channel) * plane + 2 * a * c.in_width + 2 * b;
#pragma unroll
    for (int h = 0; h < 2; h++)
#pragma unroll
        for (int w = 0; w < 2; w++)
        {
            if (2 * a + h >= c.in_height || 2 * b + w >= c.in_width) continue;
            float values[4] = {sums[h][w].x, sums[h][w].y, sums[h][w].z, sums[h][w].w};
#pragma unroll
            for (int part = 0; part < 4; part++)
                if (first_channel + part < c.in_channels) to[part * plane + h * c.in_width + w] += values[part];
        }
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Backward weight: block (x, y, z) takes the output channels [y * outputs, ...), the input channels [z * inputs, ...) and part x of the work, which is counted
// in bands: `band` pooled rows of one image. A band lies in shared memory: its pixels per input channel, rows of even length, and per window the
// gradients and the codes of the outputs. Thread t holds all K * K taps of output t % outputs and input t / outputs % inputs, and goes through every
// slots-th window; winners choose the rows by address and the columns by selection. At the end the slots are added in order; the block's sums go to part x of
// parts: [O, C, K, K], then the sums of the gradients, [O].
// Dynamic shared memory, floats: inputs * (2 * band + K - 1) * pitch + band * Q * (outputs | 1) * 5 / 4, at least 256.
// ---------------------------------------------------------------------------------------------------------------------------------------------
struct WeightTiles { int outputs, inputs, slots, band; };

template <int K> DEVICE void backward_weight(const Conv2dPoolGeometry& g, const WeightTiles& tiles, const float* x, const uint8* argmax, const float* dy, float* parts)
{
    constexpr int TAPS = K * K, THREADS = 256;
    DYNAMIC_SHARED(float, pixels);
    const Conv2dGeometry& c = g.convolution;
    int t = threadIdx.x, area = g.pooled_height * g.pooled_width, plane = c.in_height * c.in_width;
    int pitch = (c.in_width + 1) & ~1, most_rows = 2 * tiles.band + K - 1, spread = tiles.outputs | 1;
    float* gradients = pixels + tiles.inputs * most_rows * pitch;
    uint8* codes = reinterpret_cast<uint8*>(gradients + tiles.band * g.pooled_width * spread);
    int first_output = blockIdx.y * tiles.outputs, first_input = blockIdx.z * tiles.inputs;
    int pairs = tiles.outputs * tiles.inputs, slot = t / pairs, o = t % tiles.outputs, input = t / tiles.outputs % tiles.inputs;
    int bands = (g.pooled_height + tiles.band - 1) / tiles.band;
    int64 units = int64(c.batch) * bands;
    int unit = int(units * blockIdx.x / gridDim.x), last_unit = int(units * (blockIdx.x + 1) / gridDim.x);
    float sums[TAPS], total = 0;
#pragma unroll
    for (int k = 0; k < TAPS; k++) sums[k] = 0;
    for (; unit < last_unit; unit++)
    {
        int n = unit / bands, first_row = unit % bands * tiles.band, rows = min(tiles.band, g.pooled_height - first_row);
        int windows = rows * g.pooled_width, pixel_rows = 2 * rows + K - 1;
        __syncthreads();
        for (int l = t; l < tiles.inputs * pixel_rows * c.in_width; l += THREADS)
        {
            int column = l % c.in_width, row = l / c.in_width % pixel_rows, k = l / c.in_width / pixel_rows;
            pixels[(k * most_rows + row) * pitch + column] =
                first_input + k < c.in_channels ? x[(n * c.in_channels + first_input + k) * plane + (2 * first_row + row) * c.in_width + column] : 0;
        }
        for (int l = t; l < tiles.outputs * windows; l += THREADS)
        {
            int window = l % windows, k = l / windows, output = first_output + k, code = 0;
            float gradient = 0;
            if (output < c.out_channels)
            {
                int at = (n * c.out_channels + output) * area + first_row * g.pooled_width + window;
                code = argmax[at];
                gradient = gradient_of(dy[at], code);
            }
            gradients[window * spread + k] = gradient;
            codes[window * spread + k] = uint8(code);
        }
        __syncthreads();
        if (slot >= tiles.slots) continue;
        const float* image = pixels + input * most_rows * pitch;
        int i = slot / g.pooled_width, j = slot % g.pooled_width;
        for (int window = slot; window < windows; window += tiles.slots)
        {
            float gradient = gradients[window * spread + o];
            int code = codes[window * spread + o];
            const float* from = image + (2 * i + (code >> 1 & 1)) * pitch + 2 * j;
            total += gradient;
#pragma unroll
            for (int u = 0; u < K; u++)
            {
                float row[K + 1];
#pragma unroll
                for (int v = 0; v <= K; v += 2) *reinterpret_cast<float2*>(row + v) = *reinterpret_cast<const float2*>(from + u * pitch + v);
#pragma unroll
                for (int v = 0; v < K; v++) sums[u * K + v] += gradient * (code & 1 ? row[v + 1] : row[v]);
            }
            for (j += tiles.slots; j >= g.pooled_width; j -= g.pooled_width) i++;
        }
    }
    // Slots meet through the memory of the pixels.
    bool owner = slot == 0 && first_output + o < c.out_channels && first_input + input < c.in_channels;
    float* part = parts + int64(blockIdx.x) * (c.out_channels * c.in_channels * TAPS + c.out_channels);
    float* to = part + ((first_output + o) * c.in_channels + first_input + input) * TAPS;
#pragma unroll
    for (int k = 0; k <= TAPS; k++)
    {
        float sum = k < TAPS ? sums[k < TAPS ? k : 0] : total;
        if (tiles.slots > 1)
        {
            __syncthreads();
            pixels[t] = sum;
            __syncthreads();
            if (slot == 0)
                for (int other = 1; other < tiles.slots; other++) sum += pixels[other * pairs + t];
        }
        if (owner && k < TAPS) to[k] = sum;
        if (owner && k == TAPS && first_input + input == 0) part[c.out_channels * c.in_channels * TAPS + first_output + o] = sum;
    }
}

#define FUSED(K)                                                                                                                                    \
    KERNEL_RESIDENT(128, 4, conv2d_relu_max_pool2d_forward_first_##K, Conv2dPoolGeometry g, const float* x, const float* weight, const float* bias, \
        float* y, uint8* argmax, int channels)                                                                                                     \
    {                                                                                                                                               \
        forward_first<K>(g, x, weight, bias, y, argmax, channels);                                                                                  \
    }                                                                                                                                               \
    KERNEL_RESIDENT(256, 2, conv2d_relu_max_pool2d_forward_##K, Conv2dPoolGeometry g, const float* x, const float* weight, const float* bias,       \
        float* y, uint8* argmax)                                                                                                                    \
    {                                                                                                                                               \
        forward<K>(g, x, weight, bias, y, argmax);                                                                                                  \
    }                                                                                                                                               \
    KERNEL_RESIDENT(128, 4, conv2d_relu_max_pool2d_backward_input_##K, Conv2dPoolGeometry g, const float* weight, const uint8* argmax,              \
        const float* dy, float* dx)                                                                                                                 \
    {                                                                                                                                               \
        backward_input<K>(g, weight, argmax, dy, dx);                                                                                               \
    }                                                                                                                                               \
    KERNEL_RESIDENT(256, 2, conv2d_relu_max_pool2d_backward_weight_##K, Conv2dPoolGeometry g, WeightTiles tiles, const float* x,                    \
        const uint8* argmax, const float* dy, float* parts)                                                                                         \
    {                                                                                                                                               \
        backward_weight<K>(g, tiles, x, argmax, dy, parts);                                                                                         \
    }

FUSED(3)
FUSED(5)
