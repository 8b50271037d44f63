// What a step that is replayed without the host does to its own state and histories: geometry.cuh, StepState.
#include "geometry.cuh"
#include "reduce.cuh"

// The step is over: samples of the epoch's order are behind. A step that has failed stays where it is. One block.
KERNEL(32, advance_step, StepState* state, uint32 samples)
{
    if (threadIdx.x != 0 || state->failed) return;
    state->step += 1;
    state->index += 1;
    state->position += samples;
}

// history[index] = value, the loss of the step, which fails where that is not finite. One block.
KERNEL(32, store_scalar, const float* value, float* history, StepState* state)
{
    if (threadIdx.x != 0 || state->failed) return;
    history[state->index] = *value;
    if (!isfinite(*value)) state->failed = 1;
}

// The step fails where Σ partial, the pieces of sum_of_squares, is not finite. One block.
KERNEL(256, check_squares, const double* partial, int pieces, StepState* state)
{
    SHARED(double, sums, [8]);
    double sum = sum_of_pieces(partial, pieces, sums);
    if (threadIdx.x == 0 && !isfinite(sum)) state->failed = 1;
}
