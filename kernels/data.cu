// A batch of images from a dataset of bytes that lies on the device: what DataLoader makes on the host, by the same operations in the same order, so that
// the bits are the same (Exact: no fused multiply-add). src/RawDL.NN/Data: ByteDataset, ImageWarp, Normalization, Angle.
//
// Image i of the batch is order[first + position + i] where the position comes from the state; beyond the order it is 0 with label −1. Value: byte / 255,
// warped, then (value − mean[c]) · scale[c] where mean is not null.
//
// Grid: one block per image; threads run along its pixels, all channels of a pixel in one thread where the image is warped.
#include "geometry.cuh"
#include "philox.cuh"

template <typename T> struct Exact { T value; };
typedef Exact<float> Float;
typedef Exact<double> Double;
DEVICE Float exact(float value) { return {value}; }
DEVICE Double exact(double value) { return {value}; }
DEVICE Float operator+(Float a, Float b) { return {__fadd_rn(a.value, b.value)}; }
DEVICE Float operator-(Float a, Float b) { return {__fadd_rn(a.value, -b.value)}; }
DEVICE Float operator*(Float a, Float b) { return {__fmul_rn(a.value, b.value)}; }
DEVICE Float operator/(Float a, Float b) { return {a.value / b.value}; }
DEVICE Double operator-(Double a, Double b) { return {__dadd_rn(a.value, -b.value)}; }
DEVICE Double operator*(Double a, Double b) { return {__dmul_rn(a.value, b.value)}; }
DEVICE Double operator/(Double a, Double b) { return {a.value / b.value}; }

// The words of a stream in order: RandomStream in Philox.cs.
DEVICE uint32 random_word(uint64 seed, uint64 stream, uint32 place) 
{
    PhiloxBlock block = philox(seed, stream, place / 4);
    uint32 low = place & 1 ? block.words[1] : block.words[0], high = place & 1 ? block.words[3] : block.words[2];
    return place & 2 ? high : low;
}

// Uniform in −limit … limit.
DEVICE Float draw(uint64 seed, uint64 stream, uint32 place, float limit)
{
    Float low = exact(-limit);
    return low + (exact(limit) - low) * exact(uniform(random_word(seed, stream, place)));
}

// Uniform in 0 … bound − 1 from the words at place, which moves on: Lemire, as in Philox.cs.
DEVICE int draw_integer(uint64 seed, uint64 stream, uint32& place, uint32 bound)
{
    uint64 product = uint64(random_word(seed, stream, place++)) * bound;
    if (uint32(product) < bound)
        for (uint32 threshold = (0u - bound) % bound; uint32(product) < threshold;) product = uint64(random_word(seed, stream, place++)) * bound;
    return int(product >> 32);
}

// (sin, cos) of −π … π: Taylor to degree 13 at a quarter of the angle, doubled twice.
DEVICE void sine_cosine(Double angle, Double& sine, Double& cosine)
{
    Double x = angle / exact(4.0), y = x * x, one = exact(1.0);
    sine = x * (one - y / exact(6.0) * (one - y / exact(20.0) * (one - y / exact(42.0) * (one - y / exact(72.0) * (one - y / exact(110.0) * (one - y / exact(156.0)))))));
    cosine = one - y / exact(2.0) * (one - y / exact(12.0) * (one - y / exact(30.0) * (one - y / exact(56.0) * (one - y / exact(90.0) * (one - y / exact(132.0))))));
    for (int i = 0; i < 2; i++)
    {
        Double doubled = exact(2.0) * sine * cosine;
        cosine = cosine * cosine - sine * sine;
        sine = doubled;
    }
}

// Uniform cubic B-spline: CELLS cells over an extent, weights of the four knots around i, the first of which is returned.
#define CELLS 4
#define KNOTS 7

DEVICE int spline(int i, int extent, Float* weights)
{
    Float t = extent > 1 ? exact(float(i)) * exact(float(CELLS)) / exact(float(extent - 1)) : exact(0.0f);
    int cell = min(int(t.value), CELLS - 1);
    t = t - exact(float(cell));
    Float one = exact(1.0f), three = exact(3.0f), four = exact(4.0f), six = exact(6.0f), s = one - t;
    weights[0] = s * s * s / six;
    weights[1] = (three * t * t * t - six * t * t + four) / six;
    weights[2] = (three * s * s * s - six * s * s + four) / six;
    weights[3] = t * t * t / six;
    return cell;
}

struct Target
{
    float *x;
    const float *mean, *scale;
    int plane;
};

DEVICE void put(const Target& to, int channel, int pixel, Float value)
{
    if (to.mean != nullptr) value = (value - exact(to.mean[channel])) * exact(to.scale[channel]);
    to.x[channel * to.plane + pixel] = value.value;
}

DEVICE Float unit(uint8 byte) { return exact(float(byte)) * exact(1.0f / 255.0f); }

KERNEL(256, gather_images, GatherGeometry g, const uint8* images, const int* labels, const int* order, const StepState* state, const float* mean,
       const float* scale, float* x, int* y)
{
    SHARED(float, knots_x, [KNOTS * KNOTS]);
    SHARED(float, knots_y, [KNOTS * KNOTS]);
    int plane = g.height * g.width, sample = g.channels * plane;
    int64 place = int64(g.first) + state->position + blockIdx.x;
    float* target = x + int64(blockIdx.x) * sample;
    if (place >= g.count)
    {
        for (int i = threadIdx.x; i < sample; i += 256) target[i] = 0;
        if (threadIdx.x == 0) y[blockIdx.x] = -1;
        return;
    }
    int index = order[place];
    const uint8* image = images + int64(index) * sample;
    Target to = {target, mean, scale, plane};
    if (threadIdx.x == 0) y[blockIdx.x] = labels[index];

    // RandomStreams.Augmentation of DataLoader.
    uint64 stream = 0x42ull << 56 | uint64((uint32(g.epoch) + state->epoch) & 0xFFFFFFu) << 32 | uint32(index);
    uint32 word = 0;
    if (g.rotation == 0 && g.scale == 0 && g.elastic == 0)
    {
        int shift_x = 0, shift_y = 0, limit = int(g.shift);
        if (g.shift != 0)
        {
            shift_x = draw_integer(g.seed, stream, word, 2 * limit + 1) - limit;
            shift_y = draw_integer(g.seed, stream, word, 2 * limit + 1) - limit;
        }
        for (int i = threadIdx.x; i < sample; i += 256)
        {
            int channel = i / plane, pixel = i % plane, row = pixel / g.width - shift_y, column = pixel % g.width - shift_x;
            bool inside = uint32(row) < uint32(g.height) && uint32(column) < uint32(g.width);
            put(to, channel, pixel, inside ? unit(image[channel * plane + row * g.width + column]) : exact(0.0f));
        }
        return;
    }

    // A limit of 0 draws nothing. Outputs come from u, v: turned and scaled about the centre, shifted, and moved by the elastic field.
    Float shift_x = exact(0.0f), shift_y = shift_x, angle = shift_x, size = shift_x;
    if (g.shift != 0)
    {
        shift_x = draw(g.seed, stream, word++, g.shift);
        shift_y = draw(g.seed, stream, word++, g.shift);
    }
    if (g.rotation != 0) angle = draw(g.seed, stream, word++, g.rotation);
    if (g.scale != 0) size = draw(g.seed, stream, word++, g.scale);
    bool elastic = g.elastic > 0;
    if (elastic)
    {
        if (threadIdx.x < KNOTS * KNOTS)
        {
            knots_x[threadIdx.x] = draw(g.seed, stream, word + threadIdx.x, g.elastic).value;
            knots_y[threadIdx.x] = draw(g.seed, stream, word + KNOTS * KNOTS + threadIdx.x, g.elastic).value;
        }
        __syncthreads();
    }
    Double sine, cosine;
    sine_cosine(exact(double(angle.value)) * exact(3.14159265358979323846 / 180), sine, cosine);
    Float factor = exact(1.0f) / (exact(1.0f) + size), c = exact(float(cosine.value)) * factor, s = exact(float(sine.value)) * factor;
    Float centre_x = exact(float(g.width - 1)) * exact(0.5f), centre_y = exact(float(g.height - 1)) * exact(0.5f);
    for (int pixel = threadIdx.x; pixel < plane; pixel += 256)
    {
        int row = pixel / g.width, column = pixel % g.width;
        Float dx = exact(float(column)) - centre_x - shift_x, dy = exact(float(row)) - centre_y - shift_y;
        Float u = c * dx + s * dy + centre_x, v = c * dy - s * dx + centre_y;
        if (elastic)
        {
            Float across[4], down[4];
            int k = spline(column, g.width, across), first = spline(row, g.height, down) * KNOTS + k;
            Float move_x = exact(0.0f), move_y = move_x;
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                Float sum_x = exact(0.0f), sum_y = sum_x;
#pragma unroll
                for (int j = 0; j < 4; j++)
                {
                    sum_x = sum_x + down[j] * exact(knots_x[first + j * KNOTS + i]);
                    sum_y = sum_y + down[j] * exact(knots_y[first + j * KNOTS + i]);
                }
                move_x = move_x + across[i] * sum_x;
                move_y = move_y + across[i] * sum_y;
            }
            u = u + move_x;
            v = v + move_y;
        }
        // Beyond one pixel outside nothing contributes; the comparison also keeps the conversions to int in range.
        bool near = u.value > -1 && v.value > -1 && u.value < g.width && v.value < g.height;
        Float one = exact(1.0f), nothing = exact(0.0f);
        int x0 = near ? int((u + one).value) - 1 : 0, y0 = near ? int((v + one).value) - 1 : 0;
        Float fx = u - exact(float(x0)), fy = v - exact(float(y0));
        bool left = x0 >= 0, right = x0 + 1 < g.width, top = y0 >= 0, bottom = y0 + 1 < g.height;
        int at = y0 * g.width + x0;
        for (int channel = 0; channel < g.channels; channel++, at += plane)
        {
            Float a = near && top && left ? unit(image[at]) : nothing, b = near && top && right ? unit(image[at + 1]) : nothing;
            Float d = near && bottom && left ? unit(image[at + g.width]) : nothing, e = near && bottom && right ? unit(image[at + g.width + 1]) : nothing;
            Float value = (a + (b - a) * fx) * (one - fy) + (d + (e - d) * fx) * fy;
            put(to, channel, pixel, near ? value : nothing);
        }
    }
}
