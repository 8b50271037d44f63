using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using RawDL.TestKit;

namespace RawDL.Cli;

/// <summary><c>rawdl selftest</c>: every operation on the chosen device against loops in double precision.</summary>
internal static class SelfTestCommand
{
    // Operations whose cases have names of their own.
    private static readonly string[] Families = ["matmul", "conv2d", "linear", "max_pool", "average_pool", "batch_norm", "layer_norm", "local_response_norm"];

    private sealed record Outcome(OpCase Case, OpResult Result, double Seconds);

    public static Command Create()
    {
        var device = new DeviceChoice();
        var command = new ExampleCommand("selftest", "Check every operation on the chosen device against double precision.", "rawdl selftest", "rawdl selftest --threads 1 --json");
        device.AddTo(command);
        command.SetAction(parsed => Run(parsed, device));
        return command;
    }

    private static int Run(ParseResult parsed, DeviceChoice choice)
    {
        var session = Session.Open(parsed);
        var outcomes = new List<Outcome>();
        List<(string Name, string? Failure)> wrongUses;
        var device = choice.Open(parsed, session);
        // What the device keeps for its kernels goes with it; anything left then is a leak.
        using (device)
        {
            session.Say($"Checking the operations of {device} against double precision.");
            foreach (var row in OpCases.All)
            {
                var watch = Stopwatch.StartNew();
                outcomes.Add(new Outcome(row, OpCheck.Run(row, device), watch.Elapsed.TotalSeconds));
            }
            wrongUses = OpErrors.All.Select(row => (row.Name, Failure: OpCheck.Run(row, device))).ToList();
        }
        var failed = outcomes.Count(o => o.Result.Failures.Count > 0) + wrongUses.Count(w => w.Failure is not null) + (device.LiveBytes == 0 ? 0 : 1);
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("device", device.Description);
                json.WriteNumber("cases", outcomes.Count);
                json.WriteNumber("wrong_uses", wrongUses.Count);
                json.WriteNumber("failed", failed);
                json.WriteNumber("leaked_bytes", device.LiveBytes);
                json.WriteStartArray("failures");
                foreach (var outcome in outcomes)
                    foreach (var failure in outcome.Result.Failures) json.WriteStringValue($"{outcome.Case.Name}: {failure}");
                foreach (var (name, failure) in wrongUses)
                    if (failure is not null) json.WriteStringValue($"{name}: {failure}");
                json.WriteEndArray();
                json.WriteEndObject();
            },
            text => Write(text, device, outcomes, wrongUses, failed));
        // A kernel that computes wrongly is a fault of the device or of this build for it.
        return (int)(failed == 0 ? ExitCode.Ok : ExitCode.Device);
    }

    private static void Write(TextWriter text, Device device, List<Outcome> outcomes, List<(string Name, string? Failure)> wrongUses, int failed)
    {
        var table = new TextTable("operation", ">cases", ">worst forward", ">worst gradient", ">ms", "result");
        foreach (var group in outcomes.GroupBy(o => Family(o.Case.Name)))
        {
            var wrong = group.Count(o => o.Result.Failures.Count > 0);
            table.Add(group.Key, $"{group.Count()}", Exponent(group.Max(o => o.Result.ForwardNmse)), Exponent(group.SelectMany(o => o.Result.GradientNmse).DefaultIfEmpty().Max()),
                string.Create(CultureInfo.InvariantCulture, $"{1000 * group.Sum(o => o.Seconds):f1}"), wrong == 0 ? "ok" : $"{wrong} FAILED");
        }
        table.Write(text);
        foreach (var outcome in outcomes)
            foreach (var failure in outcome.Result.Failures) text.WriteLine($"FAILED {outcome.Case.Name}: {failure}");
        foreach (var (name, failure) in wrongUses)
            if (failure is not null) text.WriteLine($"FAILED {name}: {failure}");
        if (device.LiveBytes != 0) text.WriteLine($"FAILED memory: expected 0 live bytes, got {device.LiveBytes}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{outcomes.Count} cases and {wrongUses.Count} wrong uses in {outcomes.Sum(o => o.Seconds):f1} s: {(failed == 0 ? "all passed" : $"{failed} failed")}"));
    }

    private static string Exponent(double nmse) => nmse == 0 ? "0" : nmse.ToString("0.0e+00", CultureInfo.InvariantCulture);

    // "conv2d_strided" and "softmax 3" are cases of conv2d and softmax.
    private static string Family(string name) => Array.Find(Families, family => name.StartsWith(family, StringComparison.Ordinal)) ?? name.Split([' ', ','], 2)[0];
}
