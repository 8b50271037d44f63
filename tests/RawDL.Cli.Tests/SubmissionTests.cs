using System.Diagnostics;
using RawDL.Spark.Tests;

namespace RawDL.Cli.Tests;

/// <summary>Submissions to real Sparks.</summary>
[Category("Spark")]
public sealed class SubmissionTests
{
    private const string Short = "spark.ui.enabled=false";

    [Test]
    public void A_command_runs_as_a_driver()
    {
        var home = SparkInstallation.Of("4.3.0").Home;
        var job = TrainedRun.Fresh("job.py");
        File.WriteAllText(job, "version # the command\n");
        var run = Rawdl.Run(Environment(home), "submit", "--master", "local[1]", "--conf", Short, "--job", job, "--", "--json");
        Assert.That(run.Json().GetProperty("version").GetString(), Is.EqualTo(ProgramVersion.Number));
        Assert.That(run.Error, Does.Contain("--conf spark.api.mode=classic"));
        File.WriteAllText(job, "import sys");
        var python = Rawdl.Run(Environment(home), "submit", "--master", "local[1]", "--job", job);
        Assert.That((python.Code, python.Out, python.Error), Is.EqualTo((ExitCode.Usage, "", $"rawdl: {job}: expected a rawdl job description, the words of a command line such as train --data mnist, got 'import'\n")));
    }

    [Test]
    public void A_run_on_hdfs_goes_on()
    {
        var home = SparkInstallation.Of("3.5.9").Home;
        var script = Path.Combine(home, "hdfs", "start-hdfs");
        if (!File.Exists(script)) Required.Missing("spark", $"no {script}");
        using var hdfs = Process.Start(new ProcessStartInfo(script, [TrainedRun.Fresh("hdfs")]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            // One replica, for where a run ends replicas meet.
            var run = $"{hdfs.StandardOutput.ReadLine()}/runs/a";
            Assert.That(Submit("train", "--train-size", "200", "--test-size", "50", "--batch", "32", "--steps", "6", "--seed", "1", "--model", "linear", "--shards", "1", "--out", run).Error, Does.Not.Contain("rawdl: "));
            var more = Submit("train", "--resume", run, "--steps", "12", "--shards", "1", "--json");
            var resumed = more.Json().GetProperty("parameters_sha256").GetString();
            var whole = Rawdl.Call("train", "--train-size", "200", "--test-size", "50", "--batch", "32", "--steps", "12", "--seed", "1", "--model", "linear", "--out", TrainedRun.Fresh("run"), "--quiet", "--json");
            Assert.That(resumed, Is.EqualTo(whole.Json().GetProperty("parameters_sha256").GetString()));
            Assert.That(Submit("train", "--out", run).Code, Is.EqualTo(ExitCode.Usage));
        }
        finally
        {
            hdfs.StandardInput.Close();
            if (!hdfs.WaitForExit(TimeSpan.FromSeconds(20))) hdfs.Kill(entireProcessTree: true);
        }

        Rawdl Submit(params string[] words) => Rawdl.Run(Environment(home), ["submit", "--master", "local[2]", "--conf", Short, .. words, "--quiet"]);
    }

    private static Dictionary<string, string?> Environment(string home) => new() { ["SPARK_HOME"] = home, ["SPARK_LOCAL_IP"] = "127.0.0.1" };
}
