namespace RawDL.TestKit;

public static partial class OpCases
{
    // Extents around the tiles of the kernels (4, 6, 8 rows; 8, 16, 32 columns; 256 deep), small integers where the sums are exact.
    /// <summary>Matrix products, convolution and pooling.</summary>
    public static IEnumerable<OpCase> Products =>
    [
        .. MatMuls, .. Convolutions, .. PooledConvolutions,
        Linear("linear", 5, 7, 3),
        Linear("linear_one", 1, 1, 1),
        Linear("linear_wide", 3, 33, 40),
        Linear("linear_batch", 33, 300, 21) with { Integers = true, Low = -2, High = 2 },
        LinearRelu("linear_relu", 5, 7, 3, true),
        LinearRelu("linear_relu_one_sample", 1, 33, 70, true),
        LinearRelu("linear_relu_without_bias", 9, 12, 35, false),
        LinearRelu("linear_relu_wide", 150, 40, 33, true) with { Integers = true, Low = -2, High = 2, Differentiable = false },
        LinearRelu("linear_relu_deep", 130, 530, 21, true) with { Integers = true, Low = -2, High = 2, Differentiable = false },
        MaxPool("max_pool", new(2, 3, 8, 10), (2, 2), (2, 2), (0, 0)),
        MaxPool("max_pool_odd", new(1, 2, 7, 11), (2, 2), (2, 2), (0, 0)),
        MaxPool("max_pool_padded", new(2, 2, 7, 6), (3, 3), (2, 2), (1, 1)),
        MaxPool("max_pool_overlap", new(1, 3, 6, 9), (3, 2), (1, 2), (0, 1)),
        MaxPool("max_pool_ties", new(2, 2, 6, 18), (2, 2), (2, 2), (0, 0)) with { Integers = true, Low = 0, High = 2, Differentiable = false },
        MaxPool("max_pool_wide", new(2, 2, 9, 25), (3, 3), (2, 2), (1, 1)),
        MaxPool("max_pool_wide_overlap", new(1, 2, 5, 20), (3, 3), (1, 1), (1, 1)),
        MaxPool("max_pool_wide_ties", new(2, 2, 7, 36), (3, 3), (2, 2), (0, 1)) with { Integers = true, Low = 0, High = 2, Differentiable = false },
        MaxPool("max_pool_wide_stride3", new(1, 2, 6, 40), (2, 3), (2, 3), (0, 0)),
        AveragePool("average_pool", new(2, 3, 8, 10), (2, 2), (2, 2), (0, 0)),
        AveragePool("average_pool_wide", new(2, 3, 6, 34), (2, 2), (2, 2), (0, 0)),
        AveragePool("average_pool_wide_padded", new(2, 2, 7, 26), (3, 3), (2, 2), (1, 1)),
        AveragePool("average_pool_wide_overlap", new(1, 2, 5, 19), (3, 2), (1, 1), (1, 0)),
        AveragePool("average_pool_wide_columns", new(1, 2, 8, 37), (2, 2), (2, 2), (1, 1)),
        AveragePool("average_pool_padded", new(2, 2, 7, 6), (3, 3), (2, 1), (1, 1)),
        new("global_average_pool", [new(3, 4, 5, 7)], x => x[0].GlobalAveragePool(), x => Oracle.Sum(x[0], 12, 35, 1, 1.0 / 35)) { Linear = true },
    ];

    private static IEnumerable<OpCase> MatMuls
    {
        get
        {
            foreach (var transpose in Enum.GetValues<Transpose>())
            {
                yield return MatMul($"matmul_{transpose}", 7, 19, 5, transpose);
                yield return MatMul($"matmul_{transpose}_tiles", 24, 32, 16, transpose) with { Integers = true, Low = -3, High = 3 };
                yield return MatMul($"matmul_{transpose}_edges", 17, 33, 259, transpose) with { Integers = true, Low = -3, High = 3 };
                yield return MatMul($"matmul_{transpose}_chunks", 131, 270, 3, transpose) with { Integers = true, Low = -3, High = 3 };
                yield return MatMul($"matmul_{transpose}_blocks", 130, 41, 70, transpose) with { Integers = true, Low = -3, High = 3 };
                yield return MatMul($"matmul_{transpose}_one", 1, 1, 1, transpose);
                yield return MatMul($"matmul_{transpose}_row", 1, 40, 9, transpose);
                yield return MatMul($"matmul_{transpose}_column", 40, 1, 9, transpose);
            }
            yield return MatMul("matmul_deep", 2, 3, 2050, Transpose.None) with { Integers = true, Low = -2, High = 2 };
            yield return MatMul("matmul_empty", 3, 4, 0, Transpose.None);
        }
    }

    private static OpCase MatMul(string name, int rows, int columns, int inner, Transpose transpose)
    {
        var (left, right) = (transpose.HasFlag(Transpose.Left), transpose.HasFlag(Transpose.Right));
        return new(name, [left ? new(inner, rows) : new(rows, inner), right ? new(columns, inner) : new(inner, columns)],
            x => x[0].MatMul(x[1], transpose), x => Oracle.MatMul(x[0], x[1], rows, columns, inner, left, right))
        { Linear = true };
    }

    private static OpCase Linear(string name, int rows, int inputs, int outputs) =>
        new(name, [new(rows, inputs), new(outputs, inputs), new(outputs)], x => x[0].Linear(x[1], x[2]),
            x => Oracle.Broadcast(Oracle.MatMul(x[0], x[1], rows, outputs, inputs, false, true), x[2], rows, outputs, 1, (y, b) => y + b));

    private static OpCase LinearRelu(string name, int rows, int inputs, int outputs, bool bias)
    {
        Shape[] shapes = bias ? [new(rows, inputs), new(outputs, inputs), new(outputs)] : [new(rows, inputs), new(outputs, inputs)];
        return new(name, shapes, x => x[0].LinearRelu(x[1], bias ? x[2] : null), x =>
        {
            var y = Oracle.MatMul(x[0], x[1], rows, outputs, inputs, false, true);
            return Oracle.Map(bias ? Oracle.Broadcast(y, x[2], rows, outputs, 1, (y, b) => y + b) : y, v => Math.Max(v, 0));
        });
    }

    private static IEnumerable<OpCase> Convolutions =>
    [
        Convolution("conv2d", new(2, 3, 7, 9), new(4, 3, 3, 3), new()),
        Convolution("conv2d_lenet1", new(2, 1, 28, 28), new(20, 1, 5, 5), new()) with { Integers = true },
        Convolution("conv2d_lenet2", new(3, 20, 12, 12), new(50, 20, 5, 5), new()) with { Integers = true },
        Convolution("conv2d_padded", new(2, 2, 5, 6), new(3, 2, 3, 3), new() { Padding = (1, 1) }),
        Convolution("conv2d_strided", new(2, 2, 9, 8), new(3, 2, 3, 2), new() { Stride = (2, 3) }),
        Convolution("conv2d_padded_strided", new(3, 2, 8, 7), new(5, 2, 3, 3), new() { Padding = (1, 2), Stride = (2, 2) }) with { Integers = true },
        Convolution("conv2d_dilated", new(1, 2, 9, 10), new(2, 2, 3, 3), new() { Dilation = (2, 3), Padding = (1, 2) }),
        Convolution("conv2d_groups", new(2, 6, 6, 5), new(4, 3, 3, 3), new() { Groups = 2, Padding = (1, 1) }) with { Integers = true },
        Convolution("conv2d_depthwise", new(2, 4, 5, 7), new(8, 1, 3, 3), new() { Groups = 4, Padding = (1, 1), Stride = (2, 1) }),
        Convolution("conv2d_1x1", new(2, 5, 4, 3), new(9, 5, 1, 1), new()) with { Integers = true },
        Convolution("conv2d_whole", new(5, 3, 4, 4), new(7, 3, 4, 4), new()),
        Convolution("conv2d_narrow", new(3, 1, 6, 1), new(2, 1, 2, 1), new()),
        Convolution("conv2d_far_padding", new(1, 1, 2, 2), new(2, 1, 2, 2), new() { Padding = (3, 3), Stride = (2, 2) }),
        Convolution("conv2d_deep", new(2, 40, 5, 5), new(3, 40, 3, 3), new() { Padding = (1, 1) }) with { Integers = true },
        Convolution("conv2d_many_outputs", new(1, 1, 3, 3), new(270, 1, 2, 2), new()) with { Integers = true },
        Convolution("conv2d_long_rows", new(1, 1, 2, 300), new(2, 1, 2, 3), new()) with { Integers = true },
        Convolution("conv2d_segments", new(2, 3, 9, 13), new(7, 3, 3, 3), new() { Padding = (1, 1) }) with { Integers = true },
        Convolution("conv2d_segments_odd", new(1, 4, 12, 20), new(10, 2, 3, 2), new() { Padding = (2, 0), Stride = (2, 1), Dilation = (1, 3), Groups = 2 })
            with { Integers = true },
        Convolution("conv2d_row_blocks", new(1, 8, 20, 40), new(64, 8, 3, 3), new() { Padding = (1, 1) })
            with { Integers = true, Differentiable = false },
        Convolution("conv2d_many_images", new(19, 1, 4, 4), new(2, 1, 3, 3), new()) with { Integers = true },
    ];

    private static OpCase Convolution(string name, Shape x, Shape weight, Conv2dOptions options)
    {
        var geometry = Conv2dGeometry.Resolve(x, weight, null, options);
        return new(name, [x, weight, new(weight[0])], t => t[0].Conv2d(t[1], t[2], options), t => Oracle.Conv2d(t[0], t[1], t[2], geometry));
    }

    // The inputs are the same with and without the fusion of a device: of whole numbers both must be exact.
    private static IEnumerable<OpCase> PooledConvolutions =>
    [
        PooledConvolution("conv2d_relu_max_pool_lenet1", new(3, 1, 28, 28), new(20, 1, 5, 5)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_lenet2", new(3, 20, 12, 12), new(50, 20, 5, 5)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_one", new(1, 1, 6, 6), new(1, 1, 5, 5)),
        PooledConvolution("conv2d_relu_max_pool_first3", new(2, 1, 9, 8), new(5, 1, 3, 3)),
        PooledConvolution("conv2d_relu_max_pool_odd5", new(2, 3, 11, 13), new(7, 3, 5, 5)),
        PooledConvolution("conv2d_relu_max_pool_odd3", new(3, 2, 7, 10), new(6, 2, 3, 3)),
        PooledConvolution("conv2d_relu_max_pool_many3", new(2, 9, 8, 6), new(37, 9, 3, 3)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_planes5", new(9, 9, 8, 9), new(17, 9, 5, 5)),
        PooledConvolution("conv2d_relu_max_pool_planes3", new(9, 8, 5, 6), new(5, 8, 3, 3)),
        PooledConvolution("conv2d_relu_max_pool_wide", new(1, 2, 6, 40), new(3, 2, 3, 3)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_ties", new(2, 2, 8, 8), new(4, 2, 5, 5)) with { Integers = true, Low = 0, High = 1, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_kernel2", new(2, 2, 6, 7), new(3, 2, 2, 2)),
        PooledConvolution("conv2d_relu_max_pool_padded", new(2, 2, 6, 7), new(3, 2, 3, 3), new() { Padding = (1, 1) }),
        PooledConvolution("conv2d_relu_max_pool_padded_wide", new(2, 6, 5, 11), new(9, 6, 3, 3), new() { Padding = (2, 1) }),
        PooledConvolution("conv2d_relu_max_pool_many_images", new(11, 3, 6, 19), new(2, 3, 3, 4)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_tall_kernel", new(2, 1, 16, 16), new(3, 1, 7, 7)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_odd_channels", new(2, 10, 7, 12), new(26, 10, 3, 3), new() { Padding = (1, 1) }) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_deep", new(1, 37, 4, 18), new(50, 37, 3, 3), new() { Padding = (1, 1) }) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_recipe2", new(2, 24, 12, 12), new(32, 24, 3, 3)) with { Integers = true, Differentiable = false },
        PooledConvolution("conv2d_relu_max_pool_small", new(3, 3, 4, 4), new(7, 3, 3, 3), new() { Padding = (1, 1) }),
        PooledConvolution("conv2d_relu_max_pool_1x1_narrow", new(2, 3, 4, 6), new(5, 3, 1, 1)),
        PooledConvolution("conv2d_relu_max_pool_1x1", new(2, 17, 4, 26), new(5, 17, 1, 1)),
    ];

    private static OpCase PooledConvolution(string name, Shape x, Shape weight, Conv2dOptions? options = null)
    {
        var convolution = Conv2dGeometry.Resolve(x, weight, null, options ?? new());
        var pool = Pool2dGeometry.Resolve(nameof(TensorOps.MaxPool2d),
            new(convolution.Batch, convolution.OutChannels, convolution.OutHeight, convolution.OutWidth), (2, 2), (2, 2), (0, 0));
        return new(name, [x, weight, new(weight[0])], t => t[0].Conv2dReluMaxPool2d(t[1], t[2], options),
            t => Oracle.MaxPool2d(Oracle.Map(Oracle.Conv2d(t[0], t[1], t[2], convolution), v => Math.Max(v, 0)), pool));
    }

    private static OpCase MaxPool(string name, Shape x, (int, int) kernel, (int, int) stride, (int, int) padding)
    {
        var geometry = Pool2dGeometry.Resolve(nameof(TensorOps.MaxPool2d), x, kernel, stride, padding);
        return new(name, [x], t => t[0].MaxPool2d(kernel, stride, padding), t => Oracle.MaxPool2d(t[0], geometry));
    }

    private static OpCase AveragePool(string name, Shape x, (int, int) kernel, (int, int) stride, (int, int) padding)
    {
        var geometry = Pool2dGeometry.Resolve(nameof(TensorOps.AveragePool2d), x, kernel, stride, padding);
        return new(name, [x], t => t[0].AveragePool2d(kernel, stride, padding), t => Oracle.AveragePool2d(t[0], geometry)) { Linear = true };
    }
}

public static partial class OpErrors
{
    /// <summary>Matrix products, convolution and pooling.</summary>
    public static IEnumerable<OpError> Products =>
    [
        new("matmul_rank", t => Free(t, 3).MatMul(Free(t, 3, 2)), "MatMul: expected matrices of rank 2, got a [3] and b [3, 2]."),
        new("matmul_inner", t => Free(t, 2, 3).MatMul(Free(t, 2, 3)),
            "MatMul: expected equal inner extents, got 3 in a [2, 3] and 2 in b [2, 3] (transpose None)."),
        new("linear_features", t => Free(t, 2, 3).Linear(Free(t, 5, 4)), "Linear: weight [5, 4] expects 4 features, got 3 in x [2, 3]."),
        new("linear_bias", t => Free(t, 2, 3).Linear(Free(t, 5, 3), Free(t, 3)), "Linear: weight [5, 3] expects bias [5], got bias [3]."),
        new("conv2d_rank", t => Free(t, 3, 4).Conv2d(Free(t, 2, 1, 3, 3)), "Conv2d: expected x [N, C, H, W], got x [3, 4]."),
        new("conv2d_channels", t => Free(t, 2, 1, 8, 8).Conv2d(Free(t, 4, 3, 5, 5)),
            "Conv2d: weight [4, 3, 5, 5] expects 3 input channels, got 1 in x [2, 1, 8, 8]."),
        new("conv2d_kernel", t => Free(t, 2, 1, 4, 4).Conv2d(Free(t, 4, 1, 5, 5)),
            "Conv2d: expected an image of at least the kernel of weight [4, 1, 5, 5] (padding 0x0, dilation 1x1), got x [2, 1, 4, 4]."),
        new("conv2d_stride", t => Free(t, 2, 1, 4, 4).Conv2d(Free(t, 4, 1, 3, 3), null, new() { Stride = (0, 1) }),
            "Conv2d: expected a stride >= 1, got 0x1."),
        new("max_pool_kernel", t => Free(t, 1, 1, 4, 4).MaxPool2d((5, 5), (1, 1)),
            "MaxPool2d: expected an image of at least the kernel 5x5 (padding 0x0), got x [1, 1, 4, 4]."),
        new("average_pool_padding", t => Free(t, 1, 1, 4, 4).AveragePool2d((2, 2), (2, 2), (2, 0)),
            "AveragePool2d: expected a padding of at most half the kernel 2x2, got 2x0."),
    ];
}
