// Pooling of planes [planes, H, W]. Forward: a thread owns an output; backward: a thread owns an input and gathers from the windows that hold it, in
// order, so nothing is added twice at a time. Windows are clipped to the image.
#include "geometry.cuh"

struct Window { int top, bottom, left, right; };

DEVICE Window window(const Pool2dGeometry& g, int i, int j)
{
    int top = i * g.stride_height - g.padding_height, left = j * g.stride_width - g.padding_width;
    return {max(0, top), min(g.in_height, top + g.kernel_height), max(0, left), min(g.in_width, left + g.kernel_width)};
}

// The outputs whose windows hold (row, column): ends excluded.
DEVICE Window windows_of(const Pool2dGeometry& g, int row, int column)
{
    int y = row + g.padding_height, x = column + g.padding_width;
    return {y < g.kernel_height ? 0 : (y - g.kernel_height) / g.stride_height + 1, min(g.out_height, y / g.stride_height + 1),
            x < g.kernel_width ? 0 : (x - g.kernel_width) / g.stride_width + 1, min(g.out_width, x / g.stride_width + 1)};
}

// argmax: index inside the plane, the first among equals. NaN wins, and the first NaN stays.
KERNEL(256, max_pool2d_forward, Pool2dGeometry g, const float* x, float* y, int* argmax)
{
    uint32 plane_size = g.out_height * g.out_width;
    int64 count = int64(g.planes) * plane_size;
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        uint32 plane = uint32(at) / plane_size, place = uint32(at) % plane_size;
        Window w = window(g, place / g.out_width, place % g.out_width);
        const float* image = x + int64(plane) * g.in_height * g.in_width;
        int best = w.top * g.in_width + w.left;
        float value = image[best];
        for (int row = w.top; row < w.bottom; row++)
            for (int column = w.left; column < w.right; column++)
            {
                float candidate = image[row * g.in_width + column];
                if (!(candidate <= value) && value == value)
                {
                    best = row * g.in_width + column;
                    value = candidate;
                }
            }
        y[at] = value;
        argmax[at] = best;
    }
}

KERNEL(256, max_pool2d_backward, Pool2dGeometry g, const int* argmax, const float* dy, float* dx)
{
    uint32 plane_size = g.in_height * g.in_width;
    int64 count = int64(g.planes) * plane_size;
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        uint32 plane = uint32(at) / plane_size, place = uint32(at) % plane_size;
        Window w = windows_of(g, place / g.in_width, place % g.in_width);
        int64 first = int64(plane) * g.out_height * g.out_width;
        float sum = 0;
        for (int i = w.top; i < w.bottom; i++)
            for (int j = w.left; j < w.right; j++)
            {
                int64 output = first + i * g.out_width + j;
                if (argmax[output] == int(place)) sum += dy[output];
            }
        dx[at] += sum;
    }
}

// Padding counts as zeros.
KERNEL(256, average_pool2d_forward, Pool2dGeometry g, const float* x, float* y)
{
    uint32 plane_size = g.out_height * g.out_width;
    int64 count = int64(g.planes) * plane_size;
    float scale = 1.0f / (g.kernel_height * g.kernel_width);
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        uint32 plane = uint32(at) / plane_size, place = uint32(at) % plane_size;
        Window w = window(g, place / g.out_width, place % g.out_width);
        const float* image = x + int64(plane) * g.in_height * g.in_width;
        float sum = 0;
        for (int row = w.top; row < w.bottom; row++)
            for (int column = w.left; column < w.right; column++) sum += image[row * g.in_width + column];
        y[at] = sum * scale;
    }
}

KERNEL(256, average_pool2d_backward, Pool2dGeometry g, const float* dy, float* dx)
{
    uint32 plane_size = g.in_height * g.in_width;
    int64 count = int64(g.planes) * plane_size;
    float scale = 1.0f / (g.kernel_height * g.kernel_width);
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        uint32 plane = uint32(at) / plane_size, place = uint32(at) % plane_size;
        Window w = windows_of(g, place / g.in_width, place % g.in_width);
        const float* from = dy + int64(plane) * g.out_height * g.out_width;
        float sum = 0;
        for (int i = w.top; i < w.bottom; i++)
            for (int j = w.left; j < w.right; j++) sum += from[i * g.out_width + j];
        dx[at] += sum * scale;
    }
}
