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
            var a = KernelWorkload.Filled(tape, new Shape(workload.Rows, workload.Inner));
            var b = KernelWorkload.Filled(tape, new Shape(workload.Inner, workload.Columns));
            var c = KernelWorkload.Filled(tape, new Shape(workload.Rows, workload.Columns));
            var geometry = new MatMulGeometry(workload.Rows, workload.Columns, workload.Inner, workload.Transpose);
            Print($"matmul {workload.Name}", workload, Time(() => cpu.MatMul(geometry, a, b, c, Store.Overwrite), 0.3, 0.5));
            tape.Reset();
        }
        if (kernels) Kernels(cpu);
        Console.WriteLine($"load {Load()}");
    }

    /// <summary>One line of LeNet's training step.</summary>
    public static void Step(int batch, int threads) => Step(new StepWorkload(batch, threads));

    private static void Step(StepWorkload workload)
    {
        using var device = new CpuDevice(workload.Threads);
        using var step = new LeNetStep(device, workload.Batch);
        Print($"LeNet, {workload}", workload, Time(() => step.Run(), WarmUp, Measured));
    }

    // Each kernel of each family, alone; for those of LeNet: where a step's time goes.
    private static void Kernels(CpuDevice cpu)
    {
        foreach (var workload in FusedWorkload.All)
        {
            var fused = new FusedConv2dBenchmarks { Workload = workload, Threads = cpu.Threads };
            fused.Setup();
            Print($"{workload}", workload, Time(fused.Run, 0.3, 0.3));
            fused.Cleanup();
        }
        foreach (var kernel in KernelWorkload.All)
        {
            using var tape = new Tape(cpu);
            Print(kernel.Name, kernel, Time(kernel.Open(cpu, tape), 0.15, 0.25));
        }
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

    private static void Print(string name, IWorkload workload, (double Median, double Best, double Processor) seconds) =>
        Console.WriteLine($"{name,-40}{seconds.Median * 1e6,9:F0} us, best {seconds.Best * 1e6,9:F0} us, processor {seconds.Processor * 1e6,9:F0} us"
            + $"{workload.Amount / seconds.Median,10:F1} {workload.Unit}, best {workload.Amount / seconds.Best,8:F1}");

    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";
}
