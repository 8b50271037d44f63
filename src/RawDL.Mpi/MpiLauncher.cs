using System.Globalization;

namespace RawDL.Mpi;

/// <summary>The program that started this process as one of several ranks, as its environment variables tell, before MPI is touched.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Rank">This process's number.</param>
/// <param name="Size">Number of ranks; 0 if the launcher does not say.</param>
/// <param name="Family">The library that belongs to it; null if it serves several.</param>
public readonly record struct MpiLauncher(string Name, int Rank, int Size, MpiFlavor? Family)
{
    /// <summary>The launcher of this process, or null if it was started alone.</summary>
    public static MpiLauncher? Detect() => Detect(Environment.GetEnvironmentVariable);

    internal static MpiLauncher? Detect(Func<string, string?> variable)
    {
        if (Number("OMPI_COMM_WORLD_RANK") is { } openMpi)
            return new MpiLauncher("mpiexec of Open MPI", openMpi, Number("OMPI_COMM_WORLD_SIZE") ?? 0, MpiFlavor.OpenMpi);

        // A batch script under Slurm has a SLURM_PROCID too; only srun counts the tasks of a step.
        var tasks = variable("SLURM_STEP_ID") is null ? null : Number("SLURM_STEP_NUM_TASKS");
        if (Number("PMI_RANK") is { } pmi && Number("PMI_SIZE") is { } size)
            return variable("HYDI_CONTROL_FD") is null && size == tasks
                ? new MpiLauncher("srun (PMI)", pmi, size, null)
                : new MpiLauncher("mpiexec of the MPICH family", pmi, size, MpiFlavor.Mpich);
        if (Number("PMIX_RANK") is { } pmix) return new MpiLauncher(tasks is null ? "a PMIx launcher" : "srun (PMIx)", pmix, tasks ?? 0, null);
        if (tasks > 1 && Number("SLURM_PROCID") is { } process) return new MpiLauncher("srun", process, tasks.Value, null);
        return null;

        int? Number(string name) => int.TryParse(variable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
