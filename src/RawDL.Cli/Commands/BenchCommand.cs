using System.CommandLine;
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

    // The best of many short ones: whatever else runs here only takes away. The first call is compiled and warms up.
    private static double Ceiling(int threads)
    {
        const int iterations = 1_000_000, runs = 50;
        var best = 0.0;
        for (var i = 0; i < runs; i++) best = Math.Max(best, FmaCeiling.Measure(threads, iterations));
        return best;
    }
}
