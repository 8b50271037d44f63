using BenchmarkDotNet.Attributes;

namespace RawDL.Benchmarks;

/// <summary>Convolution, ReLU and max-pool as one operation, on all processors.</summary>
[MemoryDiagnoser]
public class FusedConv2dBenchmarks
{
    private CpuDevice _device = null!;
    private Tape _kept = null!, _tape = null!;
    private Tensor _x = null!, _weight = null!, _bias = null!;

    [ParamsSource(nameof(Workloads))]
    public FusedWorkload Workload { get; set; } = null!;

    public static FusedWorkload[] Workloads => FusedWorkload.All;

    /// <summary>Threads, 0 for all processors.</summary>
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice(Threads);
        (_kept, _tape) = (new Tape(_device), new Tape(_device, Workload.Mode));
        var (x, weight) = (Workload.Convolution.X, Workload.Convolution.Weight);
        (_x, _weight, _bias) = (WithGradient(x), WithGradient(weight), WithGradient(new Shape(weight[0])));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _tape.Dispose();
        _kept.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void Run()
    {
        _tape.Reset();
        var y = new Tensor(_x.Buffer, _x.Offset, _x.Shape, _tape) { Gradient = _x.Gradient }.Conv2dReluMaxPool2d(_weight, _bias);
        if (_tape.IsTraining) _tape.Backward(y);
    }

    private Tensor WithGradient(Shape shape)
    {
        var tensor = KernelWorkload.Filled(_kept, shape);
        tensor.Gradient = _kept.AllocateZero(shape);
        return tensor;
    }
}
