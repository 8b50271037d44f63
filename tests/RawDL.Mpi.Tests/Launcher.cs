using System.Diagnostics;
using System.Text;
using RawDL.TestKit;

namespace RawDL.Mpi.Tests;

/// <summary>An installed mpiexec, and runs of <c>RawDL.MpiRank</c> under it that cannot hang: after a minute everything is killed.</summary>
internal sealed class Launcher
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly string s_rank = Path.Combine(AppContext.BaseDirectory, "RawDL.MpiRank.dll");
    private readonly string _program;
    private readonly string[] _options;

    private Launcher(string program, string[] options)
    {
        _program = program;
        _options = options;
    }

    /// <summary>The launcher of this library; ignores the test if it is missing, or fails it if RAWDL_REQUIRE contains mpi.</summary>
    public static Launcher Of(MpiFlavor flavor)
    {
        var (suffixed, banner, package) = flavor == MpiFlavor.OpenMpi ? ("mpiexec.openmpi", "open-mpi.org", "openmpi-bin openssh-client") : ("mpiexec.mpich", "HYDRA", "mpich");
        string[] options = flavor == MpiFlavor.OpenMpi ? ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"] : [];
        foreach (var program in (string[])[suffixed, "mpiexec"])
            if (Version(program).Contains(banner, StringComparison.Ordinal)) return new Launcher(program, options);
        Required.Missing("mpi", $"no mpiexec of {flavor}: apt-get install -y {package}");
        throw new UnreachableException();
    }

    /// <summary>Runs the case on so many ranks. Afterwards no process of it is left, or the test fails.</summary>
    public RankRun Run(int ranks, string name, params (string Name, string Value)[] environment)
    {
        var mark = Guid.NewGuid().ToString("N");
        var run = Execute(_program, [.. _options, "-n", $"{ranks}", "dotnet", s_rank, name, mark], environment);
        var clock = Stopwatch.StartNew();
        while (JobProcesses.Find(mark) is { Count: > 0 } left)
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(10))
            {
                foreach (var (id, _) in left) JobProcesses.Kill(id);
                Assert.Fail($"{left.Count} ranks live 10 s after mpiexec has ended\n{run.Output}");
            }
            Thread.Sleep(50);
        }
        return run;
    }

    /// <summary>Runs one process without a launcher.</summary>
    public static RankRun RunAlone(string name, params (string Name, string Value)[] environment) => Execute("dotnet", [s_rank, name], environment);

    public static RankRun Execute(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        // mpiexec reads its standard input for rank 0; reading a terminal from the background would stop it.
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // Not every machine that runs tests has ssh, which one node does not need; and a dumb terminal keeps .NET from sending escapes to Open MPI's.
        start.Environment["OMPI_MCA_plm_rsh_agent"] = "";
        start.Environment["TERM"] = "dumb";
        start.Environment.Remove("RAWDL_MPI_LIB");
        foreach (var (name, value) in environment) start.Environment[name] = value;

        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = new StringBuilder();
        process.OutputDataReceived += (_, e) => Append(e.Data);
        process.ErrorDataReceived += (_, e) => Append(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)}: expected an end within {s_patience.TotalSeconds} s, got\n{output}");
        }
        process.WaitForExit();
        return new RankRun(process.ExitCode, output.ToString(), clock.Elapsed);

        void Append(string? line)
        {
            if (line is null) return;
            lock (output) output.Append(line).Append('\n');
        }
    }

    private static string Version(string program)
    {
        try
        {
            return Execute(program, ["--version"]).Output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";  // Not installed.
        }
    }
}
