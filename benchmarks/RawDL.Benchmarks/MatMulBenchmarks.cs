using BenchmarkDotNet.Attributes;

namespace RawDL.Benchmarks;

[MemoryDiagnoser]
public class MatMulBenchmarks
{
    private CpuDevice _device = null!;
    private Tape _tape = null!;
    private Tensor _a = null!, _b = null!, _c = null!;

    [ParamsSource(nameof(Workloads))]
    public MatMulWorkload Workload { get; set; } = null!;

    public static IEnumerable<MatMulWorkload> Workloads => MatMulWorkload.All;

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice();
        _tape = new Tape(_device, TapeMode.Inference);
        _a = _tape.AllocateZero(new Shape(Workload.Rows, Workload.Inner));
        _b = _tape.AllocateZero(new Shape(Workload.Inner, Workload.Columns));
        _c = _tape.AllocateZero(new Shape(Workload.Rows, Workload.Columns));
        _a.Fill(0.5f);
        _b.Fill(0.25f);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _tape.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void MatMul() =>
        _device.MatMul(new MatMulGeometry(Workload.Rows, Workload.Columns, Workload.Inner, Workload.Transpose), _a, _b, _c, Store.Overwrite);
}
