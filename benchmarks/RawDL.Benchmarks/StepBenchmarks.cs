using BenchmarkDotNet.Attributes;

namespace RawDL.Benchmarks;

[MemoryDiagnoser]
public class StepBenchmarks
{
    private CpuDevice _device = null!;
    private LeNetStep _step = null!;

    [ParamsSource(nameof(Workloads))]
    public StepWorkload Workload { get; set; } = null!;

    public static IEnumerable<StepWorkload> Workloads => StepWorkload.All;

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice(Workload.Threads);
        _step = new LeNetStep(_device, Workload.Batch);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _step.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public float LeNet() => _step.Run();
}
