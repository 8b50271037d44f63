using System.CommandLine;
using RawDL.Cuda;

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
        using var cpu = new CpuDevice();
        var gpus = CudaDevices.List();
        Session.Open(parsed).Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("devices");
                json.WriteStartObject();
                json.WriteString("name", cpu.Name);
                json.WriteString("description", cpu.Description);
                json.WriteNumber("threads", cpu.Threads);
                json.WriteEndObject();
                for (var i = 0; i < gpus.Devices.Count; i++)
                {
                    var gpu = gpus.Devices[i];
                    json.WriteStartObject();
                    json.WriteString("name", $"cuda:{i}");
                    json.WriteString("description", gpu.ToString());
                    json.WriteNumber("multiprocessors", gpu.Multiprocessors);
                    json.WriteNumber("memory_bytes", gpu.MemoryBytes);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                if (gpus.Reason is { } reason) json.WriteString("no_cuda", reason);
                json.WriteEndObject();
            },
            text =>
            {
                text.WriteLine($"{cpu.Name}     {cpu.Description}");
                for (var i = 0; i < gpus.Devices.Count; i++) text.WriteLine($"cuda:{i}  {gpus.Devices[i]}");
                if (gpus.Reason is { } reason) text.WriteLine($"no cuda: {reason}");
            });
        return (int)ExitCode.Ok;
    }
}
