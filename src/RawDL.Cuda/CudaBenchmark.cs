using System.Diagnostics;

namespace RawDL.Cuda;

/// <summary>What one row of <see cref="CudaBenchmark"/> measured.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Seconds">Median time of one, by the device's own clock.</param>
/// <param name="Flops">Multiplications and additions of one; 0 where bytes are what counts.</param>
/// <param name="Bytes">Bytes that one has to read and write.</param>
/// <param name="Roof">Fraction of what the device could do at most, by arithmetic or memory, whichever binds; NaN where it is not known.</param>
/// <param name="CuBlasSeconds">The same by cuBLAS, in turn with it; NaN where there is none.</param>
public sealed record CudaTiming(string Name, double Seconds, double Flops, double Bytes, double Roof, double CuBlasSeconds);

/// <summary>Times the kernels of a CUDA device: matrix products of each precision and each level of the ladder, the convolutions of LeNet and of a CIFAR net, pooling,
/// softmax, an optimizer. A row is a recorded graph of several calls, so that launches do not count; median of the runs.</summary>
public sealed class CudaBenchmark(CudaDevice device, int batch, double seconds, CancellationToken stop)
{
    // An emulated device is for correctness: one small call of each.
    private readonly bool _emulated = device.Name == CudaDevices.Emulated;
    private readonly List<CudaTiming> _rows = [];
    private CuBlas? _blas;

    /// <summary>Sizes of square products.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [256, 512, 1024, 2048, 4096, 8192];

    /// <summary>Runs every row.</summary>
    public IReadOnlyList<CudaTiming> Run()
    {
        try
        {
            _blas = _emulated ? null : device.Driver.OpenCuBlas();
        }
        catch (CudaException)
        {
            // It is not installed: no ratio to it.
        }
        using (_blas) Measure();
        return _rows;
    }

    private void Measure()
    {
        Probes();
        foreach (var precision in Precisions())
            foreach (var n in _emulated ? [64] : Sizes) MatMul($"{Word(precision)} {n}^3", n, n, n, precision);
        var architecture = 10 * device.Properties.Major + device.Properties.Minor;
        foreach (var row in GemmTable.Rows)
        {
            var n = _emulated ? 64 : 1024;
            if (row.Precision == GemmPrecision.Float32 && architecture >= row.From && architecture <= row.To) MatMul($"{row.Kernel} {n}^3", n, n, n, row.Precision, row.Kernel);
        }
        MatMul($"float32 {batch}x800 800x500", batch, 800, 500, GemmPrecision.Float32);
        MatMul($"float32 {batch}x500 500x10", batch, 500, 10, GemmPrecision.Float32);
        Convolution("LeNet conv 1>20 5x5 on 28x28", new Shape(batch, 1, 28, 28), 20, 5, 0);
        Convolution("LeNet conv 20>50 5x5 on 12x12", new Shape(batch, 20, 12, 12), 50, 5, 0);
        if (!_emulated)
        {
            Convolution("CIFAR conv 3>64 3x3 on 32x32", new Shape(batch, 3, 32, 32), 64, 3, 1);
            Convolution("CIFAR conv 64>64 3x3 on 32x32", new Shape(batch, 64, 32, 32), 64, 3, 1);
            Convolution("CIFAR conv 256>256 3x3 on 8x8", new Shape(batch, 256, 8, 8), 256, 3, 1);
        }
        Pool(_emulated ? new Shape(4, 4, 8, 8) : new Shape(batch, 64, 64, 64));
        Softmax(_emulated ? 16 : 65536, 10);
        Softmax(_emulated ? 2 : 8192, 1000);
        Update(_emulated ? 4096 : 64 << 20);
    }

    // What bounds the rest: the row of multiply-adds tells the clock that the device holds.
    private void Probes()
    {
        using var tape = new Tape(device, TapeMode.Inference);
        Add("a node of a graph", Time(device.ProbeLaunch)[0], 0, 0);
        const int barriers = 10;
        var counter = tape.AllocateZero(new Shape(1));
        Add("a barrier of the grid", Time(() => device.ProbeGridBarrier(counter, barriers))[0] / barriers, 0, 0);
        var sums = tape.Allocate(new Shape(256 * (_emulated ? 2 : 8 * device.Properties.Multiprocessors)));
        var (rounds, products) = (_emulated ? 1 : 1000, 0.0);
        var time = Time(() => products = device.ProbeMultiplyAdd(sums, rounds))[0];
        Add("multiply-adds in registers", time, 2 * products, 0);
        foreach (var megabytes in _emulated ? [1] : (int[])[8, 32, 1024])
        {
            var shape = new Shape(megabytes << 17);
            Tensor x = tape.AllocateZero(shape), y = tape.Allocate(shape);
            Add($"copy, {megabytes} MiB read and written", Time(() => device.ProbeCopy(x, y))[0], 0, 8.0 * shape.Count);
        }
    }

    private GemmPrecision[] Precisions() => device.Properties.Major >= 8 ? Enum.GetValues<GemmPrecision>() : [GemmPrecision.Float32];

    private static string Word(GemmPrecision precision) => precision switch
    {
        GemmPrecision.Float32By3xTf32 => "3xtf32",
        GemmPrecision.Tf32 => "tf32",
        GemmPrecision.BFloat16 => "bfloat16",
        _ => "float32",
    };

    private void MatMul(string name, int rows, int inner, int columns, GemmPrecision precision, string? level = null)
    {
        using var tape = new Tape(device, TapeMode.Inference);
        Tensor a = Random(tape, new Shape(rows, inner)), b = Random(tape, new Shape(inner, columns)), c = tape.Allocate(new Shape(rows, columns));
        var geometry = new MatMulGeometry(rows, columns, inner, Transpose.None);
        var (flops, bytes) = (2.0 * rows * inner * columns, 4.0 * ((double)rows * inner + (double)inner * columns + (double)rows * columns));
        var operation = new GemmOperation(a, b, c, Store.Overwrite);
        var plan = level is null ? GemmTable.Select(geometry, precision, device.Properties) : new GemmPlan(GemmTable.Row(level), 1);
        var times = Time(() => device.MatMul(plan, geometry, operation), _blas is null || precision == GemmPrecision.Float32By3xTf32 ? null : () =>
            _blas.Gemm(geometry, CudaDevice.Address(a), CudaDevice.Address(b), CudaDevice.Address(c), Store.Overwrite, precision));
        Add(name, times[0], flops, bytes, precision, times.Length > 1 ? times[1] : double.NaN);
    }

    private void Convolution(string name, Shape input, int channels, int kernel, int padding)
    {
        var options = new Conv2dOptions { Padding = (padding, padding) };
        using var tape = new Tape(device);
        var x = tape.Variable(Values(input.Count), input);
        var weight = tape.Variable(Values(channels * input[1] * kernel * kernel), new Shape(channels, input[1], kernel, kernel));
        var bias = tape.Variable(new float[channels], new Shape(channels));
        using var work = new Tape(device);
        int height = input[2] + 2 * padding - kernel + 1, width = input[3] + 2 * padding - kernel + 1;
        var outputs = (double)input[0] * channels * height * width;
        var flops = 2 * outputs * input[1] * kernel * kernel;
        var bytes = 4 * (input.Count + outputs + weight.Count);
        // Outside any tape but the one of the work: operands carry none.
        Tensor image = Free(x), filter = Free(weight), shift = Free(bias);
        Tensor Forward() => new Tensor(image.Buffer, image.Offset, image.Shape, work) { Gradient = image.Gradient }.Conv2d(filter, shift, options);
        var forward = Time(() =>
        {
            work.Reset();
            Forward();
        })[0];
        Add($"{name}, forward", forward, flops, bytes);
        var all = Time(() =>
        {
            work.Reset();
            work.Backward(Forward());
        })[0];
        Add($"{name}, and both gradients", all, 3 * flops, 3 * bytes);
        if (padding != 0 || height % 2 != 0) return;
        var fused = Time(() =>
        {
            work.Reset();
            new Tensor(image.Buffer, image.Offset, image.Shape, work).Conv2dReluMaxPool2d(filter, shift);
        })[0];
        Add($"{name}, + ReLU + pool", fused, flops, 4 * (input.Count + outputs / 4 + weight.Count));
    }

    private void Pool(Shape shape)
    {
        using var tape = new Tape(device, TapeMode.Inference);
        var x = Free(tape.Variable(Values(shape.Count), shape));
        using var work = new Tape(device, TapeMode.Inference);
        var time = Time(() =>
        {
            work.Reset();
            new Tensor(x.Buffer, x.Offset, x.Shape, work).MaxPool2d((2, 2), (2, 2));
        })[0];
        Add($"max pool 2x2 {shape}", time, 0, 4.0 * shape.Count * 1.5);
    }

    private void Softmax(int rows, int classes)
    {
        var shape = new Shape(rows, classes);
        using var tape = new Tape(device);
        var x = Free(tape.Variable(Values(shape.Count), shape));
        var labels = Free(tape.Labels(new int[rows]));
        using var work = new Tape(device);
        var time = Time(() =>
        {
            work.Reset();
            work.Backward(new Tensor(x.Buffer, x.Offset, x.Shape, work) { Gradient = x.Gradient }.SoftmaxCrossEntropy(labels));
        })[0];
        Add($"softmax cross-entropy {shape}, and its gradient", time, 0, 4.0 * shape.Count * 5);
    }

    private void Update(int count)
    {
        using var tape = new Tape(device, TapeMode.Inference);
        Tensor values = tape.AllocateZero(new Shape(count)), gradients = tape.AllocateZero(new Shape(count));
        Tensor first = tape.AllocateZero(new Shape(count)), second = tape.AllocateZero(new Shape(count));
        UpdateSegment[] whole = [new(0, count, 1, float.PositiveInfinity, 0, 0, 0)];
        var time = Time(() => values.Update(gradients, whole, new BenchmarkAdam(1e-3f, 0.9f, 0.1f, 0.999f, 0.001f, 1f, 1e-8f), [first, second]))[0];
        Add($"Adam {count} parameters", time, 0, 28.0 * count);
    }

    private void Add(string name, double time, double flops, double bytes, GemmPrecision precision = GemmPrecision.Float32, double cuBlas = double.NaN)
    {
        var (peak, bandwidth) = (device.Properties.PeakFlops(precision), device.Properties.MemoryBandwidth);
        var least = Math.Max(peak > 0 ? flops / peak : 0, bandwidth > 0 ? bytes / bandwidth : 0);
        _rows.Add(new CudaTiming(name, time, flops, bytes, least > 0 ? least / time : double.NaN, cuBlas));
    }

    // The median of each, in turn; the device's clock around a graph of several calls.
    private double[] Time(params ReadOnlySpan<Action?> works)
    {
        var count = works.Length > 1 && works[^1] is null ? 1 : works.Length;
        var graphs = new nint[count];
        var repeats = new int[count];
        var times = new List<double>[count];
        nint from = device.Driver.CreateEvent(), to = device.Driver.CreateEvent();
        try
        {
            for (var i = 0; i < count; i++)
            {
                var work = works[i]!;
                work();
                work();
                var once = Run(device.Capture(work), 1, keep: false);
                repeats[i] = _emulated ? 1 : (int)Math.Clamp(1e-3 / once, 1, 20);
                var n = repeats[i];
                graphs[i] = device.Capture(() =>
                {
                    for (var k = 0; k < n; k++) work();
                });
                times[i] = [];
            }
            var all = Stopwatch.StartNew();
            do
            {
                stop.ThrowIfCancellationRequested();
                for (var i = 0; i < count; i++) times[i].Add(Run(graphs[i], repeats[i], keep: true));
            }
            while (all.Elapsed.TotalSeconds < seconds || times[0].Count < (_emulated ? 1 : 5));
            return Array.ConvertAll(times, list =>
            {
                list.Sort();
                return list[list.Count / 2];
            });
        }
        finally
        {
            device.Synchronize();
            foreach (var graph in graphs)
                if (graph != 0) device.Driver.DestroyGraph(graph);
            device.Driver.DestroyEvent(from);
            device.Driver.DestroyEvent(to);
        }

        double Run(nint graph, int calls, bool keep)
        {
            device.Driver.Record(from);
            device.Driver.LaunchGraph(graph);
            device.Driver.Record(to);
            var time = device.Driver.Milliseconds(from, to) / 1e3 / calls;
            if (!keep) device.Driver.DestroyGraph(graph);
            return Math.Max(time, 1e-9);
        }
    }

    private static Tensor Free(Tensor tensor) => new(tensor.Buffer, tensor.Offset, tensor.Shape) { Gradient = tensor.Gradient };

    private static Tensor Random(Tape tape, Shape shape) => Free(tape.Input(Values(shape.Count), shape));

    private static float[] Values(int count)
    {
        var random = new RandomStream(1, 1);
        var values = new float[count];
        foreach (ref var value in values.AsSpan()) value = random.NextFloat(-1, 1);
        return values;
    }

    // The rule of Adam, whose own is internal to the optimizers; its kernel is the same.
    private readonly record struct BenchmarkAdam(float Rate, float Beta1, float Beta1Rest, float Beta2, float Beta2Rest, float Correction, float Epsilon) : IUpdateRule
    {
        public static string Kernel => "adam";

        public static int StateCount => 2;

        public float Apply(float value, float gradient, ref float state0, ref float state1, ref float state2) => throw new NotSupportedException();

        public System.Numerics.Vector<float> Apply(System.Numerics.Vector<float> value, System.Numerics.Vector<float> gradient, ref System.Numerics.Vector<float> state0,
            ref System.Numerics.Vector<float> state1, ref System.Numerics.Vector<float> state2) => throw new NotSupportedException();
    }
}
