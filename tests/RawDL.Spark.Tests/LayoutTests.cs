using System.Text;

namespace RawDL.Spark.Tests;

/// <summary>Headers of all layouts against bytes made by hand.</summary>
internal sealed class LayoutTests
{
    // Split 2, stage 3, attempt 0, task 77, one core; A: gpu 0, one property, broadcast 5, frames "abc" and ""; B: frame "abc".
    private const string GoldenA =
        "0000000200000013726177646c2d313b737061726b3d332e352e31000000000000000000000000030000000200000000000000000000004d00000001000000010000000367707500000003677075000000010000000130" +
        "0000000100000011737061726b2e6a6f6247726f75702e6964000000026731000000072f746d702f73660000000000000000010000000000000005000000062f746d702f620000000000000003636d64" +
        "0000000361626300000000fffffffffffffffc";

    private const string GoldenB =
        "0000000200000013726177646c2d313b737061726b3d342e312e3000000000030000000200000000000000000000004d000000010000000000000000000000072f746d702f7366000000000000000000000000000000" +
        "0003636d6400000003616263fffffffffffffffc";

    // C: the context as JSON, two empty maps before the command. D: the same in one block behind -8.
    private const string JsonContext = """{"secret":"random","stageId":3,"isBarrier":false,"partitionId":2,"connInfo":-1,"attemptNumber":0,"localProperties":{"k":"v\u00e9"},"taskAttemptId":77,"resources":{},"cpus":1}""";
    private static readonly string s_goldenC = "00000002" + "00000013" + "726177646c2d313b737061726b3d342e322e30" + "000000ae" + Hex(JsonContext, "000000072f746d702f7366" + "00000000" + "0000000000" + "00000000" + "0000000000000000" + "00000003636d64");
    private static readonly string s_goldenD = "fffffff8" + "000000f4" + s_goldenC.Replace("342e322e30", "342e332e30", StringComparison.Ordinal);

    [Test]
    public void HandMadeHeaders([Values('A', 'B', 'C', 'D')] char layout)
    {
        var golden = layout switch { 'A' => GoldenA, 'B' => GoldenB, 'C' => s_goldenC, _ => s_goldenD };
        var header = Parse(Convert.FromHexString(golden), "rawdl-1", out var broadcasts)!;
        Assert.That(header.Layout.Letter, Is.EqualTo(layout));
        Assert.That((header.Split, header.Stage, header.Partition, header.Attempt, header.TaskId, header.Cpus), Is.EqualTo((2, 3, 2, 0, 77L, 1)));
        Assert.That((header.IsBarrier, header.FilesFolder, header.EvaluationType, Encoding.UTF8.GetString(header.Command)), Is.EqualTo((false, "/tmp/sf", 0, "cmd")));
        if (layout == 'A')
        {
            Assert.That(header.Resources["gpu"], Is.EqualTo(new[] { "0" }));
            Assert.That(header.Properties["spark.jobGroup.id"], Is.EqualTo("g1"));
            Assert.That(broadcasts.Added, Is.EqualTo(new[] { (5L, "/tmp/b") }));
        }
        if (layout >= 'C') Assert.That(header.Properties["k"], Is.EqualTo("vé"));
    }

    [Test]
    public void TheWriterOfTheTestsAgreesWithTheHandMadeBytes()
    {
        var a = new TaskBytes("3.5.1") { Build = "rawdl-1", GpuAddress = "0", Properties = [("spark.jobGroup.id", "g1")], Added = [(5, "/tmp/b")], Frames = ["abc"u8.ToArray(), []] };
        Assert.That(Convert.ToHexStringLower(a.All()), Is.EqualTo(GoldenA));
        Assert.That(Convert.ToHexStringLower(new TaskBytes("4.1.0") { Build = "rawdl-1", Frames = ["abc"u8.ToArray()] }.All()), Is.EqualTo(GoldenB));
    }

    [TestCaseSource(typeof(FakeJvm), nameof(FakeJvm.Versions))]
    public void EveryRelease(string version)
    {
        foreach (var sql in (bool[])[false, true])
        {
            var bytes = new TaskBytes(version) { Barrier = (4711, "s"), GpuAddress = "1", Properties = [("a", "b"), ("c", "d")], Removed = [7], Added = [(8, "/x")], IsSql = sql, Attempt = 1 };
            var header = Parse(bytes.All(), "test-1", out var broadcasts)!;
            Assert.That((header.IsBarrier, header.BarrierAddress.Port, header.BarrierSecret, header.Attempt), Is.EqualTo((true, 4711, "s", 1)));
            Assert.That((header.Properties["a"], header.Properties["c"], header.Resources["gpu"][0]), Is.EqualTo(("b", "d", "1")));
            Assert.That((broadcasts.Removed[0], broadcasts.Added[0]), Is.EqualTo((7L, (8L, "/x"))));
            Assert.That((header.EvaluationType, Encoding.UTF8.GetString(header.Command)), Is.EqualTo((sql ? 207 : 0, "cmd")));
        }
    }

    [TestCase("4.4.0", "test-1", "Spark 4.4.0: expected a release of 3.3 to 4.3")]
    [TestCase("3.2.1", "test-1", "Spark 3.2.1: expected a release of 3.3 to 4.3")]
    [TestCase("3.5.9", "other-2", "the driver is 'other-2', this executor's program is 'test-1': expected the same")]
    public void RefusesOthers(string version, string build, string message) =>
        Assert.That(() => Parse(new TaskBytes(version) { Build = build }.All(), "test-1", out _), Throws.TypeOf<SparkProtocolException>().With.Message.EqualTo(message));

    [Test]
    public void RefusesALayoutThatTheReleaseDoesNotHave()
    {
        var framed = new TaskBytes("4.3.0").All();
        Assert.That(() => Parse(framed[8..], "test-1", out _), Throws.TypeOf<SparkProtocolException>().With.Message.Contains("layout D"));
        var plain = new TaskBytes("3.5.9").Header();
        Assert.That(() => Parse([.. TaskBytes.Int(-8), .. TaskBytes.Block(plain)], "test-1", out _), Throws.TypeOf<SparkProtocolException>().With.Message.Contains("layout A"));
        Assert.That(() => Parse([.. TaskBytes.Int(-8), .. TaskBytes.Block([.. framed[8..new TaskBytes("4.3.0").Header().Length], 0])], "test-1", out _), Throws.TypeOf<SparkProtocolException>().With.Message.Contains("more bytes"));
        Assert.That(Parse([], "test-1", out _), Is.Null);
    }

    [Test]
    public void Commands()
    {
        var command = TaskCommand.Decode(new TaskCommand("echo", "é"u8.ToArray()).Encode());
        Assert.That((command.Name, Encoding.UTF8.GetString(command.Payload.Span)), Is.EqualTo(("echo", "é")));
        foreach (var wrong in (string[])["", "RDL", "RDL1", "RDL1\u0009echo", "{\"op\": \"echo\"}"])
            Assert.That(() => TaskCommand.Decode(Encoding.UTF8.GetBytes(wrong)), Throws.TypeOf<SparkProtocolException>());
    }

    internal static TaskHeader? Parse(byte[] bytes, string build, out BroadcastChanges broadcasts)
    {
        BroadcastChanges? seen = null;
        var header = TaskHeader.Read(new WireReader(new MemoryStream(bytes), "test"), build, changes => seen = changes);
        broadcasts = seen!;
        return header;
    }

    private static string Hex(string text, string hex) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text)) + hex;
}
