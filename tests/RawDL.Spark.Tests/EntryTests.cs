using Apache.Arrow;
using Apache.Arrow.Types;

namespace RawDL.Spark.Tests;

internal sealed class EntryTests
{
    [Test]
    [NonParallelizable]
    public void WordsOfSpark()
    {
        var console = Console.Out;
        using var output = new StringWriter();
        Console.SetOut(output);
        try
        {
            Assert.That(Run("-VV"), Is.EqualTo((true, 0)));
            Assert.That(Run("-c", "import sys; print('%d.%d' % sys.version_info[:2])"), Is.EqualTo((true, 0)));
            Assert.That(Run("-c", "import pkg_resources"), Is.EqualTo((true, 1)));
        }
        finally
        {
            Console.SetOut(console);
        }
        Assert.That(output.ToString().Split('\n'), Is.EqualTo(new[] { WorkerTag.Build, "3.11", "" }));
        Assert.That(Run("-m", "pyspark.other"), Is.EqualTo((true, 2)));
        foreach (var words in (string[][])[[], ["train"], ["job.py", "train"], ["--version"], ["-v"], ["-c"], ["-m"]])
            Assert.That(SparkEntry.TryRun(words, SparkProbe.Tasks.All, out _), Is.EqualTo(words is ["-m"]));

        static (bool, int) Run(params string[] words) => (SparkEntry.TryRun(words, SparkProbe.Tasks.All, out var code), code);
    }

    [Test]
    public void Drivers()
    {
        Assert.That(Detect(), Is.Null);
        Assert.That(Detect(("PYSPARK_GATEWAY_PORT", "4711"), ("PYSPARK_GATEWAY_SECRET", "s"), ("PYSPARK_PYTHON", "./rawdl"))!.ExecutorProgram, Is.EqualTo("./rawdl"));
        Assert.That(Detect(("PYSPARK_GATEWAY_PORT", "4711"))!.ExecutorProgram, Is.EqualTo(Environment.ProcessPath));
        Assert.That(() => Detect(("PYSPARK_GATEWAY_PORT", "x")), Throws.TypeOf<SparkProtocolException>());
        Assert.That(() => Detect(("SPARK_REMOTE", "sc://x")), Throws.TypeOf<SparkProtocolException>().With.Message.Contains("spark.api.mode=classic"));

        static SparkDriver? Detect(params (string Name, string Value)[] variables) => SparkDriver.Detect(name => variables.FirstOrDefault(v => v.Name == name).Value);
    }

    [Test]
    public void Settings()
    {
        var daemon = Read("pyspark.worker", ("PYTHON_WORKER_FACTORY_SECRET", "s"), ("SPARK_REUSE_WORKER", "1"), ("PYTHON_UNIX_DOMAIN_ENABLED", "True"), ("PYTHON_WORKER_FACTORY_SOCK_DIR", "/x"));
        Assert.That((daemon.Secret, daemon.IsReused, daemon.SocketFolder, daemon.AnswersProcessId, daemon.ServesTasks), Is.EqualTo(("s", true, "/x", true, true)));
        var simple = Read(null, ("PYTHON_WORKER_FACTORY_PORT", "4711"), ("PYTHON_WORKER_FACTORY_SOCK_DIR", "/x"));
        Assert.That((simple.Master.Port, simple.IsReused, simple.SocketFolder, simple.AnswersProcessId, simple.ServesTasks), Is.EqualTo((4711, false, (string?)null, false, true)));
        Assert.That(Read("pyspark.sql.worker.lookup_data_sources").ServesTasks, Is.False);

        static WorkerSettings Read(string? worker, params (string Name, string Value)[] variables) => WorkerSettings.Read(name => variables.FirstOrDefault(v => v.Name == name).Value, worker);
    }

    [TestCase("3.5.9", 3, 5)]
    [TestCase("4.1.0-SNAPSHOT", 4, 1)]
    public void Versions(string text, int major, int minor)
    {
        var version = SparkVersion.Parse(text);
        Assert.That((version.Major, version.Minor, version.IsAtLeast(3, 5), version.IsAtLeast(4, 2)), Is.EqualTo((major, minor, true, false)));
    }

    [TestCase("")]
    [TestCase("3")]
    [TestCase("3.5")]
    [TestCase("a.b.c")]
    [TestCase("3.-5.1")]
    public void NoVersions(string text) => Assert.That(() => SparkVersion.Parse(text), Throws.TypeOf<SparkProtocolException>());

    [Test]
    public void SchemasAndFrames()
    {
        const string Json = """
            {"type":"struct","fields":[{"name":"id","type":"long","nullable":false,"metadata":{}},{"name":"d","type":"decimal(10,2)","nullable":true,"metadata":{}},
            {"name":"t","type":"timestamp","nullable":true,"metadata":{}},{"name":"a","type":{"type":"array","elementType":"float","containsNull":true},"nullable":true,"metadata":{}},
            {"name":"s","type":{"type":"struct","fields":[{"name":"x","type":"string","nullable":true,"metadata":{}}]},"nullable":true,"metadata":{}}]}
            """;
        var schema = SparkSchema.ToArrow(Json, "Europe/Zurich");
        Assert.That(schema.FieldsList.Select(f => f.DataType.TypeId),
            Is.EqualTo(new[] { ArrowTypeId.Int64, ArrowTypeId.Decimal128, ArrowTypeId.Timestamp, ArrowTypeId.List, ArrowTypeId.Struct }));
        Assert.That(((TimestampType)schema.FieldsList[2].DataType).Timezone, Is.EqualTo("Europe/Zurich"));
        Assert.That(() => SparkSchema.ToArrow("""{"type":"struct","fields":[{"name":"i","type":"interval","nullable":true}]}""", ""), Throws.TypeOf<SparkProtocolException>());
        Assert.That(() => SparkSchema.ToArrow("[]", ""), Throws.TypeOf<SparkProtocolException>());

        var ids = new Schema([new Field("id", Int64Type.Default, false)], null);
        using var stream = new MemoryStream();
        using (var writer = new Apache.Arrow.Ipc.ArrowStreamWriter(stream, ids, leaveOpen: true))
        {
            writer.WriteStart();
            var begin = (int)stream.Length;
            writer.WriteRecordBatch(new RecordBatch(ids, [new Int64Array.Builder().Append(4).Append(5).Build()], 2));
            var frame = stream.ToArray().AsSpan(begin);
            using var batch = ArrowFrames.Read(new ArrowFrames(ids).SchemaMessage.Span).Decode(frame);
            Assert.That(((Int64Array)batch.Column(0)).Values.ToArray(), Is.EqualTo(new long[] { 4, 5 }));
        }
        Assert.That(() => new ArrowFrames(ids).Decode([]), Throws.TypeOf<SparkProtocolException>());
        Assert.That(() => new ArrowFrames(ids).Decode([1, 2, 3, 4, 5, 6, 7, 8, 9]), Throws.TypeOf<SparkProtocolException>());
    }
}
