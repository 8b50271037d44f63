using System.CommandLine;
using RawDL.Cuda;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary><c>rawdl bench</c>: the speed of what training is made of, beside what the processor could do at most.</summary>
internal sealed class BenchCommand
{
    private readonly DeviceChoice _device = new();
    private readonly Option<float?> _seconds = Values.Number("--seconds", "Time for each row; 1 by default.", 0, 3600);
    private readonly Option<int?> _batch = Values.Integer("--batch", "Images per step; 64 by default.", 1, 4096);

    public static Command Create()
    {
        var bench = new BenchCommand();
        var command = new ExampleCommand("bench", "Measure matrix products, convolutions and the training step of LeNet.", "rawdl bench", "rawdl bench --threads 1 --seconds 3 --json");
        command.Add(bench._seconds);
        command.Add(bench._batch);
        bench._device.AddTo(command);
        command.SetAction(bench.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        Signals.Watched = true;
        var session = Session.Open(parsed);
        using var device = _device.Open(parsed, session);
        var threads = device is CpuDevice cpu ? cpu.Threads : 1;
        var batch = parsed.GetValue(_batch) ?? 64;
        session.Say($"Measuring {device}.");
        if (device is CudaDevice cuda) return RunCuda(session, cuda, batch, parsed.GetValue(_seconds) ?? 1);
        var ceiling = Ceiling(threads);
        var rows = new Benchmark(device, batch, parsed.GetValue(_seconds) ?? 1, Signals.Stop).Run();
        // Measured on both sides: the clock of the processor sinks while it works.
        ceiling = Math.Max(ceiling, Ceiling(threads));
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("device", device.ToString());
                json.WriteNumber("threads", threads);
                json.WriteNumber("batch", batch);
                json.WriteNumber("fma_ceiling_gflops", Math.Round(ceiling / 1e9, 2));
                json.WriteStartArray("rows");
                foreach (var row in rows)
                {
                    json.WriteStartObject();
                    json.WriteString("name", row.Name);
                    json.WriteNumber("runs", row.Runs);
                    json.WriteNumber("milliseconds", Math.Round(1e3 * row.Seconds, 5));
                    json.WriteNumber("gflops", Math.Round(row.Flops / row.Seconds / 1e9, 3));
                    json.WriteNumber("fraction_of_ceiling", Math.Round(row.Flops / row.Seconds / ceiling, 4));
                    if (row.Images > 0) json.WriteNumber("images_per_second", Math.Round(row.Images / row.Seconds, 1));
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            },
            text =>
            {
                var table = new TextTable("median of the runs", ">runs", ">ms", ">GFLOP/s", ">of ceiling", ">images/s");
                foreach (var row in rows)
                    table.Add(row.Name, Invariant($"{row.Runs}"), Invariant($"{1e3 * row.Seconds:F3}"), Invariant($"{row.Flops / row.Seconds / 1e9:F1}"),
                        Invariant($"{row.Flops / row.Seconds / ceiling:P0}"), row.Images > 0 ? Invariant($"{row.Images / row.Seconds:N0}") : "");
                table.Write(text);
                text.WriteLine(Invariant($"Ceiling: {ceiling / 1e9:F1} GFLOP/s, multiply-adds in registers on {threads} thread{(threads == 1 ? "" : "s")}"));
            });
        return (int)ExitCode.Ok;
    }

    private static int RunCuda(Session session, CudaDevice device, int batch, double seconds)
    {
        var rows = new CudaBenchmark(device, batch, seconds, Signals.Stop).Run();
        var step = new TrainingRate(device, batch, seconds, Signals.Stop);
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("device", device.ToString());
                json.WriteNumber("batch", batch);
                json.WriteStartArray("rows");
                foreach (var row in rows)
                {
                    json.WriteStartObject();
                    json.WriteString("name", row.Name);
                    json.WriteNumber("microseconds", Math.Round(1e6 * row.Seconds, 3));
                    if (row.Flops > 0) json.WriteNumber("gflops", Math.Round(row.Flops / row.Seconds / 1e9, 3));
                    json.WriteNumber("gigabytes_per_second", Math.Round(row.Bytes / row.Seconds / 1e9, 3));
                    if (double.IsFinite(row.Roof)) json.WriteNumber("fraction_of_roofline", Math.Round(row.Roof, 4));
                    if (double.IsFinite(row.CuBlasSeconds)) json.WriteNumber("speed_to_cublas", Math.Round(row.CuBlasSeconds / row.Seconds, 4));
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                if (double.IsFinite(step.ImagesPerSecond))
                {
                    json.WriteNumber("lenet_step_microseconds", Math.Round(1e6 * batch / step.ImagesPerSecond, 3));
                    json.WriteNumber("lenet_images_per_second", Math.Round(step.ImagesPerSecond, 1));
                }
                json.WriteEndObject();
            },
            text =>
            {
                var table = new TextTable("median of the runs", ">us", ">GFLOP/s", ">GB/s", ">of roofline", ">to cuBLAS");
                foreach (var row in rows)
                    table.Add(row.Name, Invariant($"{1e6 * row.Seconds:F1}"), row.Flops > 0 ? Invariant($"{row.Flops / row.Seconds / 1e9:F0}") : "", Invariant($"{row.Bytes / row.Seconds / 1e9:F0}"),
                        double.IsFinite(row.Roof) ? Invariant($"{row.Roof:P0}") : "", double.IsFinite(row.CuBlasSeconds) ? Invariant($"{row.CuBlasSeconds / row.Seconds:F2}x") : "");
                table.Write(text);
                text.WriteLine(double.IsFinite(step.ImagesPerSecond)
                    ? Invariant($"LeNet, training step of {batch} images: {1e6 * batch / step.ImagesPerSecond:F1} us, {step.ImagesPerSecond:N0} images/s")
                    : "LeNet, training step: too slow for the time; a larger --seconds may do");
            });
        return (int)ExitCode.Ok;
    }

    // The best of many short ones: whatever else runs here only takes away. The first call is compiled and warms up.
    private static double Ceiling(int threads)
    {
        const int iterations = 1_000_000, runs = 50;
        var best = 0.0;
        for (var i = 0; i < runs; i++) best = Math.Max(best, FmaCeiling.Measure(threads, iterations));
        return best;
    }
}
