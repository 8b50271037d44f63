using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using RawDL.TestKit;

namespace RawDL.Cli;

/// <summary>Every operation of a device against loops in double precision.</summary>
internal sealed class OperationTest
{
    // Operations whose cases have names of their own.
    private static readonly string[] Families = ["matmul", "conv2d", "linear", "max_pool", "average_pool", "batch_norm", "layer_norm", "local_response_norm"];

    private readonly List<Outcome> _outcomes = [];
    private readonly List<(string Name, string? Failure)> _wrongUses;
    private readonly Device _device;

    private sealed record Outcome(OpCase Case, OpResult Result, double Seconds);

    /// <summary>Runs all cases and disposes the device: what it keeps for its kernels goes with it, anything left then is a leak.</summary>
    public OperationTest(Device device)
    {
        _device = device;
        using (device)
        {
            foreach (var row in OpCases.All)
            {
                var watch = Stopwatch.StartNew();
                _outcomes.Add(new Outcome(row, OpCheck.Run(row, device), watch.Elapsed.TotalSeconds));
            }
            _wrongUses = OpErrors.All.Select(row => (row.Name, Failure: OpCheck.Run(row, device))).ToList();
        }
        Failed = _outcomes.Count(o => o.Result.Failures.Count > 0) + _wrongUses.Count(w => w.Failure is not null) + (device.LiveBytes == 0 ? 0 : 1);
    }

    public int Failed { get; }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteString("device", _device.Description);
        json.WriteNumber("cases", _outcomes.Count);
        json.WriteNumber("wrong_uses", _wrongUses.Count);
        json.WriteNumber("failed", Failed);
        json.WriteNumber("leaked_bytes", _device.LiveBytes);
        json.WriteStartArray("failures");
        foreach (var outcome in _outcomes)
            foreach (var failure in outcome.Result.Failures) json.WriteStringValue($"{outcome.Case.Name}: {failure}");
        foreach (var (name, failure) in _wrongUses)
            if (failure is not null) json.WriteStringValue($"{name}: {failure}");
        json.WriteEndArray();
    }

    public void Write(TextWriter text)
    {
        var table = new TextTable("operation", ">cases", ">worst forward", ">worst gradient", ">ms", "result");
        foreach (var group in _outcomes.GroupBy(o => Family(o.Case.Name)))
        {
            var wrong = group.Count(o => o.Result.Failures.Count > 0);
            table.Add(group.Key, $"{group.Count()}", Exponent(group.Max(o => o.Result.ForwardNmse)), Exponent(group.SelectMany(o => o.Result.GradientNmse).DefaultIfEmpty().Max()),
                string.Create(CultureInfo.InvariantCulture, $"{1000 * group.Sum(o => o.Seconds):f1}"), wrong == 0 ? "ok" : $"{wrong} FAILED");
        }
        table.Write(text);
        foreach (var outcome in _outcomes)
            foreach (var failure in outcome.Result.Failures) text.WriteLine($"FAILED {outcome.Case.Name}: {failure}");
        foreach (var (name, failure) in _wrongUses)
            if (failure is not null) text.WriteLine($"FAILED {name}: {failure}");
        if (_device.LiveBytes != 0) text.WriteLine($"FAILED memory: expected 0 live bytes, got {_device.LiveBytes}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_outcomes.Count} cases and {_wrongUses.Count} wrong uses in {_outcomes.Sum(o => o.Seconds):f1} s: {(Failed == 0 ? "all passed" : $"{Failed} failed")}"));
    }

    private static string Exponent(double nmse) => nmse == 0 ? "0" : nmse.ToString("0.0e+00", CultureInfo.InvariantCulture);

    // "conv2d_strided" and "softmax 3" are cases of conv2d and softmax.
    private static string Family(string name) => Array.Find(Families, family => name.StartsWith(family, StringComparison.Ordinal)) ?? name.Split([' ', ','], 2)[0];
}
