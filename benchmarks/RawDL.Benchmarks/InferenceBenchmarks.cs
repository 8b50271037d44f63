using BenchmarkDotNet.Attributes;

namespace RawDL.Benchmarks;

[MemoryDiagnoser]
public class InferenceBenchmarks
{
    private CpuDevice _device = null!;
    private LeNetStep _step = null!;
    private float[] _logits = null!;

    [ParamsSource(nameof(Workloads))]
    public StepWorkload Workload { get; set; } = null!;

    public static IEnumerable<StepWorkload> Workloads => [new(1, 1), new(1, 2), .. StepWorkload.All];

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice(Workload.Threads);
        _step = new LeNetStep(_device, Workload.Batch);
        _logits = new float[10 * Workload.Batch];
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _step.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void LeNet() => _step.Infer(_logits);
}
