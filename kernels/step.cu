// What a step that is replayed without the host does to its own state and histories: geometry.cuh, StepState.
#include "geometry.cuh"
#include "reduce.cuh"

// The step is over: samples of the epoch's order are behind. One block.
KERNEL(32, advance_step, StepState* state, uint32 samples)
{
    if (threadIdx.x != 0) return;
    state->step += 1;
    state->index += 1;
    state->position += samples;
}

// history[index] = value, say the loss of the step. One block.
KERNEL(32, store_scalar, const float* value, float* history, const StepState* state)
{
    if (threadIdx.x == 0) history[state->index] = *value;
}

// history[index] = Σ partial, the pieces of sum_of_squares. One block.
KERNEL(256, store_squares, const double* partial, int pieces, double* history, const StepState* state)
{
    SHARED(double, sums, [8]);
    double sum = 0;
    for (int piece = threadIdx.x; piece < pieces; piece += 256) sum += partial[piece];
    sum = block_sum(sum, sums);
    if (threadIdx.x == 0) history[state->index] = sum;
}
