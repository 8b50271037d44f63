// target = or += source / (1 − rate) where the element is kept, 0 elsewhere: the forward and the backward pass.
//
// Element i has the place p = start + i; it is kept iff word p mod 4 of the block with counter (step mod 2³²) · 2³² + p / 4 is a uniform >= rate. A thread
// draws one block, for four neighbours.
#include "geometry.cuh"
#include "philox.cuh"

KERNEL(256, dropout, DropoutGeometry g, const StepState* state, const float* source, float* target, int store)
{
    uint64 step = (g.step + state->step) << 32;
    float scale = 1.0f / (1.0f - g.rate);
    int64 first = g.start / 4, blocks = (g.start + g.count + 3) / 4 - first;
    for (int64 block = first_element(); block < blocks; block += element_stride())
    {
        PhiloxBlock drawn = philox(g.seed, g.stream, step | uint32(first + block));
#pragma unroll
        for (int word = 0; word < 4; word++)
        {
            int64 i = 4 * (first + block) + word - g.start;
            if (i < 0 || i >= g.count) continue;
            // Selected, not multiplied by 0: a dropped infinity is 0, not NaN.
            float value = uniform(drawn.words[word]) >= g.rate ? source[i] * scale : 0.0f;
            target[i] = store == ADD ? target[i] + value : value;
        }
    }
}
