namespace RawDL.Spark.Tests;

/// <summary>The probe under a real Spark: one submission per fixture, shared by its tests.</summary>
[Category("Spark")]
[NonParallelizable]
[TestFixture("3.5.9", "local-cluster[2,1,1024]", "", "context data persist broadcast tree fail cancel barrier arrow stream files")]
[TestFixture("3.5.9", "local[2]", "spark.python.use.daemon=false spark.io.encryption.enabled=true", "context data broadcast fail")]
[TestFixture("4.3.0", "local-cluster[2,1,1024]", "spark.io.encryption.enabled=true", "context data broadcast tree fail barrier arrow")]
[TestFixture("4.3.0", "local[2]", "spark.python.unix.domain.socket.enabled=true spark.python.worker.reuse=false", "context data broadcast fail cancel barrier arrow stream")]
internal sealed class SparkTests(string version, string master, string settings, string checks)
{
    private (int ExitCode, string[] Lines, string Log) _run;

    [OneTimeSetUp]
    public void Submit() => _run = SparkInstallation.Of(version).Submit(master, settings.Split(' ', StringSplitOptions.RemoveEmptyEntries), [.. checks.Split(' '), "references"]);

    [TestCase("context")]
    [TestCase("data")]
    [TestCase("persist")]
    [TestCase("broadcast")]
    [TestCase("tree")]
    [TestCase("fail")]
    [TestCase("cancel")]
    [TestCase("barrier")]
    [TestCase("arrow")]
    [TestCase("stream")]
    [TestCase("files")]
    [TestCase("references")]
    public void Check(string name)
    {
        if (name != "references" && !checks.Split(' ').Contains(name)) Assert.Ignore("not part of this Spark's list");
        var line = _run.Lines.FirstOrDefault(l => l.StartsWith($"PASS {name} ", StringComparison.Ordinal) || l.StartsWith($"FAIL {name} ", StringComparison.Ordinal));
        Assert.That(line, Does.StartWith("PASS"), () => $"{string.Join('\n', _run.Lines)}\n{_run.Log[^Math.Min(_run.Log.Length, 8000)..]}");
        TestContext.Out.WriteLine(line);
    }

    [Test]
    public void ExitCode() => Assert.That(_run.ExitCode, Is.Zero, () => string.Join('\n', _run.Lines));
}
