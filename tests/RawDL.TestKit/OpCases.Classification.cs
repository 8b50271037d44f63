namespace RawDL.TestKit;

public static partial class OpCases
{
    private static readonly int[] Labels = [2, 0, 10, 5, 5];

    /// <summary>Softmax, losses, reductions and changes of shape.</summary>
    public static IEnumerable<OpCase> Classification => [.. Probabilities, .. Losses, .. Sums, .. Shapes];

    private static IEnumerable<OpCase> Probabilities =>
    [
        new("softmax", [new(5, 11)], x => x[0].Softmax(), x => Oracle.Map(Oracle.LogSoftmax(x[0], 5, 11, 1), Math.Exp)),
        new("softmax of channels", [new(2, 5, 3, 3)], x => x[0].Softmax(1), x => Oracle.Map(Oracle.LogSoftmax(x[0], 2, 5, 9), Math.Exp)),
        new("softmax of many classes", [new(3, 70)], x => x[0].Softmax(), x => Oracle.Map(Oracle.LogSoftmax(x[0], 3, 70, 1), Math.Exp)),
        new("softmax of wide channels", [new(2, 3, 19)], x => x[0].Softmax(1), x => Oracle.Map(Oracle.LogSoftmax(x[0], 2, 3, 19), Math.Exp)),
        new("softmax of a vector", [new(17)], x => x[0].Softmax(0), x => Oracle.Map(Oracle.LogSoftmax(x[0], 1, 17, 1), Math.Exp)),
        new("softmax of one class", [new(4, 1)], x => x[0].Softmax(), x => Oracle.Map(x[0], _ => 1)),
        new("log_softmax", [new(5, 11)], x => x[0].LogSoftmax(), x => Oracle.LogSoftmax(x[0], 5, 11, 1)),
        new("log_softmax of many classes", [new(2, 77)], x => x[0].LogSoftmax(), x => Oracle.LogSoftmax(x[0], 2, 77, 1)),
        new("log_softmax of channels", [new(2, 5, 3, 3)], x => x[0].LogSoftmax(-3), x => Oracle.LogSoftmax(x[0], 2, 5, 9)),
        new("log_softmax of many rows", [new(3000, 8)], x => x[0].LogSoftmax(), x => Oracle.LogSoftmax(x[0], 3000, 8, 1)) { Differentiable = false },
    ];

    private static IEnumerable<OpCase> Losses =>
    [
        new("softmax_cross_entropy", [new(5, 11)], x => x[0].SoftmaxCrossEntropy(x[0].Tape!.Labels(Labels)),
            x => [Oracle.CrossEntropy(x[0], Labels, 11, 0).Average()]),
        new("softmax_cross_entropy, smoothed", [new(5, 11)], x => x[0].SoftmaxCrossEntropy(x[0].Tape!.Labels(Labels), 0.1f),
            x => [Oracle.CrossEntropy(x[0], Labels, 11, 0.1).Average()]) { Low = -5, High = 5 },
        new("softmax_cross_entropy per sample", [new(5, 11)], x => x[0].SoftmaxCrossEntropyPerSample(x[0].Tape!.Labels(Labels), 0.2f),
            x => Oracle.CrossEntropy(x[0], Labels, 11, 0.2)),
        new("softmax_cross_entropy of ten rows", [new(10, 13)], x => x[0].SoftmaxCrossEntropyPerSample(x[0].Tape!.Labels([.. Labels, .. Labels])),
            x => Oracle.CrossEntropy(x[0], [.. Labels, .. Labels], 13, 0)),
        new("softmax_cross_entropy of many classes", [new(5, 90)], x => x[0].SoftmaxCrossEntropy(x[0].Tape!.Labels(Labels), 0.1f),
            x => [Oracle.CrossEntropy(x[0], Labels, 90, 0.1).Average()]),
        new("binary_cross_entropy", [new(4, 9), new(4, 9)], x => x[0].BinaryCrossEntropyWithLogits(x[1]),
            x => [x[0].Zip(x[1], (v, t) => -t * Math.Log(1 / (1 + Math.Exp(-v))) - (1 - t) * Math.Log(1 - 1 / (1 + Math.Exp(-v)))).Average()]),
        new("mean_squared_error", [new(4, 9), new(4, 9)], x => x[0].MeanSquaredError(x[1]),
            x => [x[0].Zip(x[1], (v, t) => (v - t) * (v - t)).Average()]),
        // Below 0.9 · 0.9 no margin 1 − t·v is near its kink.
        new("hinge", [new(4, 9), new(4, 9)], x => x[0].Hinge(x[1]), x => [x[0].Zip(x[1], (v, t) => Math.Max(0, 1 - t * v)).Average()]) { Low = -0.9f, High = 0.9f },
        new("hinge beyond the margin", [new(4, 9), new(4, 9)], x => x[0].Hinge(x[1]), x => [x[0].Zip(x[1], (v, t) => Math.Max(0, 1 - t * v)).Average()])
        {
            Low = 1.1f, High = 3f, GradientNmse = 1e-12,
        },
    ];

    private static IEnumerable<OpCase> Sums =>
    [
        new("sum", [new(3, 4, 5)], x => x[0].Sum(), x => Oracle.Sum(x[0], 1, 60, 1)) { Integers = true, Linear = true, Low = -5, High = 5 },
        new("sum of many", [new(5, 8009)], x => x[0].Sum(), x => Oracle.Sum(x[0], 1, 40045, 1)) { Integers = true, Linear = true, Low = -5, High = 5, Differentiable = false },
        new("sum over the first", [new(3, 4, 5)], x => x[0].Sum(0), x => Oracle.Sum(x[0], 1, 3, 20)) { Integers = true, Linear = true, Low = -5, High = 5 },
        new("sum over the middle", [new(3, 4, 5)], x => x[0].Sum(1), x => Oracle.Sum(x[0], 3, 4, 5)) { Integers = true, Linear = true, Low = -5, High = 5 },
        new("sum over the last", [new(3, 4, 17)], x => x[0].Sum(-1), x => Oracle.Sum(x[0], 12, 17, 1)) { Integers = true, Linear = true, Low = -5, High = 5 },
        new("sum over many rows", [new(700, 70)], x => x[0].Sum(0), x => Oracle.Sum(x[0], 1, 700, 70)) { Integers = true, Linear = true, Low = -5, High = 5, Differentiable = false },
        new("sum over nothing", [new(3, 0)], x => x[0].Sum(1), x => new double[3]),
        new("mean", [new(3, 37)], x => x[0].Mean(), x => Oracle.Sum(x[0], 1, 111, 1, 1.0 / 111)) { Linear = true, Low = 0 },
        new("mean over the middle", [new(3, 4, 5)], x => x[0].Mean(1), x => Oracle.Sum(x[0], 3, 4, 5, 0.25)) { Linear = true },
    ];

    private static IEnumerable<OpCase> Shapes =>
    [
        new("reshape", [new(3, 4)], x => x[0].Reshape(new(2, 6)), x => x[0]) { Integers = true, Linear = true },
        new("reshape between", [new(3, 4)], x => x[0].Square().Reshape(new(12)).Exp(), x => Oracle.Map(x[0], v => Math.Exp(v * v))),
        new("flatten", [new(2, 3, 4, 5)], x => x[0].Flatten(), x => x[0]) { Integers = true, Linear = true },
        new("concatenate rows", [new(2, 3), new(4, 3)], x => TensorOps.Concatenate(x, 0), x => Oracle.Concatenate(x, 1, [2, 4], 3)) { Integers = true },
        new("concatenate channels", [new(2, 3, 2, 2), new(2, 1, 2, 2), new(2, 2, 2, 2)], x => TensorOps.Concatenate(x, 1), x => Oracle.Concatenate(x, 2, [3, 1, 2], 4)) { Integers = true },
        new("concatenate long rows", [new(2, 9000), new(2, 17000)], x => TensorOps.Concatenate(x, -1), x => Oracle.Concatenate(x, 2, [9000, 17000], 1)) { Integers = true, Differentiable = false },
        new("slice of rows", [new(6, 5)], x => x[0].Slice(0, 2, 3), x => Oracle.Slice(x[0], 1, 6, 5, 2, 3)) { Integers = true, Linear = true },
        new("slice of channels", [new(2, 5, 3, 3)], x => x[0].Slice(1, 1, 2), x => Oracle.Slice(x[0], 2, 5, 9, 1, 2)) { Integers = true, Linear = true },
        new("slice of the last", [new(4, 9)], x => x[0].Slice(-1, 8, 1), x => Oracle.Slice(x[0], 4, 9, 1, 8, 1)) { Integers = true, Linear = true },
        new("slice of nothing", [new(4, 9)], x => x[0].Slice(1, 9, 0), x => []) { Integers = true },
        new("pad", [new(2, 3, 4, 5)], x => x[0].Pad(1, 2, 3, 0), x => Oracle.Pad(x[0], 6, 4, 5, 1, 2, 3, 0)) { Integers = true, Linear = true },
        new("pad by nothing", [new(1, 1, 4, 5)], x => x[0].Pad(0, 0, 0, 0), x => x[0]) { Integers = true, Linear = true },
    ];
}

public static partial class OpErrors
{
    /// <summary>Softmax, losses, reductions and changes of shape.</summary>
    public static IEnumerable<OpError> Classification =>
    [
        new("softmax", t => Zeros(t, 2, 3).Softmax(2), "Softmax: expected a dimension below 2, got 2 for x [2, 3]."),
        new("log_softmax", t => Zeros(t).LogSoftmax(), "LogSoftmax: expected a dimension below 0, got -1 for x []."),
        new("softmax_cross_entropy, rank", t => Zeros(t, 2, 3, 1).SoftmaxCrossEntropy(Zeros(t, 2)), "SoftmaxCrossEntropy: expected logits [N, C], got [2, 3, 1]."),
        new("softmax_cross_entropy, labels", t => Zeros(t, 2, 3).SoftmaxCrossEntropy(Zeros(t, 3)),
            "SoftmaxCrossEntropy: expected labels [2] for logits [2, 3], got [3]."),
        new("softmax_cross_entropy, smoothing", t => Zeros(t, 2, 3).SoftmaxCrossEntropy(Zeros(t, 2), 1.5f),
            "SoftmaxCrossEntropy: expected smoothing in 0..1, got 1.5."),
        new("softmax_cross_entropy, no row", t => Zeros(t, 0, 3).SoftmaxCrossEntropy(Zeros(t, 0)), "Mean: expected at least one element, got x [0]."),
        new("binary_cross_entropy", t => Zeros(t, 2, 3).BinaryCrossEntropyWithLogits(Zeros(t, 2)),
            "BinaryCrossEntropyWithLogits: expected a target of [2, 3], got [2]."),
        new("mean_squared_error", t => Zeros(t, 2, 3).MeanSquaredError(Zeros(t, 2)), "MeanSquaredError: expected a target of [2, 3], got [2]."),
        new("hinge", t => Zeros(t, 2, 3).Hinge(Zeros(t, 3, 2)), "Hinge: expected a target of [2, 3], got [3, 2]."),
        new("sum", t => Zeros(t, 2, 3).Sum(-3), "Sum: expected a dimension below 2, got -3 for x [2, 3]."),
        new("mean", t => Zeros(t, 0).Mean(), "Mean: expected at least one element, got x [0]."),
        new("mean, dimension", t => Zeros(t, 2, 0).Mean(1), "Mean: expected an extent of at least 1 in dimension 1, got x [2, 0]."),
        new("reshape", t => Zeros(t, 2, 3).Reshape(new(7)), "Reshape: expected 6 elements for x [2, 3], got [7]."),
        new("flatten", t => Zeros(t).Flatten(), "Flatten: expected rank 1 or more, got x []."),
        new("concatenate, none", _ => TensorOps.Concatenate([], 0), "Concatenate: expected at least one tensor, got none."),
        new("concatenate, shape", t => TensorOps.Concatenate([Zeros(t, 2, 3), Zeros(t, 2, 4)], 0), "Concatenate: expected [2, 3] in all but dimension 0, got [2, 4]."),
        new("concatenate, dimension", t => TensorOps.Concatenate([Zeros(t, 2, 3)], 2), "Concatenate: expected a dimension below 2, got 2 for x [2, 3]."),
        new("slice, range", t => Zeros(t, 2, 3).Slice(1, 2, 2), "Slice: expected a range inside 0..3 of dimension 1, got 2..4 for x [2, 3]."),
        new("slice, dimension", t => Zeros(t, 2, 3).Slice(5, 0, 1), "Slice: expected a dimension below 2, got 5 for x [2, 3]."),
        new("pad, rank", t => Zeros(t, 2, 3).Pad(1, 1, 1, 1), "Pad: expected x [N, C, H, W], got [2, 3]."),
        new("pad, negative", t => Zeros(t, 1, 1, 2, 3).Pad(0, -1, 0, 0), "Pad: expected padding >= 0, got top 0, bottom -1, left 0, right 0 for x [1, 1, 2, 3]."),
    ];
}
