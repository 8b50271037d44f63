namespace RawDL.Mpi.Tests;

/// <summary>Real ranks under mpiexec: what they compute, and how they end when one fails.</summary>
[Category("Mpi")]
[Platform("Linux")]
[NonParallelizable]
public sealed class RankTests
{
    [Test]
    public void EveryOperationGivesWhatItMust([Values(MpiFlavor.OpenMpi, MpiFlavor.Mpich)] MpiFlavor flavor, [Values(1, 2, 3, 4)] int ranks)
    {
        var run = Launcher.Of(flavor).Run(ranks, "checks");
        Assert.That(run.ExitCode, Is.Zero, run.Output);
        Assert.That(run.Output, Does.Contain($"ok: {ranks} ranks, {flavor}, "));
    }

    [TestCase("throw", "rank 1 has had enough")]
    [TestCase("thread", "a thread of rank 1 has had enough")]
    [TestCase("kill", "")]
    [TestCase("exit", "")]
    [TestCase("abort", "")]
    [TestCase("return", "exit code 7: expected every rank to end within 5 s")]
    [TestCase("crash", "")]
    public void AFailingRankEndsAll(string failure, string message)
    {
        foreach (var flavor in (MpiFlavor[])[MpiFlavor.OpenMpi, MpiFlavor.Mpich])
        {
            var run = Launcher.Of(flavor).Run(3, failure);
            TestContext.Out.WriteLine($"{flavor} {failure}: exit {run.ExitCode} after {run.Time.TotalSeconds:0.0} s");
            Assert.That(run.ExitCode, Is.Not.Zero, run.Output);
            Assert.That(run.Output, Does.Not.Contain("went on"));
            Assert.That(run.Output, Does.Contain(message));
            // Start-up included, on a busy machine; only the return waits for the others.
            Assert.That(run.Time, Is.LessThan(TimeSpan.FromSeconds(failure == "return" ? 12 : 8)));
            if (failure == "abort") Assert.That(run.ExitCode, Is.EqualTo(42));
        }
    }

    [Test]
    public void RanksThatAllReturnAnExitCodeEndInOrder([Values(MpiFlavor.OpenMpi, MpiFlavor.Mpich)] MpiFlavor flavor, [Values(1, 3)] int ranks)
    {
        var run = Launcher.Of(flavor).Run(ranks, "agreed");
        Assert.That(run.ExitCode, Is.EqualTo(5), run.Output);
        Assert.That(run.Output, Does.Contain("rank 0 has written its checkpoint").And.Not.Contains("MPI_Abort").And.Not.Contains("MPI_ABORT"));
    }

    [TestCase("early", "MPI_Barrier")]
    [TestCase("stuck", "MPI_Barrier")]
    public void TheWatchdogEndsWhatWouldHang(string failure, string call)
    {
        foreach (var flavor in (MpiFlavor[])[MpiFlavor.OpenMpi, MpiFlavor.Mpich])
        {
            // Ranks that start late on a busy machine must not trip it: the first barrier is guarded too.
            var run = Launcher.Of(flavor).Run(2, failure, ("RAWDL_MPI_TIMEOUT", "4"));
            Assert.That(run.ExitCode, Is.Not.Zero, run.Output);
            Assert.That(run.Output, Does.Contain($"{call}: expected the other ranks within 4 s, got none").Or.Contains("MPI_Finalize: expected the other ranks within 4 s"), run.Output);
            Assert.That(run.Output, Does.Not.Contain("went on"));
        }
    }

    [TestCase(MpiFlavor.OpenMpi, "libmpich.so.12")]
    [TestCase(MpiFlavor.Mpich, "libmpi.so.40")]
    public void ALibraryOfAnotherLauncherIsRefused(MpiFlavor flavor, string library)
    {
        var run = Launcher.Of(flavor).Run(2, "checks", ("RAWDL_MPI_LIB", library));
        Assert.That(run.ExitCode, Is.Not.Zero, run.Output);
        Assert.That(run.Output, Does.Contain("MPI: expected 2 ranks as mpiexec of ").And.Contain($", got 1 from {library} ("), run.Output);
        Assert.That(run.Output, Does.Not.Contain("ok:"));
    }

    [Test]
    public void AMissingLibraryIsOneClearLine()
    {
        var run = Launcher.RunAlone("checks", ("RAWDL_MPI_LIB", "libabsent.so.1"));
        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Output, Does.StartWith("rank 0: RAWDL_MPI_LIB: expected an MPI library (libabsent.so.1), got libabsent.so.1: cannot open shared object file"));
        Assert.That(run.Output, Does.Contain("apt-get install -y openmpi-bin").And.Not.Contain("   at "));
        Assert.That(run.Output.Trim().Split('\n'), Has.Length.EqualTo(1));
    }

    [Test]
    public void AWrongTimeoutIsOneClearLine()
    {
        var run = Launcher.RunAlone("checks", ("RAWDL_MPI_TIMEOUT", "soon"));
        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Output.Trim(), Is.EqualTo("rank 0: RAWDL_MPI_TIMEOUT: expected seconds from 0 to 100000000, got \"soon\""));
    }

    [Test]
    public void AProcessAloneIsARankOfOne([Values("libmpi.so.40", "libmpich.so.12")] string library)
    {
        _ = Launcher.Of(library == "libmpi.so.40" ? MpiFlavor.OpenMpi : MpiFlavor.Mpich);
        var run = Launcher.RunAlone("checks", ("RAWDL_MPI_LIB", library));
        Assert.That(run.ExitCode, Is.Zero, run.Output);
        Assert.That(run.Output, Does.Contain("ok: 1 ranks"));
    }

    /// <summary>No released library has the standard ABI on Debian 12, so a layer over MPICH stands for one.</summary>
    [Test]
    public void TheStandardAbiServesTheSameProgram([Values(1, 3)] int ranks)
    {
        var launcher = Launcher.Of(MpiFlavor.Mpich);
        var folder = Directory.CreateTempSubdirectory("rawdl-abi-");
        try
        {
            var library = Path.Combine(folder.FullName, "libmpi_abi.so.1");
            try
            {
                var compiler = Launcher.Execute("cc", ["-shared", "-fPIC", "-Wall", "-Werror", "-o", library, Path.Combine(AppContext.BaseDirectory, "standard_abi.c"), "-ldl"]);
                Assert.That(compiler.ExitCode, Is.Zero, compiler.Output);
            }
            catch (System.ComponentModel.Win32Exception)
            {
                Required.Missing("mpi", "no C compiler: apt-get install -y gcc libc6-dev");
            }
            var run = launcher.Run(ranks, "checks", ("RAWDL_MPI_LIB", library));
            Assert.That(run.ExitCode, Is.Zero, run.Output);
            Assert.That(run.Output, Does.Contain($"ok: {ranks} ranks, Standard, Multiple, "));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
