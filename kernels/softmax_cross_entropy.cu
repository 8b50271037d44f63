// Softmax cross-entropy of logits [rows, classes] against labels, with smoothing s over C classes, all relative to the row's maximum:
//
//   loss = log Σ exp(x) − (1 − s) · x[label] − s/C · Σ x          dlogits += dloss · (p − (1 − s) · [c = label] − s/C)
//
// A row belongs to a group: a warp (8 rows per block) up to 1024 classes, the whole block above. A label outside the classes cannot be refused here:
// its loss is NaN, which is loud, and no foreign memory is read.
#include "geometry.cuh"
#include "reduce.cuh"

template <int GROUP> DEVICE void cross_entropy_forward(CrossEntropyGeometry g, const float* x, const int* labels, float* p, float* losses)
{
    SHARED(float, maxima, [8]);
    SHARED(double, sums, [8]);
    int lane = threadIdx.x % GROUP, row = group_row<GROUP>();
    if (row >= g.rows) return;
    x += int64(row) * g.classes;
    p += int64(row) * g.classes;
    float maximum = minus_infinity(), sum = 0, all = 0;
    for (int c = lane; c < g.classes; c += GROUP) maximum = x[c] > maximum ? x[c] : maximum;
    maximum = group_max<GROUP>(maximum, maxima);
    for (int c = lane; c < g.classes; c += GROUP)
    {
        float power = expf(x[c] - maximum);
        sum += power;
        all += x[c] - maximum;
        p[c] = power;
    }
    double total = group_sum<GROUP>(double(sum), sums);
    double differences = g.smoothing != 0 ? group_sum<GROUP>(double(all), sums) : 0.0;
    float scale = float(1 / total);
    for (int c = lane; c < g.classes; c += GROUP) p[c] *= scale;
    if (lane != 0) return;
    int label = labels[row];
    double loss = uint32(label) < uint32(g.classes) ? log(total) - (1 - g.smoothing) * (double(x[label]) - maximum) : double(__uint_as_float(0x7fc00000u));
    if (g.smoothing != 0) loss -= double(g.smoothing) / g.classes * differences;
    losses[row] = float(loss);
}

KERNEL(256, softmax_cross_entropy_forward_warp, CrossEntropyGeometry g, const float* logits, const int* labels, float* probabilities, float* losses)
{
    cross_entropy_forward<32>(g, logits, labels, probabilities, losses);
}

KERNEL(256, softmax_cross_entropy_forward_block, CrossEntropyGeometry g, const float* logits, const int* labels, float* probabilities, float* losses)
{
    cross_entropy_forward<256>(g, logits, labels, probabilities, losses);
}

// Threads: a grid-stride loop over the logits.
KERNEL(256, softmax_cross_entropy_backward, CrossEntropyGeometry g, const int* labels, const float* probabilities, const float* dlosses, float* dlogits)
{
    int64 count = int64(g.rows) * g.classes;
    float others = g.smoothing / g.classes, own = 1 - g.smoothing + others;
    for (int64 i = first_element(); i < count; i += element_stride())
    {
        int row = uint32(i) / uint32(g.classes), c = uint32(i) - uint32(row) * uint32(g.classes);
        dlogits[i] += dlosses[row] * (probabilities[i] - (c == labels[row] ? own : others));
    }
}
