namespace RawDL.TestKit;

public static partial class OpCases
{
    // Wide: more than one SIMD width and a remainder. Each row of a batch norm has enough values for a variance far from 0.
    /// <summary>Normalisation and dropout.</summary>
    public static IEnumerable<OpCase> Norms =>
    [
        BatchNorm("batch_norm", new(4, 3, 5, 7)),
        BatchNorm("batch_norm_rows", new(9, 5)),
        BatchNorm("batch_norm_long", new(2, 2, 35, 33)),
        new("batch_norm_inference", [new(4, 3, 5, 7), new(3), new(3), new(3), new(3)],
            x => x[0].BatchNorm(x[1], x[2], x[3], x[4]), x => Oracle.BatchNormInference(x[0], x[1], x[2], x[3], x[4], 4, 3, 35))
            { Mode = TapeMode.Inference, Low = 0.2f },
        LayerNorm("layer_norm", new(5, 19)),
        LayerNorm("layer_norm_planes", new(3, 4, 5, 7)),
        LayerNorm("layer_norm_many_rows", new(150, 3)),
        LayerNorm("layer_norm_of_several_chunks", new(5, 9000)),
        LocalResponse("local_response_norm", new(2, 7, 3, 5), 5, 0.75f),
        LocalResponse("local_response_norm_even", new(2, 6, 9), 4, 0.75f),
        LocalResponse("local_response_norm_wide", new(3, 2), 9, 1.5f),
        LocalResponse("local_response_norm_long", new(1, 4, 270), 3, 0.5f),
        LocalResponse("local_response_norm_planes", new(6, 3, 1030), 5, 0.75f),
    ];

    private static OpCase BatchNorm(string name, Shape shape) =>
        new(name, [shape, new(shape[1]), new(shape[1])],
            x => x[0].BatchNorm(x[1], x[2], Zeros(x[0], shape[1]), Zeros(x[0], shape[1])),
            x => Oracle.BatchNorm(x[0], x[1], x[2], shape[0], shape[1], shape.Product(2, shape.Rank)));

    private static Tensor Zeros(Tensor x, int count) => x.Tape!.AllocateZero(new Shape(count));

    private static OpCase LayerNorm(string name, Shape shape) =>
        new(name, [shape, shape.Sample(), shape.Sample()], x => x[0].LayerNorm(x[1], x[2]), x => Oracle.LayerNorm(x[0], x[1], x[2], shape[0]));

    // alpha = 0.5, not 1e-4: with the usual value the sum would hardly show.
    private static OpCase LocalResponse(string name, Shape shape, int size, float beta) =>
        new(name, [shape], x => x[0].LocalResponseNorm(size, 0.5f, beta, 2f),
            x => Oracle.LocalResponseNorm(x[0], shape[1], shape.Product(2, shape.Rank), size, 0.5, beta, 2));
}

public static partial class OpErrors
{
    /// <summary>Normalisation and dropout.</summary>
    public static IEnumerable<OpError> Norms =>
    [
        new("batch_norm_rank", t => Free(t, 3).BatchNorm(Free(t, 3), Free(t, 3), Free(t, 3), Free(t, 3)),
            "BatchNorm: expected x of rank >= 2, got x [3]."),
        new("batch_norm_scale", t => Free(t, 2, 3).BatchNorm(Free(t, 2), Free(t, 3), Free(t, 3), Free(t, 3)),
            "BatchNorm: scale expected [3] for x [2, 3], got [2]."),
        new("batch_norm_variance", t => Free(t, 2, 3, 4).BatchNorm(Free(t, 3), Free(t, 3), Free(t, 3), Free(t, 1, 3)),
            "BatchNorm: running variance expected [3] for x [2, 3, 4], got [1, 3]."),
        new("layer_norm_rank", t => Free(t, 3).LayerNorm(Free(t, 3), Free(t, 3)), "LayerNorm: expected x of rank >= 2, got x [3]."),
        new("layer_norm_shift", t => Free(t, 2, 3, 4).LayerNorm(Free(t, 3, 4), Free(t, 3)),
            "LayerNorm: shift expected [3, 4] for x [2, 3, 4], got [3]."),
        new("local_response_norm_rank", t => Free(t, 3).LocalResponseNorm(), "LocalResponseNorm: expected x of rank >= 2, got x [3]."),
        new("local_response_norm_size", t => Free(t, 2, 3).LocalResponseNorm(0), "LocalResponseNorm: expected size >= 1, got 0."),
        new("local_response_norm_alpha", t => Free(t, 2, 3).LocalResponseNorm(alpha: -1), "LocalResponseNorm: expected alpha >= 0, got -1."),
        new("local_response_norm_bias", t => Free(t, 2, 3).LocalResponseNorm(bias: 0), "LocalResponseNorm: expected bias > 0, got 0."),
        new("dropout_rate", t => Free(t, 3).Dropout(1f, 0), "Dropout: expected a rate in [0, 1), got 1."),
    ];

    private static Tensor Free(Tape tape, params ReadOnlySpan<int> extents) => tape.AllocateZero(new Shape(extents));
}
