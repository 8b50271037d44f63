namespace RawDL.Mpi.Tests;

public sealed class LauncherDetectionTests
{
    [TestCase("", null, 0, 0, null)]
    [TestCase("OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=4 PMIX_RANK=2", "mpiexec of Open MPI", 2, 4, MpiFlavor.OpenMpi)]
    [TestCase("PMI_RANK=1 PMI_SIZE=3 HYDI_CONTROL_FD=9", "mpiexec of the MPICH family", 1, 3, MpiFlavor.Mpich)]
    [TestCase("PMI_RANK=1 PMI_SIZE=3", "mpiexec of the MPICH family", 1, 3, MpiFlavor.Mpich)]
    // hydra starts its proxies with srun, one for each node.
    [TestCase("PMI_RANK=5 PMI_SIZE=8 HYDI_CONTROL_FD=9 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", "mpiexec of the MPICH family", 5, 8, MpiFlavor.Mpich)]
    [TestCase("PMI_RANK=5 PMI_SIZE=8 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=5", "srun (PMI)", 5, 8, null)]
    [TestCase("PMIX_RANK=5 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=5", "srun (PMIx)", 5, 8, null)]
    [TestCase("PMIX_RANK=5", "a PMIx launcher", 5, 0, null)]
    [TestCase("SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=5", "srun", 5, 8, null)]
    // A batch script, and an interactive shell.
    [TestCase("SLURM_JOB_ID=7 SLURM_NTASKS=8 SLURM_PROCID=0", null, 0, 0, null)]
    [TestCase("SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0", null, 0, 0, null)]
    [TestCase("PMI_RANK=x PMI_SIZE=3", null, 0, 0, null)]
    public void TheEnvironmentNamesTheLauncher(string environment, string? name, int rank, int size, MpiFlavor? family)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        var launcher = MpiLauncher.Detect(variables.GetValueOrDefault);
        Assert.That(launcher, name is null ? Is.Null : Is.EqualTo(new MpiLauncher(name, rank, size, family)));
    }

    [Test]
    public void TheLaunchersFamilyIsTriedFirst()
    {
        Assume.That(OperatingSystem.IsLinux());
        Assert.That(MpiLibrary.Candidates(MpiFlavor.OpenMpi)[0], Is.EqualTo("libmpi.so.40"));
        Assert.That(MpiLibrary.Candidates(MpiFlavor.Mpich)[0], Is.EqualTo("libmpich.so.12"));
        Assert.That(MpiLibrary.Candidates(null)[^1], Is.EqualTo("libmpi.so"));
    }

    [Test]
    public void NoLibraryAtAllSaysHowToInstallOne()
    {
        Assume.That(OperatingSystem.IsLinux());
        var error = Assert.Throws<MpiException>(() => MpiLibrary.Load(["libabsent.so.1", "libabsent.so.2"], "MPI"));
        Assert.That(error!.Message, Is.EqualTo("MPI: expected an MPI library (libabsent.so.1, libabsent.so.2), got none; run: apt-get install -y openmpi-bin openssh-client (or mpich), or name a library in RAWDL_MPI_LIB"));
    }

    [Test]
    public void AnotherLibraryIsRefused()
    {
        Assume.That(OperatingSystem.IsLinux());
        var error = Assert.Throws<MpiException>(() => MpiLibrary.Load(["libm.so.6"], "RAWDL_MPI_LIB"));
        Assert.That(error!.Message, Does.StartWith("RAWDL_MPI_LIB: expected an MPI library (libm.so.6), got libm.so.6, which has no MPI_Init_thread; "));
    }
}
