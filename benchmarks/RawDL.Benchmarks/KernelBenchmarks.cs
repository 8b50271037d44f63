using BenchmarkDotNet.Attributes;

namespace RawDL.Benchmarks;

/// <summary>A family of kernels, on all processors.</summary>
[MemoryDiagnoser]
public abstract class KernelBenchmarks
{
    private CpuDevice _device = null!;
    private Tape _tape = null!;
    private Action _call = null!;

    public abstract KernelWorkload Kernel { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice();
        _tape = new Tape(_device);
        _call = Kernel.Open(_device, _tape);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _tape.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void Call() => _call();
}

/// <summary>LeNet's convolutions, kernel by kernel.</summary>
public class Conv2dBenchmarks : KernelBenchmarks
{
    public static KernelWorkload[] Kernels => ConvolutionKernels.All;

    [ParamsSource(nameof(Kernels))]
    public override KernelWorkload Kernel { get; set; } = null!;
}

/// <summary>Maximum and average.</summary>
public class PoolBenchmarks : KernelBenchmarks
{
    public static KernelWorkload[] Kernels => PoolKernels.All;

    [ParamsSource(nameof(Kernels))]
    public override KernelWorkload Kernel { get; set; } = null!;
}

/// <summary>Softmax and softmax cross-entropy.</summary>
public class SoftmaxBenchmarks : KernelBenchmarks
{
    public static KernelWorkload[] Kernels => SoftmaxKernels.All;

    [ParamsSource(nameof(Kernels))]
    public override KernelWorkload Kernel { get; set; } = null!;
}

/// <summary>Batch norm, layer norm, local response.</summary>
public class NormBenchmarks : KernelBenchmarks
{
    public static KernelWorkload[] Kernels => NormKernels.All;

    [ParamsSource(nameof(Kernels))]
    public override KernelWorkload Kernel { get; set; } = null!;
}

/// <summary>Functions of each element, and sums.</summary>
public class ElementwiseBenchmarks : KernelBenchmarks
{
    public static KernelWorkload[] Kernels => ElementwiseKernels.All;

    [ParamsSource(nameof(Kernels))]
    public override KernelWorkload Kernel { get; set; } = null!;
}

/// <summary>Optimizers beside plain copies.</summary>
public class UpdateBenchmarks : KernelBenchmarks
{
    public static KernelWorkload[] Kernels => UpdateKernels.All;

    [ParamsSource(nameof(Kernels))]
    public override KernelWorkload Kernel { get; set; } = null!;
}
