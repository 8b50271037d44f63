namespace RawDL.Spark.Tests;

/// <summary>The probe under a real Spark: one submission for many checks, because a JVM starts slowly.</summary>
[Category("Spark")]
[NonParallelizable]
[TestFixture("3.5.9", "local-cluster[2,1,1024]", "", "context data persist broadcast tree fail cancel together barrier arrow stream files references")]
[TestFixture("3.5.9", "local[2]", "spark.python.use.daemon=false spark.io.encryption.enabled=true", "context data broadcast fail barrier references")]
[TestFixture("4.3.0", "local-cluster[2,1,1024]", "spark.io.encryption.enabled=true", "context broadcast tree fail references")]
[TestFixture("4.3.0", "local[2]", "spark.python.unix.domain.socket.enabled=true spark.python.worker.reuse=false", "context data broadcast cancel together barrier arrow references")]
internal sealed class SparkTests(string version, string master, string settings, string checks)
{
    [Test]
    public void ChecksOfTheProbe()
    {
        var names = checks.Split(' ');
        var run = SparkInstallation.Of(version).Submit(master, settings.Split(' ', StringSplitOptions.RemoveEmptyEntries), names);
        foreach (var line in run.Lines) TestContext.Out.WriteLine(line);
        var passed = run.Lines.Where(line => line.StartsWith("PASS ", StringComparison.Ordinal)).Select(line => line.Split(' ')[1]);
        Assert.That(passed, Is.EqualTo(names), () => run.Log[^Math.Min(run.Log.Length, 8000)..]);
        Assert.That(run.ExitCode, Is.Zero);
    }
}
