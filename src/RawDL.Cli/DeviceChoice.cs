using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using RawDL.Cuda;

namespace RawDL.Cli;

/// <summary>The options that choose the device, and the one place where it is made.</summary>
internal sealed class DeviceChoice
{
    private static readonly string[] Names = ["cpu", "cuda", "auto", "emulated"];

    private readonly Option<string?> _device = new("--device")
    {
        Description = "Where to compute: cpu, cuda, cuda:1, auto (a GPU where there is one, else cpu), or emulated (the CUDA kernels compiled for the processor by g++: slow, to test them).",
        HelpName = "cpu|cuda[:i]|auto|emulated",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = Parse,
    };

    private readonly Option<int?> _threads = Values.Integer("--threads", "Processor threads of each rank; by default the ranks of a machine share all processors.", 1, 1024);
    private readonly Option<string?> _gemm = Values.Choice("--gemm", "Matrix products of a GPU: rawdl (its own kernels, the default) or cublas.", "rawdl", "cublas");
    private readonly Option<string?> _precision = Values.Choice("--precision",
        "Of a GPU's matrix products: float32 (the default), 3xtf32 (nearly as exact, on tensor cores), tf32 or bfloat16.", "float32", "3xtf32", "tf32", "bfloat16");

    public void AddTo(Command command)
    {
        _device.CompletionSources.Add(Names);
        foreach (var option in (Option[])[_device, _threads, _gemm, _precision]) command.Add(option);
    }

    public Device Open(ParseResult parsed, Session session) => Open(parsed, session, new SoloCommunicator());

    /// <summary>Ranks of one machine share its processors; without an index each takes the GPU of its number among them.</summary>
    public Device Open(ParseResult parsed, Session session, ICommunicator communicator)
    {
        // Before any choice, as every rank takes part.
        var node = communicator.SplitByNode();
        var name = parsed.GetValue(_device) ?? "cpu";
        if (name != "auto") return Open(name, parsed, session, node);
        var gpus = CudaDevices.List();
        var device = Open(gpus.Devices.Count > 0 ? "cuda" : "cpu", parsed, session, node);
        session.Say($"Device: {device}, chosen by auto{(gpus.Devices.Count > 0 ? "" : $": {gpus.Reason}")}.");
        return device;
    }

    private Device Open(string name, ParseResult parsed, Session session, ICommunicator node) => name switch
    {
        "cpu" => OpenCpu(parsed, node),
        "emulated" => CudaDevices.OpenEmulated(Options(parsed, session)),
        _ => CudaDevices.Open(Index(name, node), Options(parsed, session)),
    };

    private CpuDevice OpenCpu(ParseResult parsed, ICommunicator node)
    {
        foreach (var option in (Option[])[_gemm, _precision])
            if (parsed.GetResult(option) is { Implicit: false }) throw new UsageException($"{option.Name}: expected --device cuda beside it, got the cpu.");
        return new CpuDevice(parsed.GetValue(_threads) ?? ProcessorShare.Of(node));
    }

    private CudaOptions Options(ParseResult parsed, Session session) => new()
    {
        Gemm = parsed.GetValue(_gemm) == "cublas" ? GemmLibrary.CuBlas : GemmLibrary.RawDL,
        Precision = parsed.GetValue(_precision) switch
        {
            "3xtf32" => GemmPrecision.Float32By3xTf32,
            "tf32" => GemmPrecision.Tf32,
            "bfloat16" => GemmPrecision.BFloat16,
            _ => GemmPrecision.Float32,
        },
        Warn = session.Warn,
        Compiling = session.Say,
    };

    private static int Index(string name, ICommunicator node) => name.Length > "cuda:".Length
        ? int.Parse(name.AsSpan("cuda:".Length), NumberStyles.None, CultureInfo.InvariantCulture)
        : node.Rank % Math.Max(1, CudaDevices.List().Devices.Count);

    private static string? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (Names.Contains(text)) return text;
        if (text.StartsWith("cuda:", StringComparison.Ordinal) && text.Length is > 5 and <= 8 && int.TryParse(text.AsSpan(5), NumberStyles.None, null, out _)) return text;
        result.AddError($"--device: expected cpu, cuda, cuda:0, auto or emulated, got {Message.Quote(text)}.");
        return null;
    }
}
