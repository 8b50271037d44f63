using RawDL.Spark;

namespace RawDL.Cli.Tests;

/// <summary>The line of spark-submit for each master and each Spark.</summary>
public sealed class SubmitPlanTests
{
    private static readonly RawdlProgram OneFile = new("/usr/local/bin/rawdl", IsSingleFile: true), Build = new("/src/bin/rawdl", IsSingleFile: false);
    private static readonly SparkHome Three = Spark("3.5.9"), Four = Spark("4.1.2");

    [TestCase("local[2]", false, "--master local[2] PYTHON=/usr/local/bin/rawdl DRIVER=/usr/local/bin/rawdl JVM t/job.py train")]
    [TestCase("local[2]", true, "--master local[2] PYTHON=/usr/local/bin/rawdl DRIVER=/usr/local/bin/rawdl JVM t/job.py train")]
    [TestCase("local-cluster[2,1,1024]", false, "--master local-cluster[2,1,1024] PYTHON=/usr/local/bin/rawdl DRIVER=/usr/local/bin/rawdl JVM t/job.py train")]
    [TestCase("local-cluster[2,1,1024]", true, "--master local-cluster[2,1,1024] PYTHON=./rawdl DRIVER=/usr/local/bin/rawdl JVM --files /usr/local/bin/rawdl t/job.py train")]
    [TestCase("spark://host:7077", false, "--master spark://host:7077 PYTHON=/usr/local/bin/rawdl DRIVER=/usr/local/bin/rawdl JVM t/job.py train")]
    [TestCase("spark://host:7077", true, "--master spark://host:7077 PYTHON=./rawdl DRIVER=/usr/local/bin/rawdl JVM --files /usr/local/bin/rawdl t/job.py train")]
    [TestCase("yarn", false, "--master yarn PYTHON=./rawdl DRIVER=/usr/local/bin/rawdl JVM --files /usr/local/bin/rawdl t/job.py train")]
    public void One_file_goes_to_each_master(string master, bool ship, string line) => Assert.That(Line(Three, OneFile, new() { Master = master, Ship = ship }), Is.EqualTo(line));

    [Test]
    public void A_build_goes_as_an_archive()
    {
        var plan = SubmitPlan.Create(Four, Request(new() { Master = "yarn" }), Build, "t");
        Assert.That(Short(plan), Is.EqualTo("--master yarn PYTHON=./rawdl/rawdl DRIVER=/src/bin/rawdl MODE=classic JVM --archives t/rawdl.tar.gz#rawdl t/job.py train"));
        Assert.That((plan.Archive, plan.ArchivedFolder, plan.EmptyJob), Is.EqualTo(("t/rawdl.tar.gz", "/src/bin", "t/job.py")));
        Assert.That(plan.Warnings, Has.Some.Contains(".NET 10"));
    }

    [Test]
    public void In_the_cluster_the_driver_is_the_shipped_one() =>
        Assert.That(Line(Four, OneFile, new() { Master = "yarn", DeployMode = "cluster" }),
            Is.EqualTo("--master yarn --deploy-mode cluster PYTHON=./rawdl DRIVER=./rawdl MODE=classic JVM --files /usr/local/bin/rawdl t/job.py train"));

    [Test]
    public void A_cluster_that_has_the_program_gets_none() =>
        Assert.That(Line(Three, OneFile, new() { Master = "yarn", DeployMode = "cluster", Program = "/opt/r/rawdl" }),
            Is.EqualTo("--master yarn --deploy-mode cluster PYTHON=/opt/r/rawdl DRIVER=/opt/r/rawdl JVM t/job.py train"));

    [TestCase("cluster", null, "PYTHON=/opt/rawdl/rawdl DRIVER=/opt/rawdl/rawdl JVM local:///opt/rawdl/job.py train")]
    [TestCase("cluster", "/app/rawdl", "PYTHON=/app/rawdl DRIVER=/app/rawdl JVM local:///app/job.py train")]
    [TestCase("client", null, "PYTHON=/opt/rawdl/rawdl DRIVER=/usr/local/bin/rawdl JVM t/job.py train")]
    public void Kubernetes_starts_the_images(string mode, string? program, string line) =>
        Assert.That(Line(Three, OneFile, new() { Master = "k8s://https://h:6443", DeployMode = mode, Program = program, Settings = ["spark.kubernetes.container.image=i"] }),
            Is.EqualTo($"--master k8s://https://h:6443 --deploy-mode {mode} --conf spark.kubernetes.container.image=i {line}"));

    [Test]
    public void What_the_user_says_is_kept()
    {
        var line = Line(Four, OneFile, new()
        {
            Master = "yarn",
            Passed = ["--queue", "q"],
            Files = "a.txt",
            Settings = ["spark.pyspark.python=/else/rawdl", "spark.api.mode=classic", "spark.executor.memoryOverhead=1g"],
        });
        Assert.That(line, Is.EqualTo("--master yarn --queue q PYTHON=/else/rawdl MODE=classic --conf spark.executor.memoryOverhead=1g DRIVER=/usr/local/bin/rawdl JVM --files a.txt,/usr/local/bin/rawdl t/job.py train"));
        Assert.That(Line(Three, OneFile, new() { Master = "spark://h:1", Ship = true, Settings = ["spark.files=b.txt"] }), Does.Contain("--files b.txt,/usr/local/bin/rawdl"));
        Assert.That(Line(Three, OneFile, new() { Defaults = new Dictionary<string, string> { ["spark.master"] = "yarn" } }), Does.StartWith("PYTHON=./rawdl"));
        Assert.That(Line(Spark(null), OneFile, new() { Master = "local" }), Does.Contain("MODE=classic"));
    }

    [TestCase("spark://h:1", "cluster", "not supported for python applications on standalone clusters")]
    [TestCase("local[2]", "cluster", "a local master runs here")]
    [TestCase("k8s://https://h", "cluster", "spark.kubernetes.container.image=IMAGE")]
    public void What_Spark_cannot_do_is_refused(string master, string mode, string complaint) =>
        Assert.That(() => Line(Three, OneFile, new() { Master = master, DeployMode = mode }), Throws.TypeOf<UsageException>().With.Message.Contains(complaint));

    [TestCase("3.2.4")]
    [TestCase("3.6.0")]
    [TestCase("4.4.0")]
    [TestCase("2.4.8")]
    public void Other_releases_are_refused(string version) =>
        Assert.That(() => Line(Spark(version), OneFile, new() { Master = "local" }), Throws.TypeOf<UsageException>().With.Message.Contains($"expected a release of 3.3 to 4.3, got {version}"));

    [Test]
    public void Connect_is_refused()
    {
        Assert.That(() => Line(Four, OneFile, new() { Settings = ["spark.api.mode=connect"] }), Throws.TypeOf<UsageException>().With.Message.Contains("Connect"));
        Assert.That(() => Line(Four, OneFile, new() { Variable = name => name == "SPARK_REMOTE" ? "sc://h" : null }), Throws.TypeOf<UsageException>().With.Message.Contains("Connect"));
    }

    [Test]
    public void Pitfalls_are_told()
    {
        var warnings = SubmitPlan.Create(Three, new SubmitRequest
        {
            Master = "yarn",
            Settings = ["spark.dynamicAllocation.enabled=true", "spark.python.use.daemon=false", "spark.executor.memory=8g"],
            Words = ["train", "--spark-mode", "ranks"],
        }, OneFile, "t").Warnings;
        Assert.That(warnings, Has.Some.Contains("dynamicAllocation").And.Some.Contains("use.daemon").And.Some.Contains("819 MiB"));
    }

    [Test]
    public void Secrets_are_not_shown()
    {
        var plan = SubmitPlan.Create(Three, Request(new() { Master = "local", Settings = ["spark.hadoop.fs.s3a.secret.key=hush", "spark.ssl.keyPassword=hush"] }), OneFile, "t");
        Assert.That(plan.Show(_ => null), Does.Not.Contain("hush").And.Contain("fs.s3a.secret.key=********"));
        Assert.That(plan.Arguments, Does.Contain("spark.hadoop.fs.s3a.secret.key=hush"));
        Assert.That(plan.Warnings, Has.Count.EqualTo(2).And.All.Not.Contain("hush").And.All.Contain("--properties-file"));
    }

    [Test]
    public void The_JVM_of_a_training_has_one_compiler_unless_the_user_says_what_it_has()
    {
        const string Ours = "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1";
        Assert.That(Words(new() { Words = ["train"] }), Does.Contain(Ours));
        Assert.That(Words(new() { Words = ["--quiet", "train", "--seed", "1"] }), Does.Contain(Ours));
        Assert.That(Words(new() { Words = ["predict", "train"] }), Does.Not.Contain(Ours));
        Assert.That(Words(new() { Words = ["train"], Settings = ["spark.driver.extraJavaOptions=-Da=b"] }), Does.Not.Contain(Ours));
        Assert.That(Words(new() { Words = ["train"], Defaults = new Dictionary<string, string> { ["spark.driver.extraJavaOptions"] = "-Da=b" } }), Does.Not.Contain(Ours));
        Assert.That(Words(new() { Words = ["train"], Passed = ["--driver-java-options", "-Da=b"] }), Does.Not.Contain(Ours));

        var job = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}.py");
        try
        {
            File.WriteAllText(job, "train --data digits");
            Assert.That(Words(new() { Job = job }), Does.Contain(Ours));
            File.WriteAllText(job, "predict runs/lenet");
            Assert.That(Words(new() { Job = job }), Does.Not.Contain(Ours));
        }
        finally
        {
            File.Delete(job);
        }

        static List<string> Words(SubmitRequest request) => SubmitPlan.Create(Three, request with { Master = "local[2]" }, OneFile, "t").Arguments;
    }

    [TestCase("512m", 512)]
    [TestCase("4G", 4096)]
    [TestCase("1t", 1 << 20)]
    [TestCase("2048", 2048)]
    [TestCase("4x", null)]
    [TestCase("g", null)]
    [TestCase("0m", null)]
    public void Sizes_are_Sparks(string text, int? mebibytes)
    {
        if (mebibytes is { } expected) Assert.That(SubmitRequest.ParseMebibytes("x", text), Is.EqualTo(expected));
        else Assert.That(() => SubmitRequest.ParseMebibytes("x", text), Throws.ArgumentException);
    }

    private static SparkHome Spark(string? version) => new("/opt/spark", version is null ? null : SparkVersion.Parse(version));

    private static SubmitRequest Request(SubmitRequest request) => request with { Words = ["train"] };

    private static string Line(SparkHome spark, RawdlProgram program, SubmitRequest request) => Short(SubmitPlan.Create(spark, Request(request), program, "t"));

    private static string Short(SubmitPlan plan) => string.Join(' ', plan.Arguments)
        .Replace("--conf spark.pyspark.python=", "PYTHON=", StringComparison.Ordinal)
        .Replace("--conf spark.pyspark.driver.python=", "DRIVER=", StringComparison.Ordinal)
        .Replace("--conf spark.api.mode=", "MODE=", StringComparison.Ordinal)
        .Replace("--conf spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1", "JVM", StringComparison.Ordinal);
}
