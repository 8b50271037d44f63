using System.ComponentModel;
using System.Diagnostics;

namespace RawDL.Peers;

/// <summary>The other half of <see cref="Answers"/>: one side, asked request by request.</summary>
internal sealed class SideProcess : IDisposable
{
    // Threads of a team that has ended its work may spin for some milliseconds, at the cost of who comes next.
    private const int Pause = 100;

    private readonly Process? _process;

    public SideProcess(string name, string program, params string[] arguments)
    {
        Name = name;
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Version = e.Message;
            return;
        }
        var hello = _process.StandardOutput.ReadLine()?.Split('\t', 2);
        (IsHere, Version) = hello is [var word, var text] ? (word == "ready", text) : (false, "it ended at once");
    }

    public string Name { get; }

    /// <summary>False where its library is missing; then it answers nothing.</summary>
    public bool IsHere { get; private set; }

    /// <summary>Version, or why it is missing.</summary>
    public string Version { get; }

    /// <summary>The answer; null when the side does not do that.</summary>
    public double? Ask(string request)
    {
        if (!IsHere || _process is null) return null;
        try
        {
            _process.StandardInput.WriteLine(request);
            _process.StandardInput.Flush();
            if (_process.StandardOutput.ReadLine() is { } line)
            {
                Thread.Sleep(Pause);
                return double.TryParse(line, out var value) ? value : null;
            }
        }
        catch (IOException)
        {
            // The process is gone: as if it had closed its output.
        }
        IsHere = false;
        Console.Error.WriteLine($"{Name} ended at: {request}");
        return null;
    }

    public void Dispose()
    {
        if (_process is null) return;
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
