using System.Diagnostics;

namespace RawDL.Cli.Tests;

/// <summary>The built program as ranks under an installed mpiexec.</summary>
internal static class Mpiexec
{
    private static readonly (string Name, string? Value)[] Environment =
    [
        // As root, without ssh, more ranks than processors, and a terminal that escapes would be sent to.
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"), ("OMPI_MCA_plm_rsh_agent", ""), ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_hwloc_base_binding_policy", "none"), ("TERM", "xterm-256color"), ("RAWDL_MPI_LIB", null),
    ];

    /// <summary>Runs the ranks to their end.</summary>
    /// <param name="library">openmpi or mpich.</param>
    /// <param name="ranks">How many.</param>
    /// <param name="use">RAWDL_MPI_LIB, null for none.</param>
    /// <param name="args">The command line of each rank.</param>
    public static Rawdl Run(string library, int ranks, string? use, params string[] args)
    {
        using var process = Start(library, ranks, [("RAWDL_MPI_LIB", use)], args);
        return Rawdl.Finish(process);
    }

    /// <summary>Starts the ranks, with further variables of all.</summary>
    public static Process Start(string library, int ranks, (string Name, string? Value)[] environment, params string[] args) =>
        Launch(library, ranks, environment, [.. Program, .. args]);

    /// <summary>The same with a variable, NAME=VALUE, that rank 1 alone has.</summary>
    public static Process StartWithOddRank(string library, int ranks, string variable, (string Name, string? Value)[] environment, params string[] args) =>
        Launch(library, ranks, environment, ["sh", "-c", $"[ \"$OMPI_COMM_WORLD_RANK$PMI_RANK\" = 1 ] && export {variable}; exec \"$@\"", "sh", .. Program, .. args]);

    private static string[] Program => ["dotnet", Path.Combine(AppContext.BaseDirectory, "rawdl.dll")];

    // Ignores the test where there is no such mpiexec, or fails it if RAWDL_REQUIRE contains mpi.
    private static Process Launch(string library, int ranks, (string Name, string? Value)[] environment, string[] line)
    {
        var launcher = $"mpiexec.{library}";
        if (!(System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, launcher))))
            Required.Missing("mpi", $"no {launcher}: apt-get install -y {(library == "mpich" ? "mpich" : "openmpi-bin openssh-client")}");
        // mpiexec reads its standard input for rank 0.
        var start = new ProcessStartInfo(launcher, ["-n", $"{ranks}", .. line])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in (ReadOnlySpan<(string, string?)>)[.. Environment, .. environment]) start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }
}
