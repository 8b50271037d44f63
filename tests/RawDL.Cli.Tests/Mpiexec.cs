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

    /// <summary>Runs the ranks; ignores the test where there is no such mpiexec, or fails it if RAWDL_REQUIRE contains mpi.</summary>
    /// <param name="library">openmpi or mpich.</param>
    /// <param name="ranks">How many.</param>
    /// <param name="use">RAWDL_MPI_LIB, null for none.</param>
    /// <param name="args">The command line of each rank.</param>
    public static Rawdl Run(string library, int ranks, string? use, params string[] args)
    {
        var program = $"mpiexec.{library}";
        if (!(System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program))))
            Missing($"no {program}: apt-get install -y {(library == "mpich" ? "mpich" : "openmpi-bin openssh-client")}");
        // mpiexec reads its standard input for rank 0.
        var start = new ProcessStartInfo(program, ["-n", $"{ranks}", "dotnet", Path.Combine(AppContext.BaseDirectory, "rawdl.dll"), .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Environment) start.Environment[name] = value;
        if (use is not null) start.Environment["RAWDL_MPI_LIB"] = use;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        return Rawdl.Finish(process);
    }

    private static void Missing(string reason)
    {
        if ((System.Environment.GetEnvironmentVariable("RAWDL_REQUIRE") ?? "").Split(',').Contains("mpi")) Assert.Fail(reason);
        Assert.Ignore(reason);
    }
}
