using System.CommandLine;

namespace RawDL.Cli;

/// <summary><c>rawdl devices</c>: what <c>--device</c> may name here.</summary>
internal static class DevicesCommand
{
    public static Command Create()
    {
        var command = new ExampleCommand("devices", "List the devices of this machine.", "rawdl devices", "rawdl devices --json");
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
                json.WriteStartArray("devices");
                json.WriteStartObject();
                json.WriteString("name", device.Name);
                json.WriteString("description", device.Description);
                json.WriteNumber("threads", device.Threads);
                json.WriteEndObject();
                json.WriteEndArray();
                json.WriteEndObject();
            },
            text => text.WriteLine($"{device.Name}  {device.Description}"));
        return (int)ExitCode.Ok;
    }
}
