// y = maxpool2x2(relu(x * weight + b)) in one pass, and its backward passes on the pooled gradient: a convolution of stride 1 without padding, dilation and
// groups, K x K taps, 2 x 2 windows of stride 2. x [N, C, H, W], weight [O, C, K, K], y and argmax [N, O, P, Q] (P, Q pooled extents).
//
// argmax is a byte: bits 0 and 1 the column and the row of the winner inside its window, bit 2 set where ReLU is off (y > 0 is false). As in max_pool2d the
// first among equals wins and the first NaN stays. Where ReLU is off the gradient is dy * 0, as in relu: NaN and infinities of dy go on.
//
// The values before the pooling are never in memory, and three of four places carry no gradient: backward passes touch the winners alone.
#include "async.cuh"
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
// Forward: block (x, y) makes the 32 windows from 32 * x for part y of the output channels, at most 32 of them. Lane l of warp w holds window l of the channels
// first + 4 * (w % 8) + 0..3 (16 sums); warps 0 to 7 take the even input channels, the others the odd ones, and their sums meet at the end. A slice, two input
// channels, lies in shared memory: for each window its pixels, windows side by side, and the taps of the channels. While one is used the next is on its way.
// ---------------------------------------------------------------------------------------------------------------------------------------------
template <int K> DEVICE void forward(const Conv2dPoolGeometry& g, const float* x, const float* weight, const float* bias, float* y, uint8* argmax)
{
    constexpr int TAPS = K * K, PITCH = (TAPS + 3) / 4 * 4, PATCH = (K + 1) * (K + 1), STEP = 2, EACH = 4, THREADS = 512;
    constexpr int PIXELS = STEP * PATCH * 32, SLICE = PIXELS + STEP * 32 * PITCH, SUMS = THREADS / 2 * EACH * 4;
    SHARED(float, memory, [2 * SLICE > SUMS ? 2 * SLICE : SUMS]);
    const Conv2dGeometry& c = g.convolution;
    int t = threadIdx.x, lane = t % 32, part = t / (THREADS / 2), own = t / 32 % 8 * EACH;
    int groups = (c.out_channels + EACH - 1) / EACH, first = groups * blockIdx.y / gridDim.y * EACH;
    int count = min(c.out_channels, int(groups * (blockIdx.y + 1) / gridDim.y * EACH)) - first;
    int area = g.pooled_height * g.pooled_width, plane = c.in_height * c.in_width;
    uint32 q = blockIdx.x * 32 + lane;
    bool inside = q < uint32(c.batch) * area;
    int n = q / area, at = q % area;
    const float* corner = x + (inside ? n * c.in_channels * plane + at / g.pooled_width * 2 * c.in_width + at % g.pooled_width * 2 : 0);
    auto copy = [&](int channel, float* slice)
    {
        // Each warp brings every sixteenth pixel of the windows of its lanes.
#pragma unroll
        for (int l = t / 32; l < STEP * PATCH; l += THREADS / 32)
        {
            int s = l / PATCH, row = l % PATCH / (K + 1), column = l % (K + 1);
            bool valid = channel + s < c.in_channels;
            copy_async_4(slice + l * 32 + lane, corner + (valid ? (channel + s) * plane + row * c.in_width + column : 0), valid);
        }
        for (int l = t; l < STEP * 32 * TAPS; l += THREADS)
        {
            int s = l / (32 * TAPS), o = l / TAPS % 32, tap = l % TAPS;
            bool valid = o < count && channel + s < c.in_channels;
            copy_async_4(slice + PIXELS + (s * 32 + o) * PITCH + tap, weight + (valid ? ((first + o) * c.in_channels + channel + s) * TAPS + tap : 0), valid);
        }
    };
    float z[EACH][4];
#pragma unroll
    for (int o = 0; o < EACH; o++)
#pragma unroll
        for (int k = 0; k < 4; k++) z[o][k] = 0;
    copy(0, memory);
    copy_async_commit();
    for (int channel = 0; channel < c.in_channels; channel += STEP)
    {
        float* slice = memory + channel / STEP % 2 * SLICE;
        copy_async_wait<0>();
        __syncthreads();   // this slice has come for all threads, and all have done with the one before, whose place the next one takes
        if (channel + STEP < c.in_channels) copy(channel + STEP, memory + (channel / STEP + 1) % 2 * SLICE);
        copy_async_commit();
        if (own >= count) continue;
        float patch[PATCH];
#pragma unroll
        for (int k = 0; k < PATCH; k++) patch[k] = slice[(part * PATCH + k) * 32 + lane];
#pragma unroll
        for (int o = 0; o < EACH; o++) add_window<K, PITCH>(slice + PIXELS + (part * 32 + own + o) * PITCH, patch, z[o]);
    }
    __syncthreads();
    float* sums = memory + t % (THREADS / 2);
    if (part == 1)
#pragma unroll
        for (int k = 0; k < EACH * 4; k++) sums[k * (THREADS / 2)] = z[k / 4][k % 4];
    __syncthreads();
    if (part == 1 || !inside) return;
#pragma unroll
    for (int o = 0; o < EACH; o++)
    {
        int channel = first + own + o, to = (n * c.out_channels + channel) * area + at;
        if (own + o >= count) break;
        float shift = bias ? bias[channel] : 0;
#pragma unroll
        for (int k = 0; k < 4; k++) z[o][k] = z[o][k] + sums[(o * 4 + k) * (THREADS / 2)] + shift;
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
// Backward passes of small planes, at most WINDOWS x WINDOWS windows. A lane is an input channel and holds the SIDE x SIDE pixels under the windows in
// registers; a warp meets one output of one image at a time, so that its lanes agree on every winner and pixels and taps pair up by branches, without addresses.
// ---------------------------------------------------------------------------------------------------------------------------------------------
template <int K> struct Planes { static constexpr int WINDOWS = K == 3 ? 5 : 4, SIDE = 2 * WINDOWS + K - 1, AREA = SIDE * SIDE; };

// The gradients and winners of one output of one image: lane l has those of window (l / WINDOWS, l % WINDOWS), 0 where there is none.
struct OutputGradients
{
    float gradient;
    int code;
};

template <int K> DEVICE OutputGradients load_output(const Conv2dPoolGeometry& g, const uint8* argmax, const float* dy, int n, int o)
{
    constexpr int WINDOWS = Planes<K>::WINDOWS;
    int lane = threadIdx.x % 32, i = lane / WINDOWS, j = lane % WINDOWS;
    if (i >= g.pooled_height || j >= g.pooled_width) return {0, 0};
    int64 at = ((int64(n) * g.convolution.out_channels + o) * g.pooled_height + i) * g.pooled_width + j;
    return {dy[at], argmax[at]};
}

// act(gradient, i, j): for each window its gradient and the pixel of its winner.
template <int K, class F> DEVICE void for_each_winner(const OutputGradients& output, F act)
{
    constexpr int WINDOWS = Planes<K>::WINDOWS;
    float own = gradient_of(output.gradient, output.code);
    uint32 columns = __ballot_sync(EVERY_LANE, output.code & 1), rows = __ballot_sync(EVERY_LANE, output.code & 2);
    float next = __shfl_sync(EVERY_LANE, own, 0);
#pragma unroll
    for (int window = 0; window < WINDOWS * WINDOWS; window++)
    {
        constexpr int LAST = WINDOWS * WINDOWS - 1;
        int i = window / WINDOWS * 2, j = window % WINDOWS * 2;
        float gradient = next;
        next = __shfl_sync(EVERY_LANE, own, window < LAST ? window + 1 : LAST);
        if (rows >> window & 1)
        {
            if (columns >> window & 1) act(gradient, i + 1, j + 1);
            else act(gradient, i + 1, j);
        }
        else
        {
            if (columns >> window & 1) act(gradient, i, j + 1);
            else act(gradient, i, j);
        }
    }
}

// Backward input: block (x, y) makes image x in the input channels 32 * y + 0..31. Warp w takes the outputs w, w + 8, ..., the taps and gradients of which it
// brings one output ahead, and the eight sums of a pixel meet in shared memory.
// Dynamic shared memory: 8 * 2 * 32 * K * K or 4 * AREA * 33 floats, whichever is more.
template <int K> DEVICE void backward_input_planes(const Conv2dPoolGeometry& g, const float* weight, const uint8* argmax, const float* dy, float* dx, int store)
{
    constexpr int TAPS = K * K, SIDE = Planes<K>::SIDE, AREA = Planes<K>::AREA, WARPS = 8, PITCH = 33;
    DYNAMIC_SHARED(float, memory);
    const Conv2dGeometry& c = g.convolution;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, n = blockIdx.x, first_channel = blockIdx.y * 32, channels = min(32, c.in_channels - first_channel);
    float* taps = memory + warp * 2 * 32 * TAPS;
    const float* from = weight + first_channel * TAPS;
    bool vectors = (reinterpret_cast<uint64>(from) & 15) == 0 && c.in_channels % 4 == 0 && channels % 4 == 0;
    auto copy = [&](int o, float* to)
    {
        const float* own = from + int64(o) * c.in_channels * TAPS;
        if (vectors)
            for (int l = 4 * lane; l < channels * TAPS; l += 128) copy_async_16(to + l, own + l, 4);
        else
            for (int l = lane; l < channels * TAPS; l += 32) copy_async_4(to + l, own + l, true);
    };
    float sums[AREA];
#pragma unroll
    for (int k = 0; k < AREA; k++) sums[k] = 0;
    OutputGradients output = {0, 0};
    if (warp < c.out_channels) copy(warp, taps), output = load_output<K>(g, argmax, dy, n, warp);
    copy_async_commit();
    for (int o = warp, turn = 0; o < c.out_channels; o += WARPS, turn ^= 1)
    {
        OutputGradients now = output;
        copy_async_wait<0>();
        __syncwarp();   // the taps have come for all lanes, and all have read those before
        if (o + WARPS < c.out_channels) copy(o + WARPS, taps + (turn ^ 1) * 32 * TAPS), output = load_output<K>(g, argmax, dy, n, o + WARPS);
        copy_async_commit();
        float tap[TAPS];
#pragma unroll
        for (int k = 0; k < TAPS; k++) tap[k] = taps[turn * 32 * TAPS + lane * TAPS + k];
        for_each_winner<K>(now, [&](float gradient, int i, int j)
        {
#pragma unroll
            for (int k = 0; k < TAPS; k++) sums[(i + k / K) * SIDE + j + k % K] += gradient * tap[k];
        });
    }
    float* meeting = memory + warp % (WARPS / 2) * AREA * PITCH + lane;
    __syncthreads();
    if (warp >= WARPS / 2)
#pragma unroll
        for (int k = 0; k < AREA; k++) meeting[k * PITCH] = sums[k];
    __syncthreads();
    if (warp < WARPS / 2)
#pragma unroll
        for (int k = 0; k < AREA; k++) meeting[k * PITCH] += sums[k];
    __syncthreads();
    int plane = c.in_height * c.in_width;
    for (int channel = warp; channel < channels; channel += WARPS)
    {
        float* to = dx + (int64(n) * c.in_channels + first_channel + channel) * plane;
        for (int l = lane; l < plane; l += 32)
        {
            int row = l / c.in_width, column = l % c.in_width;
            const float* at = memory + (row * SIDE + column) * PITCH + channel;
            float sum = 0;   // behind the last window are pixels that no tap reaches
            if (row < SIDE && column < SIDE)
#pragma unroll
                for (int k = 0; k < WARPS / 2; k++) sum += at[k * AREA * PITCH];
            to[l] = store == ADD ? to[l] + sum : sum;
        }
    }
}

// Backward weight: block (x, y, z) goes through part x of the images for part y of the outputs, two to a warp, and the input channels 32 * z + 0..31, whose
// pixels are brought one image ahead. Part x of parts: [O, K * K, C] sums, then [O] sums of the gradients.
// Dynamic shared memory: 2 * 32 * (AREA | 1) floats.
template <int K> DEVICE void backward_weight_planes(const Conv2dPoolGeometry& g, const float* x, const uint8* argmax, const float* dy, float* parts)
{
    constexpr int TAPS = K * K, SIDE = Planes<K>::SIDE, AREA = Planes<K>::AREA, PITCH = AREA | 1, THREADS = 256, EACH = 2;
    DYNAMIC_SHARED(float, memory);
    const Conv2dGeometry& c = g.convolution;
    int t = threadIdx.x, lane = t % 32, first_channel = blockIdx.z * 32, channels = min(32, c.in_channels - first_channel);
    int pairs = (c.out_channels + EACH - 1) / EACH, pair = pairs * blockIdx.y / gridDim.y + t / 32, last_pair = pairs * (blockIdx.y + 1) / gridDim.y;
    int plane = c.in_height * c.in_width, output = pair * EACH;
    int n = int(int64(c.batch) * blockIdx.x / gridDim.x), last = int(int64(c.batch) * (blockIdx.x + 1) / gridDim.x);
    auto copy = [&](int image, float* to)
    {
        const float* from = x + (int64(image) * c.in_channels + first_channel) * plane;
        for (int l = lane; l < plane; l += 32)
        {
            int row = l / c.in_width, column = l % c.in_width;
            if (row >= SIDE || column >= SIDE) continue;   // no tap reaches it
            for (int channel = t / 32; channel < channels; channel += THREADS / 32)
                copy_async_4(to + channel * PITCH + row * SIDE + column, from + channel * plane + l, true);
        }
    };
    float sums[EACH][TAPS], totals[EACH];
#pragma unroll
    for (int e = 0; e < EACH; e++)
    {
        totals[e] = 0;
#pragma unroll
        for (int k = 0; k < TAPS; k++) sums[e][k] = 0;
    }
    // What lies beyond a smaller plane meets gradients of 0.
    if (c.in_height < SIDE || c.in_width < SIDE)
        for (int l = t; l < 2 * 32 * PITCH; l += THREADS) memory[l] = 0;
    __syncthreads();
    if (n < last) copy(n, memory);
    copy_async_commit();
    for (int turn = 0; n < last; n++, turn ^= 1)
    {
        OutputGradients gradients[EACH];
#pragma unroll
        for (int e = 0; e < EACH; e++)
        {
            gradients[e] = {0, 0};
            if (pair < last_pair && output + e < c.out_channels) gradients[e] = load_output<K>(g, argmax, dy, n, output + e);
        }
        copy_async_wait<0>();
        __syncthreads();   // this image has come for all threads, and all have done with the one before, whose place the next one takes
        if (n + 1 < last) copy(n + 1, memory + (turn ^ 1) * 32 * PITCH);
        copy_async_commit();
        if (pair >= last_pair) continue;
        float pixel[AREA];
#pragma unroll
        for (int k = 0; k < AREA; k++) pixel[k] = memory[(turn * 32 + lane) * PITCH + k];
#pragma unroll
        for (int e = 0; e < EACH; e++)
            for_each_winner<K>(gradients[e], [&](float gradient, int i, int j)
            {
                totals[e] += gradient;
#pragma unroll
                for (int k = 0; k < TAPS; k++) sums[e][k] += gradient * pixel[(i + k / K) * SIDE + j + k % K];
            });
    }
    if (pair >= last_pair) return;
    int weights = c.out_channels * c.in_channels * TAPS;
    float* part = parts + int64(blockIdx.x) * (weights + c.out_channels);
#pragma unroll
    for (int e = 0; e < EACH; e++)
    {
        if (output + e >= c.out_channels) break;
#pragma unroll
        for (int k = 0; k < TAPS; k++)
            if (lane < channels) part[((output + e) * TAPS + k) * c.in_channels + first_channel + lane] = sums[e][k];
        if (first_channel == 0 && lane == 0) part[weights + output + e] = totals[e];
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Backward weight: block (x, y, z) takes the output channels [y * outputs, ...), the input channels [z * inputs, ...) and part x of the work, which is counted
// in bands: `band` pooled rows of one image. A band lies in shared memory: its pixels per input channel, rows of even length, and per window the
// gradients and the codes of the outputs. Thread t holds all K * K taps of output t % outputs and input t / outputs % inputs, and goes through every
// slots-th window; winners choose the rows by address and the columns by selection. At the end the slots are added in order; the block's sums go to part x of
// parts: [K * K, C, O], then the sums of the gradients, [O].
// Dynamic shared memory, floats: inputs * (2 * band + K - 1) * pitch + band * Q * (outputs | 1) * 5 / 4, and at least 256 * (K * K + 1) with several slots.
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
    float sums[TAPS + 1];   // the last one: of the gradients
#pragma unroll
    for (int k = 0; k <= TAPS; k++) sums[k] = 0;
    for (; unit < last_unit; unit++)
    {
        int n = unit / bands, first_row = unit % bands * tiles.band, rows = min(tiles.band, g.pooled_height - first_row);
        int windows = rows * g.pooled_width, pixel_rows = 2 * rows + K - 1;
        __syncthreads();
        for (int l = t; l < tiles.inputs * pixel_rows * c.in_width; l += THREADS)
        {
            int column = l % c.in_width, row = l / c.in_width % pixel_rows, k = l / c.in_width / pixel_rows;
            bool valid = first_input + k < c.in_channels;
            copy_async_4(pixels + (k * most_rows + row) * pitch + column,
                x + (valid ? (n * c.in_channels + first_input + k) * plane + (2 * first_row + row) * c.in_width + column : 0), valid);
        }
        copy_async_commit();
#pragma unroll 4
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
        copy_async_wait<0>();
        __syncthreads();
        if (slot >= tiles.slots) continue;
        const float* image = pixels + input * most_rows * pitch;
        int i = slot / g.pooled_width, j = slot % g.pooled_width;
        for (int window = slot; window < windows; window += tiles.slots)
        {
            float gradient = gradients[window * spread + o];
            int code = codes[window * spread + o];
            const float* from = image + (2 * i + (code >> 1 & 1)) * pitch + 2 * j;
            sums[TAPS] += gradient;
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
    // Tap k of a pair; threads next to each other have outputs next to each other.
    int weights = TAPS * c.in_channels * c.out_channels;
    float* part = parts + int64(blockIdx.x) * (weights + c.out_channels);
    auto put = [&](int k, int pair, float sum)
    {
        int output = first_output + pair % tiles.outputs, channel = first_input + pair / tiles.outputs;
        if (output >= c.out_channels || channel >= c.in_channels) return;
        if (k < TAPS) part[(k * c.in_channels + channel) * c.out_channels + output] = sum;
        else if (channel == 0) part[weights + output] = sum;
    };
    if (tiles.slots == 1)
    {
        if (slot > 0) return;
#pragma unroll
        for (int k = 0; k <= TAPS; k++) put(k, t, sums[k]);
        return;
    }
    // Slots meet through the memory of the pixels.
    __syncthreads();
#pragma unroll
    for (int k = 0; k <= TAPS; k++) pixels[k * THREADS + t] = sums[k];
    __syncthreads();
    for (int l = t; l < (TAPS + 1) * pairs; l += THREADS)
    {
        int k = l / pairs, pair = l % pairs;
        float sum = pixels[k * THREADS + pair];
        for (int other = 1; other < tiles.slots; other++) sum += pixels[k * THREADS + other * pairs + pair];
        put(k, pair, sum);
    }
}

#define FUSED(K)                                                                                                                                    \
    KERNEL_RESIDENT(128, 4, conv2d_relu_max_pool2d_forward_first_##K, Conv2dPoolGeometry g, const float* x, const float* weight, const float* bias, \
        float* y, uint8* argmax, int channels)                                                                                                     \
    {                                                                                                                                               \
        forward_first<K>(g, x, weight, bias, y, argmax, channels);                                                                                  \
    }                                                                                                                                               \
    KERNEL_RESIDENT(512, 1, conv2d_relu_max_pool2d_forward_##K, Conv2dPoolGeometry g, const float* x, const float* weight, const float* bias,       \
        float* y, uint8* argmax)                                                                                                                    \
    {                                                                                                                                               \
        forward<K>(g, x, weight, bias, y, argmax);                                                                                                  \
    }                                                                                                                                               \
    KERNEL_RESIDENT(128, 4, conv2d_relu_max_pool2d_backward_input_##K, Conv2dPoolGeometry g, const float* weight, const uint8* argmax,              \
        const float* dy, float* dx)                                                                                                                 \
    {                                                                                                                                               \
        backward_input<K>(g, weight, argmax, dy, dx);                                                                                               \
    }                                                                                                                                               \
    KERNEL_RESIDENT(256, 1, conv2d_relu_max_pool2d_backward_input_planes_##K, Conv2dPoolGeometry g, const float* weight, const uint8* argmax,        \
        const float* dy, float* dx, int store)                                                                                                     \
    {                                                                                                                                               \
        backward_input_planes<K>(g, weight, argmax, dy, dx, store);                                                                                 \
    }                                                                                                                                               \
    KERNEL_RESIDENT(256, 1, conv2d_relu_max_pool2d_backward_weight_planes_##K, Conv2dPoolGeometry g, const float* x, const uint8* argmax,            \
        const float* dy, float* parts)                                                                                                             \
    {                                                                                                                                               \
        backward_weight_planes<K>(g, x, argmax, dy, parts);                                                                                         \
    }                                                                                                                                               \
    KERNEL_RESIDENT(256, 2, conv2d_relu_max_pool2d_backward_weight_##K, Conv2dPoolGeometry g, WeightTiles tiles, const float* x,                    \
        const uint8* argmax, const float* dy, float* parts)                                                                                         \
    {                                                                                                                                               \
        backward_weight<K>(g, tiles, x, argmax, dy, parts);                                                                                         \
    }

FUSED(3)
FUSED(5)
