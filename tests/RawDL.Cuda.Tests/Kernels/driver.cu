// Kernels for the tests of the drivers.
#include "common.cuh"

// y[i] = factor x[i]
KERNEL(64, driver_scale, float factor, int count, const float* x, float* y)
{
    for (int64 i = first_element(); i < count; i += element_stride())
        y[i] = factor * x[i];
}

// y[i] += 1
KERNEL(32, driver_increment, int count, float* y)
{
    for (int64 i = first_element(); i < count; i += element_stride())
        y[i] += 1;
}

// One element too many.
KERNEL(32, driver_overrun, int count, float* y)
{
    if (threadIdx.x == 0)
        y[count] = 1;
}

struct DriverShape { unsigned char tag; uint64 wide; float value; };

// A struct by value, whose alignment is that of its widest field; y = { tag, wide, value, shared floats }.
KERNEL(32, driver_struct, DriverShape shape, float* y, int shared)
{
    DYNAMIC_SHARED(float, scratch);
    for (int i = int(threadIdx.x); i < shared; i += 32)
        scratch[i] = float(i);
    __syncthreads();
    if (threadIdx.x == 0) {
        y[0] = shape.tag;
        y[1] = float(shape.wide);
        y[2] = shape.value;
        y[3] = shared > 0 ? scratch[shared - 1] : -1;
    }
}
