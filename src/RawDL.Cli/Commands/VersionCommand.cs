using System.CommandLine;

namespace RawDL.Cli;

/// <summary><c>rawdl version</c>: which program this is and what it runs on.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        var command = new ExampleCommand("version", "Show the version of the program and what it runs on.", "rawdl version --json");
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        using var device = new CpuDevice();
        Session.Open(parsed).Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("version", ProgramVersion.Number);
                json.WriteString("platform", ProgramVersion.Platform);
                json.WriteString("device", device.Description);
                json.WriteEndObject();
            },
            text => text.WriteLine($"{ProgramVersion.Text}\n{ProgramVersion.Platform}\n{device.Description}"));
        return (int)ExitCode.Ok;
    }
}
