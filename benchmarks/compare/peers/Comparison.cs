using System.Runtime.InteropServices;

namespace RawDL.Peers;

/// <summary>All sides in turn, the same request to each, some rounds; then medians and ratios as tables.</summary>
internal sealed partial class Comparison : IDisposable
{
    private const int LossSteps = 10;
    private static readonly string[] s_groups = ["sgemm", "training", "inference", "layers", "scaling"];

    private readonly int _rounds;
    private readonly string _seconds = Environment.GetEnvironmentVariable("SECONDS_EACH") ?? "0.5";
    private readonly string _file = Path.GetTempFileName();
    private readonly SideProcess _rawdl, _openBlas, _onnxRuntime, _torchSharp, _torch;
    private readonly int[] _threads = Environment.ProcessorCount > 1 ? [1, 2] : [1];
    private readonly string _before = Load();
    private (double Low, double High) _load = (double.PositiveInfinity, 0);

    public Comparison(int rounds)
    {
        _rounds = rounds;
        var self = Environment.ProcessPath!;
        var python = Environment.GetEnvironmentVariable("PYTHON") ?? "/usr/bin/python3";
        // First RawDL, which writes the file of weights, images and logits.
        _rawdl = new SideProcess("RawDL", self, "rawdl", _file);
        _openBlas = new SideProcess("OpenBLAS", self, "openblas", _file);
        _onnxRuntime = new SideProcess("ONNX Runtime", self, "onnxruntime", _file);
        _torchSharp = new SideProcess("TorchSharp", self, "torchsharp", _file);
        _torch = new SideProcess("PyTorch", python, Path.Combine(AppContext.BaseDirectory, "lenet_torch.py"), _file);
    }

    private SideProcess[] Sides => [_rawdl, _openBlas, _onnxRuntime, _torchSharp, _torch];

    /// <summary>Prints the tables of the groups, all of them when none is named.</summary>
    public void Run(string[] groups)
    {
        Console.WriteLine($"- Machine: {Processor()}, {Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}");
        foreach (var side in Sides) Console.WriteLine($"- {side.Name}: {(side.IsHere ? side.Version : $"left out, {side.Version}")}");
        Console.WriteLine($"- {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {_rounds} rounds, {_seconds} s for each figure");
        SameWork();
        Console.WriteLine();
        foreach (var group in groups.Length > 0 ? groups : s_groups)
        {
            switch (group)
            {
                case "sgemm": MatMuls(); break;
                case "training": Training(); break;
                case "inference": Inference(); break;
                case "layers": Layers(); break;
                case "scaling": Scaling(); break;
                default: throw new ArgumentException($"No such group: {group}. Groups: {string.Join(", ", s_groups)}.");
            }
        }
        Console.WriteLine($"Load of a minute: {_before} before, {_load.Low:F1} to {_load.High:F1} during the run, which is itself up to {_threads[^1]} of it.");
    }

    public void Dispose()
    {
        foreach (var side in Sides) side.Dispose();
        File.Delete(_file);
    }

    private void SameWork()
    {
        var nets = Sides.Where(side => side.IsHere && side != _openBlas).ToArray();
        var differences = nets[1..].Select(side => $"{side.Name} {side.Ask($"difference {_file}"):E1}");
        Console.WriteLine($"- Largest difference of a logit to RawDL's, same weights and images: {string.Join(", ", differences)}");
        var losses = nets.Select(side => (side.Name, Loss: side.Ask($"loss {LossSteps}"))).Where(item => item.Loss is not null);
        Console.WriteLine($"- Loss after {LossSteps} steps from the same weights: {string.Join(", ", losses.Select(item => $"{item.Name} {item.Loss:F5}"))}");
    }

    // Answers by request and round: the ceiling of some threads first, then the requests in turn, each round beginning with another one.
    private double?[][] Measure(string ceiling, params (SideProcess Side, string Request)[] requests)
    {
        Console.Error.WriteLine($"{requests[0].Request}");
        foreach (var (side, _) in requests) side.Ask("forget");
        var values = new double?[requests.Length + 1][];
        for (var i = 0; i < values.Length; i++) values[i] = new double?[_rounds];
        for (var round = 0; round < _rounds; round++)
        {
            values[0][round] = _rawdl.Ask(ceiling);
            for (var i = 0; i < requests.Length; i++)
            {
                var index = (i + round) % requests.Length;
                values[index + 1][round] = requests[index].Side.Ask($"{requests[index].Request} {_seconds}");
            }
            var load = double.Parse(Load());
            _load = (Math.Min(_load.Low, load), Math.Max(_load.High, load));
        }
        return values;
    }

    // The same request to several sides; RawDL is the first.
    private double?[][] Measure(string request, int threads, params SideProcess[] sides) =>
        Measure($"fma {threads}", [.. sides.Select(side => (side, $"{request} {threads}"))]);

    private static string Number(double?[] values, double unit, string format) => Text(Median.Of(values) / unit, format);

    private static string Ratio(double?[] a, double?[] b) => Text(Median.OfRatios(a, b), "F2");

    private static string Text(double? value, string format) => value is { } number ? number.ToString(format) : "-";

    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "0";

    private static string Processor()
    {
        const string Key = "model name";
        if (!File.Exists("/proc/cpuinfo")) return RuntimeInformation.ProcessArchitecture.ToString();
        string? Line(string key) => File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal))?.Split(':')[1].Trim();
        return $"{Line(Key) ?? RuntimeInformation.ProcessArchitecture.ToString()} (family {Line("cpu family")}, model {Line("model\t")})";
    }
}
