namespace RawDL.Benchmarks;

/// <summary>One kernel of the CPU at one shape.</summary>
/// <param name="Name">What it does, with its extents.</param>
/// <param name="Amount">Units of one call.</param>
/// <param name="Unit">Units per second.</param>
/// <param name="Open">Allocates on a tape, and gives one call.</param>
public sealed record KernelWorkload(string Name, double Amount, string Unit, Func<CpuDevice, Tape, Action> Open) : IWorkload
{
    /// <summary>All families, each with its benchmark class.</summary>
    public static KernelWorkload[] All =>
        [.. ConvolutionKernels.All, .. PoolKernels.All, .. SoftmaxKernels.All, .. NormKernels.All, .. ElementwiseKernels.All, .. UpdateKernels.All];

    /// <summary>A kernel that memory bounds, in bytes that it must read and write.</summary>
    /// <param name="name">What it does.</param>
    /// <param name="floats">Floats read and written by one call, each once.</param>
    /// <param name="open">Allocates on a tape, and gives one call.</param>
    public static KernelWorkload Moving(string name, double floats, Func<CpuDevice, Tape, Action> open) => new(name, 4e-9 * floats, "GB/s", open);

    /// <summary>Memory with numbers of no special kind, 0.5 to 1.</summary>
    public static Tensor Filled(Tape tape, Shape shape)
    {
        var tensor = tape.Allocate(shape);
        var values = new float[shape.Count];
        for (var i = 0; i < values.Length; i++) values[i] = 0.5f + i * 37 % 257 / 514f;
        tensor.CopyFrom(values);
        return tensor;
    }

    public override string ToString() => Name;
}
