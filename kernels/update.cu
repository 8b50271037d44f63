// The optimizers: one pass over the flat buffers. The rules of src/RawDL.NN/Optimizers/*.cs have the same fields in the same order.
//
// Per element: g ← g·scale; g ← clip(g, ±clip); g ← g + l2·w + l1·sign(w); w ← w − decay·w; then the rule. Comparisons that are false for NaN keep it:
// a diverged gradient must be seen in the weights.
//
// A block takes 1024 elements of one segment; segments follow each other along the grid. A step that is replayed without the host finds its rule and its segments
// in tables of one entry per step (null where the host gives them); where the step has failed, nothing changes.
#include "geometry.cuh"

#define BLOCK_ELEMENTS 1024

// Some of the segments of an update: src/RawDL.Cuda/CudaDevice.Update.cs.
struct UpdateSegments { int first, total; UpdateSegment segment[32]; };
static_assert(sizeof(UpdateSegments) == 904, "as in CudaDevice.Update.cs");

DEVICE int blocks_of(const UpdateSegment& segment) { return segment.count / BLOCK_ELEMENTS + (segment.count % BLOCK_ELEMENTS != 0); }

DEVICE float regularize(const UpdateSegment& segment, float value, float gradient)
{
    gradient *= segment.scale;
    gradient = gradient > segment.clip ? segment.clip : gradient;
    gradient = gradient < -segment.clip ? -segment.clip : gradient;
    return gradient + segment.l2 * value + (value > 0 ? segment.l1 : value < 0 ? -segment.l1 : 0.0f);
}

template <typename Rule> DEVICE void update(const Rule& rule, const UpdateSegment& segment, int block, float* values, const float* gradients, float* state0,
                                            float* state1, float* state2)
{
#pragma unroll
    for (int k = 0; k < BLOCK_ELEMENTS; k += 256)
    {
        int64 place = int64(block) * BLOCK_ELEMENTS + k + threadIdx.x, i = segment.offset + place;
        if (place >= segment.count) return;
        float first = Rule::STATES > 0 ? state0[i] : 0, second = Rule::STATES > 1 ? state1[i] : 0, third = Rule::STATES > 2 ? state2[i] : 0;
        float value = values[i], gradient = regularize(segment, value, gradients[i]);
        values[i] = rule.apply(value - segment.decay * value, gradient, first, second, third);
        if (Rule::STATES > 0) state0[i] = first;
        if (Rule::STATES > 1) state1[i] = second;
        if (Rule::STATES > 2) state2[i] = third;
    }
}

// The variadic part is the rule: it changes the states first, second, third and returns the new value.
#define RULE_FUNCTION __device__ __forceinline__
#define UPDATE_RULE(name, states, fields, ...)                                                                                              \
    struct name##_rule                                                                                                                      \
    {                                                                                                                                       \
        enum { STATES = states };                                                                                                           \
        float fields;                                                                                                                       \
        RULE_FUNCTION float apply(float value, float gradient, float& first, float& second, float& third) const { __VA_ARGS__ }             \
    };                                                                                                                                      \
    KERNEL(256, name, name##_rule rule, const name##_rule* rules, UpdateSegments segments, const UpdateSegment* table, const StepState* state, \
           float* values, const float* gradients, float* state0, float* state1, float* state2)                                              \
    {                                                                                                                                       \
        if (state->failed) return;                                                                                                          \
        uint32 entry = state->index;                                                                                                        \
        int block = blockIdx.x, at = 0;                                                                                                     \
        for (int count; block >= (count = blocks_of(segments.segment[at])); at++) block -= count;                                           \
        UpdateSegment segment = segments.segment[at];                                                                                       \
        if (table != nullptr) segment = table[entry * segments.total + segments.first + at];                                                \
        if (rules != nullptr) rule = rules[entry];                                                                                          \
        update(rule, segment, block, values, gradients, state0, state1, state2);                                                            \
    }
#define FIELDS(...) __VA_ARGS__

UPDATE_RULE(sgd, 0, rate,
    return value - rate * gradient;)

UPDATE_RULE(momentum, 1, FIELDS(rate, decay),
    first = decay * first + gradient;
    return value - rate * first;)

UPDATE_RULE(nesterov, 1, FIELDS(rate, decay),
    first = decay * first + gradient;
    return value - rate * (gradient + decay * first);)

UPDATE_RULE(adagrad, 1, FIELDS(rate, epsilon),
    first += gradient * gradient;
    return value - rate * gradient / (sqrtf(first) + epsilon);)

UPDATE_RULE(rmsprop, 1, FIELDS(rate, alpha, alpha_rest, epsilon),
    first = alpha * first + alpha_rest * (gradient * gradient);
    return value - rate * gradient / (sqrtf(first) + epsilon);)

UPDATE_RULE(adadelta, 2, FIELDS(rate, rho, rho_rest, epsilon),
    first = rho * first + rho_rest * (gradient * gradient);
    float change = sqrtf(second + epsilon) / sqrtf(first + epsilon) * gradient;
    second = rho * second + rho_rest * (change * change);
    return value - rate * change;)

UPDATE_RULE(adam, 2, FIELDS(rate, beta1, beta1_rest, beta2, beta2_rest, correction, epsilon),
    first = beta1 * first + beta1_rest * gradient;
    second = beta2 * second + beta2_rest * (gradient * gradient);
    return value - rate * first / (sqrtf(second) * correction + epsilon);)

UPDATE_RULE(adamax, 2, FIELDS(rate, beta1, beta1_rest, beta2, epsilon),
    first = beta1 * first + beta1_rest * gradient;
    float faded = beta2 * second, size = fabsf(gradient) + epsilon;
    second = faded > size ? faded : size;
    return value - rate * first / second;)

UPDATE_RULE(nadam, 2, FIELDS(gradient_rate, moment_rate, beta1, beta1_rest, beta2, beta2_rest, correction, epsilon),
    first = beta1 * first + beta1_rest * gradient;
    second = beta2 * second + beta2_rest * (gradient * gradient);
    return value - (gradient_rate * gradient + moment_rate * first) / (sqrtf(second) * correction + epsilon);)

UPDATE_RULE(amsgrad, 3, FIELDS(rate, beta1, beta1_rest, beta2, beta2_rest, correction, epsilon),
    first = beta1 * first + beta1_rest * gradient;
    second = beta2 * second + beta2_rest * (gradient * gradient);
    third = third > second ? third : second;
    return value - rate * first / (sqrtf(third) * correction + epsilon);)
