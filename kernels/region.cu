// A box of [d0, d1, d2, d3] copied or added from one row-major array into another. Threads: a grid-stride loop over the box, d3 innermost.
#include "geometry.cuh"

KERNEL(256, region, RegionGeometry g, const float* source, float* target, int store)
{
    int64 count = int64(g.d0) * g.d1 * g.d2 * g.d3;
    bool row = g.d0 == 1 && g.d1 == 1 && g.d2 == 1;
    for (int64 at = first_element(); at < count; at += element_stride())
    {
        int i3 = int(at), i2 = 0, i1 = 0, i0 = 0;
        if (!row)
        {
            uint32 rest = uint32(at);
            i3 = rest % g.d3;
            rest /= g.d3;
            i2 = rest % g.d2;
            rest /= g.d2;
            i1 = rest % g.d1;
            i0 = rest / g.d1;
        }
        float value = source[g.source_offset + i0 * g.source_stride0 + i1 * g.source_stride1 + i2 * g.source_stride2 + i3 * g.source_stride3];
        float* place = target + g.target_offset + i0 * g.target_stride0 + i1 * g.target_stride1 + i2 * g.target_stride2 + i3 * g.target_stride3;
        *place = store == ADD ? *place + value : value;
    }
}
