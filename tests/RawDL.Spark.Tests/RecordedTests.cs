using System.Text;
using Apache.Arrow;
using Apache.Arrow.Ipc;

namespace RawDL.Spark.Tests;

/// <summary>What real JVMs of seven releases sent, byte for byte. The files are not part of the project: $RAWDL_SPARK_VECTORS, or ../shared/spikes/spark/vectors beside the repository.</summary>
internal sealed class RecordedTests
{
    [TestCaseSource(nameof(Files))]
    public void Replayed(string? file)
    {
        if (file is null) Required.Missing("spark", "needs the recorded tasks in $RAWDL_SPARK_VECTORS");
        var bytes = File.ReadAllBytes(file!);
        var name = Path.GetFileNameWithoutExtension(file!);
        var (version, kind) = (name.Split('-')[0], name[(name.IndexOf('-', StringComparison.Ordinal) + 1)..]);
        var header = LayoutTests.Parse(bytes, "fake-1", out var broadcasts)!;
        Assert.That(header.Split, Is.EqualTo(header.Partition));
        Assert.That(header.Cpus, Is.EqualTo(1));
        Assert.That(header.Properties.Count, Is.GreaterThan(0));
        Assert.That(header.IsBarrier, Is.EqualTo(kind.StartsWith("barrier", StringComparison.Ordinal)));
        Assert.That(header.Resources.ContainsKey("gpu"), Is.EqualTo(kind.Contains("gpu", StringComparison.Ordinal)));
        Assert.That(header.EvaluationType, Is.EqualTo(kind.StartsWith("arrow", StringComparison.Ordinal) ? 207 : 0));
        Assert.That(broadcasts.Added.Count, Is.EqualTo(kind is "encrypted" || kind.StartsWith("broadcast", StringComparison.Ordinal) ? 1 : 0));
        if (kind == "plain") Assert.That(header.Properties["fake.property"], Is.EqualTo("vé"));
        if (header.IsBarrier) Assert.That(header.Properties["addresses"].Split(','), Has.Length.EqualTo(2));

        var catalog = new Recorded();
        using var daemon = new TestDaemon(catalog);
        using var jvm = daemon.Connect();
        // Twice on one connection: the end of the first is where the second begins.
        for (var round = 0; round < 2; round++)
        {
            if (kind == "encrypted") SendEncrypted(jvm, bytes, broadcasts);
            else jvm.Send(bytes);
            if (kind == "arrow") ReadRows(jvm);
            if (header.EvaluationType == 207)
            {
                Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-3));
                jvm.ReadEnd(version);
                continue;
            }
            var texts = jvm.ReadResult(version).ConvertAll(Encoding.UTF8.GetString);
            Assert.That(string.Join('|', texts), kind switch
            {
                "binaryfile" => Does.EndWith("|file content"),
                "barrier-gpu" or "barrier-gpu1" => Is.EqualTo(header.Split == 0 ? "a" : "b"),
                _ => Is.EqualTo("abc||<null>|téxt"),
            });
        }
        Assert.That(Encoding.UTF8.GetString(catalog.Command.Span), Does.StartWith("{"));
    }

    private static IEnumerable<string?> Files()
    {
        var folder = Environment.GetEnvironmentVariable("RAWDL_SPARK_VECTORS");
        for (var above = new DirectoryInfo(AppContext.BaseDirectory); folder is null && above is not null; above = above.Parent)
            if (Directory.Exists(Path.Combine(above.FullName, "shared/spikes/spark/vectors"))) folder = Path.Combine(above.FullName, "shared/spikes/spark/vectors");
        return folder is not null && Directory.Exists(folder) ? Directory.GetFiles(folder, "*.bin").Order(StringComparer.Ordinal) : [null];
    }

    // The recorded port is of a JVM that is long gone: a listener of the test takes its place.
    private static void SendEncrypted(FakeJvm jvm, byte[] bytes, BroadcastChanges broadcasts)
    {
        using var listener = DaemonTests.Listen(out var port);
        var own = bytes.AsSpan().ToArray();
        byte[] recorded = [.. TaskBytes.Int(broadcasts.Source!.Value.Port), .. TaskBytes.Text(broadcasts.Secret!)];
        TaskBytes.Int(port).CopyTo(own, own.AsSpan().IndexOf(recorded));
        jvm.Send(own);
        using var source = FakeJvm.Accept(listener);
        Assert.That(source.Reader.ReadText(), Is.EqualTo(broadcasts.Secret));
        source.Send([.. TaskBytes.Text("ok"), .. TaskBytes.Long(broadcasts.Added[0].Id), .. TaskBytes.Long(7), .. "content"u8]);
        Assert.That(source.Reader.ReadBytes(1)[0], Is.EqualTo((byte)'1'));
    }

    private static void ReadRows(FakeJvm jvm)
    {
        Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-6));
        using var reader = new ArrowStreamReader(new WireReaderStream(jvm.Reader), leaveOpen: true);
        using var batch = reader.ReadNextRecordBatch();
        var columns = ((StructArray)batch.Column(0)).Fields;
        Assert.That(((Int64Array)columns[0]).Values.ToArray(), Is.EqualTo(new long[] { 0, 1, 2 }));
        Assert.That(((DoubleArray)columns[1]).Values.ToArray(), Is.EqualTo(new[] { 0, 0.5, 1 }));
        Assert.That(((StringArray)columns[2]).GetString(2), Is.EqualTo("2"));
        Assert.That(columns[3].IsNull(1), Is.True);
        Assert.That(reader.ReadNextRecordBatch(), Is.Null);
    }

    /// <summary>Takes any command for an echo.</summary>
    private sealed class Recorded() : TaskCatalog(SparkProbe.Tasks.All, "fake-1")
    {
        internal ReadOnlyMemory<byte> Command { get; private set; }

        internal override (ISparkTask Task, ReadOnlyMemory<byte> Payload) Find(ReadOnlyMemory<byte> command)
        {
            Command = command;
            return (SparkProbe.Tasks.All["echo"], default);
        }
    }
}
