using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;

namespace RawDL.Cli.Tests;

/// <summary><c>rawdl submit</c> and what <c>rawdl doctor</c> says of Spark, with a spark-submit that is a script of the test.</summary>
[Category("Program")]
[Platform(Exclude = "Win", Reason = "The scripts are a shell's.")]
public sealed class SubmitTests
{
    private static readonly string Java17 = FakeSpark.CreateJava("echo 'openjdk version \"17.0.19\" 2026-04-21' >&2");

    [Test]
    public void The_words_stay_as_they_are_and_the_exit_code_passes()
    {
        var home = FakeSpark.Create("4.1.2", "for word in \"$@\"; do echo \"[$word]\"; done; echo to error >&2; test -f \"$(echo \"$@\" | grep -o '[^ ]*job.py')\" && exit 37");
        var run = Rawdl.Run(Environment(home), "submit", "--master", "local[2]", "--conf", "spark.a=1", "--conf", "spark.b=x y", "train", "--data", "a b", "--json", "--help");
        Assert.That((int)run.Code, Is.EqualTo(37), run.Error);
        Assert.That(run.Out, Does.StartWith("[--master]\n[local[2]]\n[--conf]\n[spark.a=1]\n[--conf]\n[spark.b=x y]\n").And.EndsWith("/job.py]\n[train]\n[--data]\n[a b]\n[--json]\n[--help]\n"));
        Assert.That(run.Error, Does.Contain("to error").And.Contain($"{home}/bin/spark-submit --master 'local[2]' --conf spark.a=1 --conf 'spark.b=x y'"));
        Assert.That(run.Error, Does.Match("train --data 'a b' --json --help\n"));
    }

    [Test]
    public void Signals_reach_it_and_its_folder_goes()
    {
        var home = FakeSpark.Create("3.5.9", "trap 'echo interrupted; exit 9' INT; trap 'echo terminated; exit 8' TERM; echo \"$@\"; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done");
        foreach (var (signal, word, code) in (ReadOnlySpan<(string, string, int)>)[("INT", "interrupted", 9), ("TERM", "terminated", 8)])
        {
            using var process = Rawdl.Start(Environment(home), "submit", "-q", "--", "version");
            var line = process.StandardOutput.ReadLine()!;
            using (var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"])) kill.WaitForExit();
            var run = Rawdl.Finish(process);
            Assert.That(((int)run.Code, run.Out), Is.EqualTo((code, $"{word}\n")), run.Error);
            Assert.That(Directory.Exists(Path.GetDirectoryName(line.Split(' ')[^2])), Is.False);
        }
    }

    [Test]
    public void A_dry_run_starts_nothing()
    {
        var home = FakeSpark.Create("3.4.1", "echo started", jarOnly: true);
        var run = Rawdl.Run(Environment(home, "/nowhere"), "submit", "--dry-run", "--json", "--master", "spark://h:7077", "--ship", "train");
        var json = run.Json();
        Assert.That(json.GetProperty("spark_version").GetString(), Is.EqualTo("3.4.1"));
        var words = json.GetProperty("command").EnumerateArray().Select(word => word.GetString()!).ToArray();
        Assert.That(words, Does.Contain("spark.pyspark.python=./rawdl/rawdl").And.Contain("rawdl.tar.gz#rawdl"));
        Assert.That(words[^2..], Is.EqualTo(new[] { "job.py", "train" }));
        Assert.That(run.Error, Does.Contain("tar -C "));
    }

    [Test]
    public void Spark_is_found_through_links_on_the_path()
    {
        var home = FakeSpark.Create("4.3.0");
        var folder = Directory.CreateDirectory(TrainedRun.Fresh("bin")).FullName;
        File.CreateSymbolicLink(Path.Combine(folder, "spark-submit"), Path.Combine(home, "bin", "spark-submit"));
        var found = SparkHome.Find(null, name => name == "PATH" ? $"/nowhere:{folder}" : null);
        Assert.That((found.Folder, found.Version?.Text), Is.EqualTo((home, "4.3.0")));
    }

    [TestCase("submit", "expected a command of rawdl")]
    [TestCase("submit -- tarin", "got 'tarin'")]
    [TestCase("submit --job /nowhere/job.py", "got no file")]
    [TestCase("submit --job /etc/hostname", "ends in .py")]
    [TestCase("submit --ship --program /x --master yarn train", "either --ship or --program")]
    [TestCase("submit --conf a=b train", "expected spark.KEY=VALUE")]
    [TestCase("submit --conf spark.a train", "expected spark.KEY=VALUE")]
    [TestCase("submit --master mesos://h train", "expected local, local[N]")]
    [TestCase("submit --executor-memory 4x train", "expected a size such as 4g")]
    [TestCase("submit --spark-home /nowhere train", "--spark-home: expected the folder of a Spark")]
    public void Wrong_uses_are_one_line(string line, string complaint)
    {
        var run = Rawdl.Run(Environment(FakeSpark.Create("3.5.9")), line.Split(' '));
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Usage, "")), run.Error);
        Assert.That(run.Error, Does.Contain(complaint));
        Assert.That(run.Error.Split('\n').Count(text => text.Length > 0 && !text.StartsWith("See ", StringComparison.Ordinal)), Is.EqualTo(1), run.Error);
    }

    [Test]
    public void Without_Spark_or_Java_it_says_so()
    {
        Assert.That(SubmitWith(null, Java17).Error, Does.StartWith("rawdl: Spark: expected one in SPARK_HOME or spark-submit on the PATH, got neither"));
        Assert.That(SubmitWith(FakeSpark.Create("4.0.1"), "/nowhere").Error, Does.StartWith("rawdl: Java: expected Java 17 or 21 in JAVA_HOME or on the PATH for Spark 4.0.1, got none"));
        Assert.That(SubmitWith(FakeSpark.Create("3.2.0"), Java17).Error, Does.Contain("expected a release of 3.3 to 4.3, got 3.2.0"));

        static Rawdl SubmitWith(string? home, string java) => Rawdl.Run(Environment(home, java), "submit", "--master", "local", "train");
    }

    [TestCase("3.5.9", "openjdk version \"17.0.19\" 2026-04-21", "OK +Spark +3.5.9 in", "OK +Java +17, ")]
    [TestCase("3.3.2", "java version \"1.8.0_392\"", "OK +Spark +3.3.2 in", "OK +Java +8, ")]
    [TestCase("4.1.0", "openjdk version \"11.0.2\" 2019-01-15", "OK +Spark +4.1.0 in", "WARN +Java +11, .*Spark 4.1.0 needs Java 17 or 21")]
    [TestCase("3.5.9", "openjdk version \"21\" 2023-09-19", "OK +Spark +3.5.9 in", "WARN +Java +21, .*needs Java 8, 11 or 17")]
    [TestCase("3.1.1", "nothing", "WARN +Spark +3.1.1 in .*rawdl submit needs a release of 3.3 to 4.3", "WARN +Java +.*does not tell its version")]
    public void The_doctor_knows_which_Java_fits(string version, string said, string spark, string java)
    {
        var run = Rawdl.Run(Environment(FakeSpark.Create(version), FakeSpark.CreateJava($"echo '{said}' >&2")), "doctor");
        Assert.That(run.Out, Does.Match(spark).And.Match(java));
    }

    [Test]
    public void The_doctor_does_not_wait_for_a_Java_that_hangs()
    {
        var clock = Stopwatch.StartNew();
        Assert.That(new JavaHome(Path.Combine(FakeSpark.CreateJava("exec sleep 30"), "bin", "java")).AskVersion(), Is.Null);
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(Rawdl.Run(Environment("/nowhere", Java17), "doctor").Out, Does.Match("WARN +Spark +SPARK_HOME: expected the folder of a Spark with bin/spark-submit, got /nowhere"));
        Assert.That(Rawdl.Run(Environment(null, Java17), "doctor").Out, Does.Match("OK +Spark +none"));
    }

    [Test]
    public void An_archive_keeps_the_right_to_run()
    {
        var folder = FakeSpark.CreateJava("exit 0");
        var archive = TrainedRun.Fresh("a.tar.gz");
        SubmitProcess.Pack(folder, archive);
        using var tar = new TarReader(new GZipStream(File.OpenRead(archive), CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
            if (entry.Name.EndsWith("bin/java", StringComparison.Ordinal))
            {
                Assert.That(entry.Mode.HasFlag(UnixFileMode.UserExecute), Is.True);
                return;
            }
        Assert.Fail("no bin/java in the archive");
    }

    private static Dictionary<string, string?> Environment(string? home, string? java = null) => new()
    {
        ["SPARK_HOME"] = home,
        ["JAVA_HOME"] = java ?? Java17,
        ["SPARK_CONF_DIR"] = null,
        ["SPARK_REMOTE"] = null,
        ["MASTER"] = null,
    };
}
