using BenchmarkDotNet.Attributes;
using RawDL.Cuda;

namespace RawDL.Benchmarks;

/// <summary>The operations on a GPU, calls in a row and one wait; without one BenchmarkDotNet says what is missing. <c>rawdl bench --device cuda</c> has the ratios to cuBLAS
/// and to the roofline.</summary>
public abstract class CudaBenchmarks
{
    protected const int Calls = 16;

    protected CudaDevice Device { get; private set; } = null!;
    protected Tape Tape { get; private set; } = null!;

    protected void Open(GemmPrecision precision = GemmPrecision.Float32)
    {
        Device = CudaDevices.Open(0, new CudaOptions { Precision = precision });
        Tape = new Tape(Device);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        Tape?.Dispose();
        Device?.Dispose();
    }

    protected Tensor Filled(Shape shape) => Free(Tape.Variable(Enumerable.Repeat(0.125f, shape.Count).ToArray(), shape));

    /// <summary>The same elements without a tape, so that each call's own tape counts.</summary>
    protected static Tensor Free(Tensor tensor) => new(tensor.Buffer, tensor.Offset, tensor.Shape) { Gradient = tensor.Gradient };

    protected void Repeat(Action<Tape> work, TapeMode mode = TapeMode.Training)
    {
        using var tape = new Tape(Device, mode);
        for (var i = 0; i < Calls; i++)
        {
            tape.Reset();
            work(tape);
        }
        Device.Synchronize();
    }

    protected static Tensor On(Tape tape, Tensor tensor) => new(tensor.Buffer, tensor.Offset, tensor.Shape, tape) { Gradient = tensor.Gradient };
}

/// <summary>Square products and those of LeNet, in each precision.</summary>
[MemoryDiagnoser]
public class CudaMatMulBenchmarks : CudaBenchmarks
{
    private Tensor _a = null!, _b = null!;

    [ParamsSource(nameof(Workloads))]
    public MatMulWorkload Workload { get; set; } = null!;

    [Params(GemmPrecision.Float32, GemmPrecision.Float32By3xTf32, GemmPrecision.Tf32, GemmPrecision.BFloat16)]
    public GemmPrecision Precision { get; set; }

    public static IEnumerable<MatMulWorkload> Workloads =>
        [.. MatMulWorkload.All, new("4096", 4096, 4096, 4096, Transpose.None), new("8192", 8192, 8192, 8192, Transpose.None)];

    [GlobalSetup]
    public void Setup()
    {
        Open(Precision);
        _a = Filled((Workload.Transpose & Transpose.Left) != 0 ? new Shape(Workload.Inner, Workload.Rows) : new Shape(Workload.Rows, Workload.Inner));
        _b = Filled((Workload.Transpose & Transpose.Right) != 0 ? new Shape(Workload.Columns, Workload.Inner) : new Shape(Workload.Inner, Workload.Columns));
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public void MatMul() => Repeat(tape => On(tape, _a).MatMul(_b, Workload.Transpose), TapeMode.Inference);
}

/// <summary>The convolutions of LeNet and of a CIFAR net.</summary>
[MemoryDiagnoser]
public class CudaConv2dBenchmarks : CudaBenchmarks
{
    private Tensor _x = null!, _weight = null!, _bias = null!;

    [ParamsSource(nameof(Workloads))]
    public ConvolutionWorkload Workload { get; set; } = null!;

    public static IEnumerable<ConvolutionWorkload> Workloads =>
        [.. ConvolutionWorkload.All, new("cifar1", new(128, 3, 32, 32), new(64, 3, 3, 3)), new("cifar2", new(128, 64, 32, 32), new(64, 64, 3, 3)), new("cifar3", new(128, 256, 8, 8), new(256, 256, 3, 3))];

    [GlobalSetup]
    public void Setup()
    {
        Open();
        (_x, _weight, _bias) = (Filled(Workload.X), Filled(Workload.Weight), Filled(new Shape(Workload.Weight[0])));
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public void Forward() => Repeat(tape => On(tape, _x).Conv2d(_weight, _bias), TapeMode.Inference);

    [Benchmark(OperationsPerInvoke = Calls)]
    public void ForwardAndBackward() => Repeat(tape => tape.Backward(On(tape, _x).Conv2d(_weight, _bias)));

    [Benchmark(OperationsPerInvoke = Calls)]
    public void WithReluAndPool() => Repeat(tape => On(tape, _x).Conv2dReluMaxPool2d(_weight, _bias), TapeMode.Inference);
}

/// <summary>What memory bounds: pooling and softmax.</summary>
[MemoryDiagnoser]
public class CudaMemoryBenchmarks : CudaBenchmarks
{
    private Tensor _images = null!, _logits = null!, _labels = null!;

    [GlobalSetup]
    public void Setup()
    {
        Open();
        (_images, _logits) = (Filled(new Shape(128, 64, 64, 64)), Filled(new Shape(65536, 10)));
        _labels = Free(Tape.Labels(new int[65536]));
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public void MaxPool() => Repeat(tape => On(tape, _images).MaxPool2d((2, 2), (2, 2)), TapeMode.Inference);

    [Benchmark(OperationsPerInvoke = Calls)]
    public void SoftmaxCrossEntropy() => Repeat(tape => tape.Backward(On(tape, _logits).SoftmaxCrossEntropy(_labels)));
}

/// <summary>LeNet's training step, launched call by call; the trainer replays it as a graph.</summary>
[MemoryDiagnoser]
public class CudaStepBenchmarks
{
    private CudaDevice _device = null!;
    private LeNetStep _step = null!;

    [Params(64, 128, 512)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _device = CudaDevices.Open();
        _step = new LeNetStep(_device, Batch);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _step?.Dispose();
        _device?.Dispose();
    }

    [Benchmark]
    public void Step() => _step.Run();
}
