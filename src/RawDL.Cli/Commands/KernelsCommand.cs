using System.CommandLine;
using System.Globalization;
using RawDL.Cuda;

namespace RawDL.Cli;

/// <summary><c>rawdl kernels</c>: compiles the GPU's kernels ahead, for machines that have a driver and no NVRTC, or to start faster.</summary>
internal static class KernelsCommand
{
    public static Command Create()
    {
        var architecture = new Option<string>("--arch")
        {
            Description = "What to compile for: sm_80, sm_90a.",
            HelpName = "sm_XX",
            DefaultValueFactory = _ => "sm_90a",
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (text.StartsWith("sm_", StringComparison.Ordinal) && text.Length is >= 5 and <= 7 && text[3..].All(char.IsAsciiLetterOrDigit)) return text;
                result.AddError($"--arch: expected an architecture like sm_90a, got {Message.Quote(text)}.");
                return null;
            },
        };
        var folder = Values.Path("--out", "DIR", "Where to write; the folder kernels beside the program by default, where it looks first.");
        var command = new ExampleCommand("kernels", "Compile the kernels of a GPU ahead, by NVRTC; no GPU is needed.", "rawdl kernels --arch sm_90a", "rawdl kernels --arch sm_86 --out publish/kernels") { architecture, folder };
        command.SetAction(parsed => Run(parsed, parsed.GetValue(architecture)!, parsed.GetValue(folder) ?? Path.Combine(AppContext.BaseDirectory, "kernels")));
        return command;
    }

    private static int Run(ParseResult parsed, string architecture, string folder)
    {
        var session = Session.Open(parsed);
        var modules = CudaDevices.Prebuild(architecture, folder);
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("architecture", architecture);
                json.WriteString("folder", folder);
                json.WriteStartObject("bytes");
                foreach (var (module, bytes) in modules) json.WriteNumber(module, bytes);
                json.WriteEndObject();
                json.WriteEndObject();
            },
            text =>
            {
                foreach (var (module, bytes) in modules) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{module,-28} {bytes,9:N0} bytes"));
                text.WriteLine($"{modules.Count} modules for {architecture} in {folder}");
            });
        return (int)ExitCode.Ok;
    }
}
