using BenchmarkDotNet.Attributes;

namespace RawDL.Benchmarks;

[MemoryDiagnoser]
public class Conv2dBenchmarks
{
    private CpuDevice _device = null!;
    private Tape _tape = null!;
    private Tensor _x = null!, _weight = null!, _bias = null!, _y = null!;
    private Conv2dGeometry _geometry;

    [ParamsSource(nameof(Workloads))]
    public ConvolutionWorkload Workload { get; set; } = null!;

    public static IEnumerable<ConvolutionWorkload> Workloads => ConvolutionWorkload.All;

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice();
        _tape = new Tape(_device, TapeMode.Inference);
        _geometry = Workload.Geometry;
        _x = _tape.AllocateZero(Workload.X);
        _weight = _tape.AllocateZero(Workload.Weight);
        _bias = _tape.AllocateZero(new Shape(Workload.Weight[0]));
        _y = _tape.AllocateZero(new Shape(_geometry.Batch, _geometry.OutChannels, _geometry.OutHeight, _geometry.OutWidth));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _tape.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void Forward() => _device.Conv2dForward(_geometry, _x, _weight, _bias, _y);

    [Benchmark]
    public void BackwardInput() => _device.Conv2dBackwardInput(_geometry, _weight, _y, _x);

    [Benchmark]
    public void BackwardWeight() => _device.Conv2dBackwardWeight(_geometry, _x, _y, _weight);
}
