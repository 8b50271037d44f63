using System.Diagnostics;
using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary>The built program, run as a process of its own or called.</summary>
internal sealed record Rawdl(ExitCode Code, string Out, string Error)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>The same without a process: quick, and with the streams of a pipe.</summary>
    public static Rawdl Call(params string[] args)
    {
        using StringWriter output = new(), error = new();
        var code = Application.Run(args, output, error);
        return new Rawdl(code, output.ToString(), error.ToString());
    }

    public static Rawdl Run(params string[] args) => Run(new Dictionary<string, string?>(), args);

    public static Rawdl Run(IReadOnlyDictionary<string, string?> environment, params string[] args)
    {
        using var process = Start(environment, args);
        return Finish(process);
    }

    public static Process Start(IReadOnlyDictionary<string, string?> environment, params string[] args)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "rawdl.dll");
        // A background job of a shell inherits SIGINT ignored, and then the program would ignore it too.
        var start = OperatingSystem.IsLinux() ? new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", program, .. args]) : new ProcessStartInfo("dotnet", [program, .. args]);
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        start.Environment["TERM"] = "xterm-256color";
        foreach (var (name, value) in environment)
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }
        return Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start.");
    }

    public static Rawdl Finish(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"rawdl did not end within {Patience}.");
        }
        return new Rawdl((ExitCode)process.ExitCode, output.Result, error.Result);
    }

    /// <summary>The result as JSON, after a run that succeeded.</summary>
    public JsonElement Json()
    {
        Assert.That(Code, Is.EqualTo(ExitCode.Ok), Error);
        using var document = JsonDocument.Parse(Out);
        return document.RootElement.Clone();
    }
}
