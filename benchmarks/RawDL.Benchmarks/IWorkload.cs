namespace RawDL.Benchmarks;

/// <summary>What one call of a benchmark does, for the column of rates.</summary>
public interface IWorkload
{
    /// <summary>Work of one call, units.</summary>
    double Amount { get; }

    /// <summary>Units per second: "GFLOP/s", "images/s".</summary>
    string Unit { get; }
}

/// <summary>A matrix product, extents after transposition.</summary>
public sealed record MatMulWorkload(string Name, int Rows, int Columns, int Inner, Transpose Transpose) : IWorkload
{
    /// <summary>The products of LeNet at batch 64, and square ones.</summary>
    public static MatMulWorkload[] All { get; } =
    [
        new("linear1", 64, 500, 800, Transpose.Right), new("linear1_dx", 64, 800, 500, Transpose.None), new("linear1_dw", 500, 800, 64, Transpose.Left),
        new("linear2", 64, 10, 500, Transpose.Right),
        new("64", 64, 64, 64, Transpose.None), new("256", 256, 256, 256, Transpose.None), new("512", 512, 512, 512, Transpose.None),
        new("1024", 1024, 1024, 1024, Transpose.None), new("2048", 2048, 2048, 2048, Transpose.None),
    ];

    public double Amount => 2e-9 * Rows * Columns * Inner;
    public string Unit => "GFLOP/s";
    public override string ToString() => Name;
}

/// <summary>A convolution.</summary>
public sealed record ConvolutionWorkload(string Name, Shape X, Shape Weight) : IWorkload
{
    /// <summary>The convolutions of LeNet at batch 64.</summary>
    public static ConvolutionWorkload[] All { get; } =
        [new("lenet1", new(64, 1, 28, 28), new(20, 1, 5, 5)), new("lenet2", new(64, 20, 12, 12), new(50, 20, 5, 5))];

    public Conv2dGeometry Geometry => Conv2dGeometry.Resolve(X, Weight, null, new Conv2dOptions());
    public double Amount => 2e-9 * Geometry.Batch * Geometry.OutHeight * Geometry.OutWidth * Weight.Count;
    public string Unit => "GFLOP/s";
    public override string ToString() => Name;
}

/// <summary>Convolution, ReLU and max-pool of 2 by 2 as one operation, counted as the dense convolution; backward by the weight and by the input.</summary>
public sealed record FusedWorkload(ConvolutionWorkload Convolution, TapeMode Mode) : IWorkload
{
    /// <summary>LeNet's, alone and with the gradients.</summary>
    public static FusedWorkload[] All { get; } =
        [.. ConvolutionWorkload.All.SelectMany(work => (FusedWorkload[])[new(work, TapeMode.Inference), new(work, TapeMode.Training)])];

    public double Amount => Convolution.Amount * (Mode == TapeMode.Training ? 3 : 1);
    public string Unit => Convolution.Unit;
    public override string ToString() => $"{Convolution} + ReLU + pool{(Mode == TapeMode.Training ? ", and backward" : "")}";
}

/// <summary>A training step.</summary>
public sealed record StepWorkload(int Batch, int Threads) : IWorkload
{
    /// <summary>LeNet at three batches.</summary>
    public static StepWorkload[] All { get; } = [new(16, 2), new(64, 1), new(64, 2), new(512, 2)];

    public double Amount => Batch;
    public string Unit => "images/s";
    public override string ToString() => $"batch {Batch}, {Threads} thread{(Threads == 1 ? "" : "s")}";
}
