using System.Diagnostics;
using System.Globalization;

namespace RawDL.Benchmarks;

/// <summary>The figures of a look, in about twenty seconds: the median and the best of plain stopwatch times, after a warm-up that outlasts the tiers of
/// the JIT. On a machine that others use too, the best is closer to the truth, and
/// the processor time of all threads together (spinning included) tells what is left out.</summary>
public static class QuickBenchmarks
{
    private const double WarmUp = 1.0, Measured = 2.0;

    public static void Run(bool kernels, int threads)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using (var device = new CpuDevice()) Console.WriteLine($"{device.Description}; load {Load()}");
        foreach (var workload in StepWorkload.All) Step(workload);
        using var cpu = new CpuDevice(threads);
        using var tape = new Tape(cpu, TapeMode.Inference);
        foreach (var workload in MatMulWorkload.All)
        {
            var a = Filled(tape, new Shape(workload.Rows, workload.Inner));
            var b = Filled(tape, new Shape(workload.Inner, workload.Columns));
            var c = Filled(tape, new Shape(workload.Rows, workload.Columns));
            var geometry = new MatMulGeometry(workload.Rows, workload.Columns, workload.Inner, workload.Transpose);
            Print($"matmul {workload.Name}", workload, Time(() => cpu.MatMul(geometry, a, b, c, Store.Overwrite), 0.3, 0.5));
            tape.Reset();
        }
        if (kernels) LeNetKernels(cpu, tape);
        Console.WriteLine($"load {Load()}");
    }

    /// <summary>One line, as compare/lenet_torch.py prints it.</summary>
    public static void Step(int batch, int threads)
    {
        using var device = new CpuDevice(threads);
        using var step = new LeNetStep(device, batch);
        var seconds = Time(() => step.Run(), WarmUp, 5);
        Console.WriteLine(FormattableString.Invariant(
            $"RawDL, batch {batch}, {threads} threads: {batch / seconds.Median:F0} images/s, best {batch / seconds.Best:F0}"));
    }

    private static void Step(StepWorkload workload)
    {
        using var device = new CpuDevice(workload.Threads);
        using var step = new LeNetStep(device, workload.Batch);
        Print($"LeNet, {workload}", workload, Time(() => step.Run(), WarmUp, Measured));
    }

    // Where a step's time goes: each kernel alone, at the shapes of LeNet and batch 64.
    private static void LeNetKernels(CpuDevice cpu, Tape tape)
    {
        foreach (var workload in ConvolutionWorkload.All)
        {
            var geometry = workload.Geometry;
            var planes = geometry.Batch * geometry.OutChannels;
            Tensor x = Filled(tape, workload.X), weight = Filled(tape, workload.Weight), bias = Filled(tape, new Shape(geometry.OutChannels));
            var y = Filled(tape, new Shape(geometry.Batch, geometry.OutChannels, geometry.OutHeight, geometry.OutWidth));
            var pool = Pool2dGeometry.Resolve("pool", y.Shape, (2, 2), (2, 2), (0, 0));
            Tensor pooled = Filled(tape, new Shape(geometry.Batch, geometry.OutChannels, pool.OutHeight, pool.OutWidth)), argmax = tape.Allocate(pooled.Shape);
            Print($"{workload.Name} forward", workload, Time(() => cpu.Conv2dForward(geometry, x, weight, bias, y), 0.5, 0.5));
            Print($"{workload.Name} backward weight", workload, Time(() => cpu.Conv2dBackwardWeight(geometry, x, y, weight), 0.5, 0.5));
            weight.Fill(0.1f);
            Print($"{workload.Name} backward input", workload, Time(() => cpu.Conv2dBackwardInput(geometry, weight, y, x), 0.5, 0.5));
            var channels = new BroadcastGeometry(geometry.Batch, geometry.OutChannels, geometry.OutHeight * geometry.OutWidth);
            Print($"{workload.Name} backward bias", null, Time(() => cpu.BinaryBackwardRight<AddOp>(channels, y, bias, y, bias), 0.5, 0.5));
            Print($"{workload.Name} pool forward", null, Time(() => cpu.MaxPool2dForward(pool, y, pooled, argmax), 0.5, 0.5));
            Print($"{workload.Name} pool backward", null, Time(() => cpu.MaxPool2dBackward(pool, argmax, pooled, y), 0.5, 0.5));
            Print($"{workload.Name} fill", null, Time(() => cpu.Fill(y, 0f), 0.5, 0.5));
            tape.Reset();
        }
    }

    private static Tensor Filled(Tape tape, Shape shape)
    {
        var tensor = tape.Allocate(shape);
        tensor.Fill(0.125f);
        return tensor;
    }

    private static (double Median, double Best, double Processor) Time(Action action, double warmUp, double seconds)
    {
        for (var warm = Stopwatch.StartNew(); warm.Elapsed.TotalSeconds < warmUp;) action();
        List<double> times = [];
        var processor = Environment.CpuUsage.TotalTime;
        for (var all = Stopwatch.StartNew(); all.Elapsed.TotalSeconds < seconds || times.Count < 5;)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        processor = Environment.CpuUsage.TotalTime - processor;
        times.Sort();
        return (times[times.Count / 2], times[0], processor.TotalSeconds / times.Count);
    }

    private static void Print(string name, IWorkload? workload, (double Median, double Best, double Processor) seconds) =>
        Console.WriteLine($"{name,-28}{seconds.Median * 1e6,9:F0} us, best {seconds.Best * 1e6,9:F0} us, processor {seconds.Processor * 1e6,9:F0} us"
            + (workload is null ? "" : $"{workload.Amount / seconds.Median,10:F1} {workload.Unit}, best {workload.Amount / seconds.Best,8:F1}"));

    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";
}
