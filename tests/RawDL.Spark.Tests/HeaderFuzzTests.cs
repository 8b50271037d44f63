namespace RawDL.Spark.Tests;

/// <summary>Damaged headers end with one line or are taken; they neither hang nor ask for memory that no bytes stand for.</summary>
[Category("Fuzz")]
internal sealed class HeaderFuzzTests
{
    private static bool IsRefusal(Exception exception) => exception is SparkProtocolException or ConnectionLostException;

    [Test]
    public void DamagedHeaders()
    {
        var seeds = FakeJvm.Versions.SelectMany(version => new[] { false, true }.Select(sql => new TaskBytes(version)
        {
            Barrier = (4711, "s"),
            GpuAddress = "1",
            Properties = [("a", "b"), ("c", "d")],
            Removed = [7],
            Added = [(8, "/x")],
            IsSql = sql,
            Frames = ["abc"u8.ToArray()],
        }.All())).ToList();
        Fuzz.Run("Spark task header", seeds, Read, 20_000, isRefusal: IsRefusal);
    }

    [Test]
    public void DamagedArrowMessages() => Fuzz.Run("Spark Arrow messages", [DaemonTests.Rows(0, 3), DaemonTests.Rows(3, 3)], bytes =>
    {
        var wire = new WireReader(new MemoryStream(bytes), "test");
        var buffer = Array.Empty<byte>();
        while (ArrowMessage.Read(wire, ref buffer, 0) > ArrowMessage.HeadBytes) { }
    }, 20_000, isRefusal: IsRefusal);

    // What the package takes for damaged metadata is not ours to bound; that nothing but our own exceptions comes out is.
    [Test]
    public void DamagedArrowBatches()
    {
        var random = new Random(5);
        var stream = DaemonTests.Rows(1, 3);
        for (var round = 0; round < 1000; round++)
        {
            var damaged = stream.AsSpan().ToArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--) damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                var input = new TaskInput(new WireReader(new MemoryStream(damaged), "test"), isArrow: true);
                while (input.ReadBatch() is not null) { }
            }
            catch (Exception exception)
            {
                Assert.That(IsRefusal(exception) || exception is OutOfMemoryException, Is.True, () => exception.ToString());
            }
        }
    }

    [TestCaseSource(typeof(FakeJvm), nameof(FakeJvm.Versions))]
    public void EveryTruncation(string version)
    {
        var header = new TaskBytes(version) { Barrier = (4711, "s"), GpuAddress = "1", Properties = [("a", "b")], Added = [(8, "/x")], IsSql = true }.Header();
        for (var length = 1; length < header.Length; length++)
        {
            var cut = header[..length];
            Assert.That(() => Read(cut), Throws.Exception.Matches<Exception>(IsRefusal), $"cut to {length} of {header.Length}");
        }
        Read(header);
    }

    [Test]
    public void FramesThatLie()
    {
        foreach (var length in (int[])[int.MaxValue, 1 << 30, -2, -9, int.MinValue])
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var frames = new FrameReader(new WireReader(new MemoryStream([.. TaskBytes.Int(length), 1, 2, 3]), "test"), FrameEnd.Mark);
            Assert.That(() => frames.MoveNext(), Throws.Exception.Matches<Exception>(IsRefusal));
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(5 << 20));
        }
    }

    private static void Read(byte[] bytes)
    {
        var wire = new WireReader(new MemoryStream(bytes), "test");
        while (TaskHeader.Read(wire, "test-1", _ => { }) is { } header)
        {
            var frames = new FrameReader(wire, FrameEnd.Mark);
            if (header.EvaluationType == TaskHeader.MapInArrow) return;
            while (frames.MoveNext()) { }
            wire.ReadInt();
        }
    }
}
