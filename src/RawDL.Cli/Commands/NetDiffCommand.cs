using System.CommandLine;
using System.Globalization;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl net diff</c>: how far the parameters of two models of one network are apart.</summary>
internal sealed class NetDiffCommand
{
    private readonly Argument<string?> _first = Values.PathArgument("first", "A model.safetensors, a checkpoint, or the folder of a run.", ArgumentArity.ExactlyOne);
    private readonly Argument<string?> _second = Values.PathArgument("second", "Another of the same network.", ArgumentArity.ExactlyOne);
    private readonly Option<float?> _within = Values.Number("--within", $"Exit code {(int)ExitCode.Replica} where the largest difference is not below this.", 0, 1e6f);

    /// <summary>One parameter: largest |a − b|, and ‖a − b‖ / ‖a‖.</summary>
    private sealed record Row(string Name, Shape Shape, double Largest, double Relative);

    public static Command Create()
    {
        var diff = new NetDiffCommand();
        var command = new ExampleCommand("diff", "Compare the parameters of two models of the same network: the largest difference, for each parameter and in all.",
            "rawdl net diff runs/one runs/four", "rawdl net diff runs/one runs/four --within 1e-5 --json") { diff._first, diff._second, diff._within };
        command.SetAction(diff.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var session = Session.Open(parsed);
        using var device = new CpuDevice(1);
        using var first = Open(parsed.GetValue(_first)!, device);
        using var second = Open(parsed.GetValue(_second)!, device);
        if (first.Parameters.Layout != second.Parameters.Layout)
            throw new UsageException($"net diff: expected two models of the same network, got {first.Configuration.Name} with {first.Parameters.Count} values and {second.Configuration.Name} with {second.Parameters.Count}, named or shaped otherwise.");
        var rows = first.Parameters.Parameters.Zip(second.Parameters.Parameters, Compare).ToList();
        var largest = rows.Max(row => row.Largest);
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteNumber("max_difference", largest);
                json.WriteStartArray("parameters");
                foreach (var row in rows)
                {
                    json.WriteStartObject();
                    json.WriteString("name", row.Name);
                    json.WriteNumber("max_difference", row.Largest);
                    json.WriteNumber("relative_difference", row.Relative);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            },
            text =>
            {
                var table = new TextTable("parameter", "shape", ">max |a - b|", ">|a - b| / |a|");
                foreach (var row in rows) table.Add(row.Name, $"{row.Shape}", Exponent(row.Largest), Exponent(row.Relative));
                table.Write(text);
                text.WriteLine($"max |difference| {Exponent(largest)}");
            });
        return (int)(parsed.GetValue(_within) is { } within && !(largest < within) ? ExitCode.Replica : ExitCode.Ok);
    }

    private static Model Open(string path, Device device) => Model.Load(Directory.Exists(path) ? RunFolder.FindModel(path) : path, device);

    // NaN on one side only is infinitely far.
    private static Row Compare(Parameter a, Parameter b)
    {
        var (left, right) = (a.Value.ToArray(), b.Value.ToArray());
        double largest = 0, apart = 0, whole = 0;
        for (var i = 0; i < left.Length; i++)
        {
            var difference = left[i].Equals(right[i]) ? 0 : Math.Abs((double)left[i] - right[i]);
            if (double.IsNaN(difference)) difference = double.MaxValue;
            largest = Math.Max(largest, difference);
            apart += difference * difference;
            whole += (double)left[i] * left[i];
        }
        return new Row(a.Name, a.Shape, largest, apart == 0 ? 0 : whole > 0 && double.IsFinite(whole) && double.IsFinite(apart) ? Math.Sqrt(apart / whole) : double.MaxValue);
    }

    private static string Exponent(double value) => value == 0 ? "0" : value.ToString("0.00e+00", CultureInfo.InvariantCulture);
}
