using System.CommandLine;
using System.CommandLine.Parsing;

namespace RawDL.Cli;

/// <summary>The options that choose the device, and the one place where it is made.</summary>
internal sealed class DeviceChoice
{
    private static readonly string[] Names = ["cpu", "cuda", "auto"];

    private readonly Option<string?> _device = new("--device")
    {
        Description = "Where to compute: cpu, cuda, cuda:1, or auto (the best there is).",
        HelpName = "cpu|cuda[:i]|auto",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = Parse,
    };

    private readonly Option<int?> _threads = Values.Integer("--threads", "Processor threads of each rank; by default the ranks of a machine share all processors.", 1, 1024);

    public void AddTo(Command command)
    {
        _device.CompletionSources.Add(Names);
        command.Add(_device);
        command.Add(_threads);
    }

    /// <summary>Makes the device of a process alone; the caller disposes it.</summary>
    /// <exception cref="DeviceException">It is not there.</exception>
    public Device Open(ParseResult parsed, Session session) => Open(parsed, session, new SoloCommunicator());

    /// <summary>Makes the device of a rank; the caller disposes it. Every rank calls it.</summary>
    /// <exception cref="DeviceException">It is not there.</exception>
    public Device Open(ParseResult parsed, Session session, ICommunicator communicator)
    {
        var name = parsed.GetValue(_device) ?? "cpu";
        if (name.StartsWith("cuda", StringComparison.Ordinal))
            throw new DeviceException($"--device {name}: expected a CUDA device, got a build without CUDA; use --device cpu.");
        var device = new CpuDevice(parsed.GetValue(_threads) ?? ProcessorShare.Of(communicator));
        if (name == "auto") session.Say($"Device: {device}, chosen by auto.");
        return device;
    }

    private static string? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (Names.Contains(text)) return text;
        if (text.StartsWith("cuda:", StringComparison.Ordinal) && text.Length is > 5 and <= 8 && int.TryParse(text.AsSpan(5), System.Globalization.NumberStyles.None, null, out _)) return text;
        result.AddError($"--device: expected cpu, cuda, cuda:0 or auto, got {Message.Quote(text)}.");
        return null;
    }
}
