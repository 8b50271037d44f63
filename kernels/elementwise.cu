// Element-wise functions of one and of two operands: one line each, at the end. The rows of src/RawDL/Ops/*.cs have the same names.
//
// One operand:   NAME_forward   y = f(x)            NAME_backward        dx += dy · f′(x)
// Two operands:  NAME_forward   y = f(a, b)         NAME_backward_left   da += dy · ∂f/∂a
//                NAME_backward_right_columns, _rows db += Σ dy · ∂f/∂b over the broadcast extents: sums.cuh
// b has one element per channel of a = [outer, channels, inner].
//
// Threads: a grid-stride loop over vectors of four elements where addresses and geometry allow, over single elements elsewhere.
#include "sums.cuh"

DEVICE bool aligned(const void* a, const void* b, const void* c = nullptr, const void* d = nullptr)
{
    return ((reinterpret_cast<uint64>(a) | reinterpret_cast<uint64>(b) | reinterpret_cast<uint64>(c) | reinterpret_cast<uint64>(d)) & 15) == 0;
}

DEVICE float4 load4(const float* x, int64 vector) { return reinterpret_cast<const float4*>(x)[vector]; }
DEVICE void store4(float* y, int64 vector, float4 value) { reinterpret_cast<float4*>(y)[vector] = value; }

// ------------------------------------------------------------------------------------------------ one operand

template <typename F> DEVICE void unary_forward(const float* x, float* y, float parameter, int count)
{
    int vectors = aligned(x, y) ? count / 4 : 0;
    for (int64 i = first_element(); i < vectors; i += element_stride())
    {
        float4 v = load4(x, i);
        store4(y, i, make_float4(F::value(v.x, parameter), F::value(v.y, parameter), F::value(v.z, parameter), F::value(v.w, parameter)));
    }
    for (int64 i = 4 * int64(vectors) + first_element(); i < count; i += element_stride()) y[i] = F::value(x[i], parameter);
}

template <typename F> DEVICE void unary_backward(const float* x, const float* y, const float* dy, float* dx, float parameter, int count)
{
    int vectors = aligned(x, y, dy, dx) ? count / 4 : 0;
    for (int64 i = first_element(); i < vectors; i += element_stride())
    {
        float4 u = load4(x, i), v = load4(y, i), g = load4(dy, i), d = load4(dx, i);
        store4(dx, i, make_float4(d.x + g.x * F::slope(u.x, v.x, parameter), d.y + g.y * F::slope(u.y, v.y, parameter),
                                  d.z + g.z * F::slope(u.z, v.z, parameter), d.w + g.w * F::slope(u.w, v.w, parameter)));
    }
    for (int64 i = 4 * int64(vectors) + first_element(); i < count; i += element_stride()) dx[i] += dy[i] * F::slope(x[i], y[i], parameter);
}

#define UNARY(name, forward, derivative)                                                                                        \
    struct name##_function                                                                                                      \
    {                                                                                                                           \
        DEVICE float value(float x, float p) { return forward; }                                                                \
        DEVICE float slope(float x, float y, float p) { return derivative; }                                                    \
    };                                                                                                                          \
    KERNEL(256, name##_forward, const float* x, float* y, float parameter, int count)                                           \
    {                                                                                                                           \
        unary_forward<name##_function>(x, y, parameter, count);                                                                 \
    }                                                                                                                           \
    KERNEL(256, name##_backward, const float* x, const float* y, const float* dy, float* dx, float parameter, int count)        \
    {                                                                                                                           \
        unary_backward<name##_function>(x, y, dy, dx, parameter, count);                                                        \
    }

// ------------------------------------------------------------------------------------------------ two operands

// What b does along four neighbours of a that begin at a multiple of four.
enum Motion { SINGLE, STILL, MOVING };

DEVICE Motion motion(const BroadcastGeometry& geometry, const float* b)
{
    if (geometry.channels == 1 || geometry.inner % 4 == 0) return STILL;
    return geometry.inner == 1 && geometry.channels % 4 == 0 && aligned(b, b) ? MOVING : SINGLE;
}

DEVICE int channel_of(const BroadcastGeometry& geometry, int64 i)
{
    return geometry.channels == 1 ? 0 : uint32(i) / uint32(geometry.inner) % uint32(geometry.channels);
}

DEVICE float4 operand4(const BroadcastGeometry& geometry, const float* b, Motion how, int64 vector)
{
    int channel = channel_of(geometry, 4 * vector);
    if (how == MOVING) return load4(b, channel / 4);
    return make_float4(b[channel], b[channel], b[channel], b[channel]);
}

template <typename F> DEVICE void binary_forward(BroadcastGeometry geometry, const float* a, const float* b, float* y)
{
    int count = geometry.outer * geometry.channels * geometry.inner;
    Motion how = motion(geometry, b);
    int vectors = how != SINGLE && aligned(a, y) ? count / 4 : 0;
    for (int64 i = first_element(); i < vectors; i += element_stride())
    {
        float4 u = load4(a, i), v = operand4(geometry, b, how, i);
        store4(y, i, make_float4(F::value(u.x, v.x), F::value(u.y, v.y), F::value(u.z, v.z), F::value(u.w, v.w)));
    }
    for (int64 i = 4 * int64(vectors) + first_element(); i < count; i += element_stride()) y[i] = F::value(a[i], b[channel_of(geometry, i)]);
}

template <typename F> DEVICE void binary_backward_left(BroadcastGeometry geometry, const float* a, const float* b, const float* dy, float* da)
{
    int count = geometry.outer * geometry.channels * geometry.inner;
    Motion how = motion(geometry, b);
    int vectors = how != SINGLE && aligned(a, dy, da) ? count / 4 : 0;
    for (int64 i = first_element(); i < vectors; i += element_stride())
    {
        float4 u = load4(a, i), v = operand4(geometry, b, how, i), g = load4(dy, i), d = load4(da, i);
        store4(da, i, make_float4(d.x + g.x * F::left(u.x, v.x), d.y + g.y * F::left(u.y, v.y), d.z + g.z * F::left(u.z, v.z), d.w + g.w * F::left(u.w, v.w)));
    }
    for (int64 i = 4 * int64(vectors) + first_element(); i < count; i += element_stride())
        da[i] += dy[i] * F::left(a[i], b[channel_of(geometry, i)]);
}

#define BINARY(name, forward, left_derivative, right_derivative)                                                                                  \
    struct name##_function                                                                                                                        \
    {                                                                                                                                             \
        DEVICE float value(float a, float b) { return forward; }                                                                                  \
        DEVICE float left(float a, float b) { return left_derivative; }                                                                           \
        DEVICE float right(float a, float b) { return right_derivative; }                                                                         \
        DEVICE float at(const TermArguments& from, int i, int channel) { return from.dy[i] * right(from.a[i], from.b[channel]); }                 \
    };                                                                                                                                            \
    KERNEL(256, name##_forward, BroadcastGeometry geometry, const float* a, const float* b, float* y)                                             \
    {                                                                                                                                             \
        binary_forward<name##_function>(geometry, a, b, y);                                                                                       \
    }                                                                                                                                             \
    KERNEL(256, name##_backward_left, BroadcastGeometry geometry, const float* a, const float* b, const float* dy, float* da)                     \
    {                                                                                                                                             \
        binary_backward_left<name##_function>(geometry, a, b, dy, da);                                                                            \
    }                                                                                                                                             \
    KERNEL(256, name##_backward_right_columns, ReduceGeometry geometry, int width, const float* a, const float* b, const float* dy, float* db, int store) \
    {                                                                                                                                             \
        column_sums<name##_function>({a, b, dy}, geometry, width, db, 1.0f, store);                                                               \
    }                                                                                                                                             \
    KERNEL(256, name##_backward_right_rows, BroadcastGeometry geometry, const float* a, const float* b, const float* dy, float* db, int store)    \
    {                                                                                                                                             \
        row_sums<name##_function>({a, b, dy}, geometry, db, 1.0f, store);                                                                         \
    }

// ------------------------------------------------------------------------------------------------ the rows

// φ(x), the density of the normal distribution; Φ(x) = erfc(−x/√2)/2.
DEVICE float normal_density(float x) { return 0.39894228f * expf(-0.5f * x * x); }
DEVICE float normal_distribution(float x) { return 0.5f * erfcf(-0.70710678f * x); }

// p is the parameter. Comparisons that are false for NaN keep it.
//    name        y                                             dy/dx
UNARY(abs,        fabsf(x),                                     x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f)
UNARY(elu,        x > 0 ? x : p * expm1f(x),                    x > 0 ? 1.0f : y + p)
UNARY(exp,        expf(x),                                      y)
UNARY(gelu,       x * normal_distribution(x),                   normal_distribution(x) + x * normal_density(x))
UNARY(leaky_relu, x > 0 ? x : p * x,                            x > 0 ? 1.0f : p)
UNARY(log,        logf(x),                                      1 / x)
UNARY(negate,     -x,                                           -1.0f)
UNARY(relu,       x < 0 ? 0 : x,                                y > 0 ? 1.0f : 0.0f)
UNARY(scale,      p * x,                                        p)
UNARY(shift,      x + p,                                        1.0f)
UNARY(sigmoid,    1 / (1 + expf(-x)),                           y * (1 - y))
UNARY(softplus,   (x > 0 ? x : 0) + log1pf(expf(-fabsf(x))),    1 / (1 + expf(-x)))
UNARY(sqrt,       sqrtf(x),                                     0.5f / y)
UNARY(square,     x * x,                                        x + x)
UNARY(tanh,       tanhf(x),                                     1 - y * y)

//     name      y      dy/da  dy/db
BINARY(add,      a + b, 1.0f,  1.0f)
BINARY(divide,   a / b, 1 / b, -a / (b * b))
BINARY(multiply, a * b, b,     a)
BINARY(subtract, a - b, 1.0f,  -1.0f)
