using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace RawDL.Spark.Tests;

/// <summary>Dialogues with a daemon, as the JVM holds them.</summary>
internal sealed class DaemonTests
{
    [TestCaseSource(typeof(FakeJvm), nameof(FakeJvm.Versions))]
    public void TasksOneAfterAnother(string version)
    {
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        var large = RandomNumberGenerator.GetBytes(3_000_000);
        for (var round = 0; round < 3; round++)
        {
            jvm.Send(new TaskBytes(version) { Command = TestDaemon.Command("echo"), Frames = ["abc"u8.ToArray(), [], null, large] }.All());
            var result = jvm.ReadResult(version);
            Assert.That(result, Has.Count.EqualTo(4));
            Assert.That(Encoding.UTF8.GetString(result[0]) + Encoding.UTF8.GetString(result[2]), Is.EqualTo("abc<null>"));
            Assert.That(result[1], Is.Empty);
            Assert.That(result[3].AsSpan().SequenceEqual(large), Is.True);
        }
        jvm.Dispose();
        daemon.AssertIdle();
    }

    [Test]
    public void TheGoldenAnswer()
    {
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes("3.5.1") { Command = TestDaemon.Command("echo"), Frames = ["xyz"u8.ToArray()] }.All());
        var bytes = jvm.Reader.ReadBytes(63);
        bytes.AsSpan(11, 24).Clear();   // the times of boot, begin and end
        Assert.That(Convert.ToHexStringLower(bytes), Is.EqualTo("0000000378797afffffffd" + new string('0', 48) + "00000000000000000000000000000000ffffffff00000000fffffffc"));
    }

    [Test]
    public void WithoutReuseAConnectionServesOneTask()
    {
        using var daemon = new TestDaemon(isReused: false);
        using var jvm = daemon.Connect();
        var task = new TaskBytes("3.5.9") { Command = TestDaemon.Command("facts") }.All();
        jvm.Send(task);
        Assert.That(jvm.ReadResult("3.5.9"), Has.Count.EqualTo(1));
        jvm.Send(task);   // nobody answers
        jvm.Socket.Shutdown(SocketShutdown.Send);
        Assert.That(jvm.IsAtEnd(), Is.True);
    }

    [Test]
    public void WhatTheTaskKnows()
    {
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes("4.3.0") { Command = TestDaemon.Command("facts"), Frames = [[], []], Properties = [("probe.property", "vé")], Attempt = 5 }.All());
        Assert.That(Encoding.UTF8.GetString(jvm.ReadResult("4.3.0")[0]), Is.EqualTo($"2|2|5|1|2|vé|{Environment.ProcessId}|/tmp/sf|3"));
    }

    [Test]
    public void NumbersOfConnections()
    {
        using (var three = new TestDaemon())
        using (var first = three.Connect())
        using (var second = three.Connect())
            Assert.That((first.Number, second.Number), Is.EqualTo((1, 2)));
        using var four = new TestDaemon(worker: "pyspark.worker");
        using var jvm = four.Connect();
        Assert.That(jvm.Number, Is.EqualTo(Environment.ProcessId));
        four.Kill(Environment.ProcessId);   // nothing: the JVM closes the connection it means
        jvm.Send(new TaskBytes("4.0.5") { Command = TestDaemon.Command("echo") }.All());
        Assert.That(jvm.ReadResult("4.0.5"), Is.Empty);
    }

    [Test]
    public void AWrongSecretIsRefused()
    {
        using var daemon = new TestDaemon();
        foreach (var secret in (string[])["wrong", "", "secre", "secret2"])
        {
            using var jvm = FakeJvm.Connect(daemon.Address, null);
            jvm.Send(TaskBytes.Text(secret));
            Assert.That(jvm.Reader.ReadText(), Is.EqualTo("err"));
            Assert.That(jvm.IsAtEnd(), Is.True);
        }
        using var liar = FakeJvm.Connect(daemon.Address, null);
        liar.Send(TaskBytes.Int(int.MaxValue));
        Assert.That(liar.IsAtEnd(), Is.True);
    }

    [Test]
    public void AnotherModuleIsRefused()
    {
        using var daemon = new TestDaemon(worker: "pyspark.sql.worker.lookup_data_sources");
        using var jvm = daemon.Connect();
        Assert.That(jvm.ReadException(), Is.EqualTo("ModuleNotFoundError: No module named 'pyspark'"));
    }

    [Test]
    public void EndsWithItsStandardInput()
    {
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        Assert.That(daemon.End(), Is.True);
    }

    [Test]
    public void UnixDomainSocket()
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-").FullName;
        try
        {
            using (var daemon = new TestDaemon(worker: "pyspark.worker", folder: folder))
            using (var jvm = daemon.Connect())
            {
                jvm.Send(new TaskBytes("4.1.4") { Command = TestDaemon.Command("echo"), Frames = ["abc"u8.ToArray()] }.All());
                Assert.That(jvm.ReadResult("4.1.4"), Has.Count.EqualTo(1));
            }
            Assert.That(Directory.GetFiles(folder), Is.Empty);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void TwoConnectionsAtOnce()
    {
        using var meeting = new Barrier(2);
        var tasks = new Dictionary<string, ISparkTask> { ["meet"] = new Act((_, _, _) => Assert.That(meeting.SignalAndWait(10_000), Is.True)) };
        using var daemon = new TestDaemon(new TaskCatalog(tasks, "test-1"));
        using var first = daemon.Connect();
        using var second = daemon.Connect();
        var task = new TaskBytes("3.5.9") { Command = TestDaemon.Command("meet") }.All();
        first.Send(task);
        second.Send(task);
        Assert.That(first.ReadResult("3.5.9"), Is.Empty);
        Assert.That(second.ReadResult("3.5.9"), Is.Empty);
    }

    [TestCase("kill")]
    [TestCase("close")]
    [TestCase("reset")]
    public void Cancellation(string how)
    {
        using var started = new ManualResetEventSlim();
        using var cancelled = new ManualResetEventSlim();
        var tasks = new Dictionary<string, ISparkTask>
        {
            ["wait"] = new Act((context, _, _) =>
            {
                started.Set();
                if (context.Cancellation.WaitHandle.WaitOne(10_000)) cancelled.Set();
            }),
        };
        using var daemon = new TestDaemon(new TaskCatalog(tasks, "test-1"));
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes("3.5.9") { Command = TestDaemon.Command("wait"), Frames = ["unread"u8.ToArray()] }.All());   // the end hides behind unread input
        Assert.That(started.Wait(10_000), Is.True);
        if (how == "kill") daemon.Kill(jvm.Number);
        if (how == "reset") jvm.Socket.LingerState = new LingerOption(true, 0);
        if (how != "kill") jvm.Dispose();
        Assert.That(cancelled.Wait(5_000), Is.True);
        if (how == "kill")
        {
            jvm.Socket.Shutdown(SocketShutdown.Send);
            Assert.That(jvm.IsAtEnd(), Is.True, "a killed task answers nothing");
        }
        jvm.Dispose();
        daemon.AssertIdle();
    }

    [TestCaseSource(typeof(FakeJvm), nameof(FakeJvm.Versions))]
    public void Exceptions(string version)
    {
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes(version) { Command = TestDaemon.Command("fail", 9), Attempt = 3, Frames = ["left"u8.ToArray()] }.All());
        var text = jvm.ReadException();
        Assert.That(text.Split('\n')[0], Is.EqualTo($"[rawdl InvalidOperationException 2 3 {Environment.MachineName}] no luck today?and a second line"));
        Assert.That(text, Does.Contain("at RawDL.SparkProbe.Tasks"));
        Assert.That(TaskFailure.Find($"Job aborted: {text}"), Is.EqualTo(new TaskFailure("InvalidOperationException", 2, 3, Environment.MachineName, "no luck today?and a second line")));
        jvm.Send(new byte[1 << 20]);   // what the JVM still writes is taken
        jvm.Socket.Shutdown(SocketShutdown.Send);
        Assert.That(jvm.IsAtEnd(), Is.True);
    }

    [Test]
    public void WhatCannotBeDoneIsTold()
    {
        using var daemon = new TestDaemon();
        Assert.That(Answer(new TaskBytes("3.5.9") { Command = TestDaemon.Command("nothing") }.All()), Does.Contain($"task: expected one of {string.Join(", ", SparkProbe.Tasks.All.Keys.Order())}, got 'nothing'"));
        Assert.That(Answer(new TaskBytes("3.5.9") { Command = "{\"op\": \"echo\"}"u8.ToArray() }.All()), Does.Contain("expected a command of this program"));
        Assert.That(Answer(new TaskBytes("5.0.0").All()), Does.Contain("] Spark 5.0.0: expected a release of 3.3 to 4.3"));
        Assert.That(Answer(new TaskBytes("4.3.0") { Build = "rawdl-0" }.All()), Does.Contain("the driver is 'rawdl-0'"));
        Assert.That(Answer(new TaskBytes("3.5.9") { Command = TestDaemon.Command("digest", TaskBytes.Long(4)) }.All()), Does.Contain("broadcast 4: expected one of this task"));
        Assert.That(Answer(new TaskBytes("3.5.9") { Command = TestDaemon.Command("digest", TaskBytes.Long(4)), Added = [(4, "/no/such/file")] }.All()), Does.Contain("broadcast 4: expected its file"));

        string Answer(byte[] task)
        {
            using var jvm = daemon.Connect();
            return jvm.Send(task).ReadException();
        }
    }

    [Test]
    public void BroadcastsComeAndGo()
    {
        var path = Path.GetTempFileName();
        var content = RandomNumberGenerator.GetBytes(1000);
        File.WriteAllBytes(path, [.. TaskBytes.Long(1000), .. content]);
        var expected = $"{Convert.ToHexString(SHA256.HashData(content))} 1000";
        using var daemon = new TestDaemon();
        using (var first = daemon.Connect())
        using (var second = daemon.Connect())
        {
            var digest = new TaskBytes("3.5.9") { Command = TestDaemon.Command("digest", TaskBytes.Long(5)) };
            foreach (var jvm in (FakeJvm[])[first, second])
            {
                jvm.Send((digest with { Added = [(5, path)] }).All());
                Assert.That(Encoding.UTF8.GetString(jvm.ReadResult("3.5.9")[0]), Is.EqualTo(expected));
            }
            Assert.That(daemon.Daemon.BroadcastCount, Is.EqualTo(1));   // shared
            File.Delete(path);
            Assert.That(Encoding.UTF8.GetString(first.Send(digest.All()).ReadResult("3.5.9")[0]), Is.EqualTo(expected));   // not sent again
            Assert.That(first.Send(new TaskBytes("3.5.9") { Command = TestDaemon.Command("echo"), Removed = [5, 6] }.All()).ReadResult("3.5.9"), Is.Empty);
            Assert.That(daemon.Daemon.BroadcastCount, Is.EqualTo(1));
            Assert.That(first.Send(digest.All()).ReadException(), Does.Contain("broadcast 5: expected one of this task, got 0 others"));
        }
        Assert.That(() => daemon.Daemon.BroadcastCount, Is.Zero.After(10_000, 10));
    }

    [Test]
    public void EncryptedBroadcast()
    {
        using var listener = Listen(out var port);
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        var content = RandomNumberGenerator.GetBytes(200_000);
        jvm.Send(new TaskBytes("3.5.9") { Command = TestDaemon.Command("digest", TaskBytes.Long(6)), Added = [(5, ""), (6, "")], Encrypted = (port, "key") }.All());
        using (var source = FakeJvm.Accept(listener))
        {
            Assert.That(source.Reader.ReadText(), Is.EqualTo("key"));
            source.Send([.. TaskBytes.Text("ok"), .. TaskBytes.Long(5), .. TaskBytes.Long(1), 9, .. TaskBytes.Long(6), .. TaskBytes.Long(content.Length), .. content]);
            Assert.That(source.Reader.ReadBytes(1)[0], Is.EqualTo((byte)'1'));
        }
        Assert.That(Encoding.UTF8.GetString(jvm.ReadResult("3.5.9")[0]), Is.EqualTo($"{Convert.ToHexString(SHA256.HashData(content))} {content.Length}"));
    }

    [TestCase("3.5.9")]
    [TestCase("4.3.0")]
    public void Barriers(string version)
    {
        using var listener = Listen(out var port);
        using var daemon = new TestDaemon();
        var task = new TaskBytes(version) { Command = TestDaemon.Command("meet"), Barrier = (port, "key"), Properties = [("addresses", "a:1,b:2")] }.All();
        using (var jvm = daemon.Connect().Send(task))
        {
            using (var call = Accept(1)) call.Send([.. TaskBytes.Int(1), .. TaskBytes.Text("success")]);
            using (var call = Accept(2))
            {
                Assert.That(call.Reader.ReadText(), Is.EqualTo("é2"));
                call.Send([.. TaskBytes.Int(2), .. TaskBytes.Text("x"), .. TaskBytes.Text("y")]);
            }
            Assert.That(Encoding.UTF8.GetString(jvm.ReadResult(version)[0]), Is.EqualTo("x,y"));
        }
        using (var jvm = daemon.Connect().Send(task))
        {
            using (var call = Accept(1)) call.Send(TaskBytes.Text("somebody failed"));
            Assert.That(jvm.ReadException(), Does.Contain("barrier: somebody failed"));
        }
        // A task that waits at a barrier hears of its end.
        var waiting = daemon.Connect().Send(task);
        using (Accept(1))
        {
            waiting.Dispose();
            daemon.AssertIdle();
        }

        FakeJvm Accept(int function)
        {
            var call = FakeJvm.Accept(listener);
            Assert.That(call.Reader.ReadText(), Is.EqualTo("key"));
            call.Send(TaskBytes.Text("ok"));
            Assert.That(call.Reader.ReadInt(), Is.EqualTo(function));
            return call;
        }
    }

    [TestCaseSource(typeof(FakeJvm), nameof(FakeJvm.Versions))]
    public void ArrowBatches(string version)
    {
        using var daemon = new TestDaemon();
        using var jvm = daemon.Connect();
        for (var batches = 0; batches < 3; batches++)
        {
            jvm.Send(new TaskBytes(version) { Command = TestDaemon.Command("echo"), IsSql = true, Arrow = Rows(batches, 3) }.All());
            if (batches > 0)
            {
                Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-6));
                using var reader = new ArrowStreamReader(new WireReaderStream(jvm.Reader), leaveOpen: true);
                for (var batch = 0; batch < batches; batch++)
                {
                    using var rows = reader.ReadNextRecordBatch();
                    var columns = (StructArray)rows.Column(0);
                    Assert.That((rows.Length, ((Int64Array)columns.Fields[0]).GetValue(2), ((StringArray)columns.Fields[1]).IsNull(1)), Is.EqualTo((3, (long?)(batch * 3) + 2, true)));
                }
                Assert.That(reader.ReadNextRecordBatch(), Is.Null);
            }
            Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-3));
            jvm.ReadEnd(version);
        }
        // A task that does not look at its input, and one that fails after a batch was written.
        jvm.Send(new TaskBytes(version) { Command = TestDaemon.Command("fail", 9), IsSql = true, Arrow = Rows(1, 3) }.All());
        Assert.That(jvm.ReadException(), Does.Contain("expected WriteBatch in a SQL task"));
    }

    [Test]
    public void AnErrorComesBehindTheArrowStream()
    {
        var tasks = new Dictionary<string, ISparkTask>
        {
            ["late"] = new Act((_, input, output) =>
            {
                output.WriteBatch(input.ReadBatch()!);
                throw new InvalidDataException("late");
            }),
        };
        using var daemon = new TestDaemon(new TaskCatalog(tasks, "test-1"));
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes("3.5.9") { Command = TestDaemon.Command("late"), IsSql = true, Arrow = Rows(2, 3) }.All());
        Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-6));
        using var reader = new ArrowStreamReader(new WireReaderStream(jvm.Reader), leaveOpen: true);
        Assert.That(reader.ReadNextRecordBatch()?.Length, Is.EqualTo(3));
        Assert.That(reader.ReadNextRecordBatch(), Is.Null);
        Assert.That(jvm.ReadException(), Does.Contain("InvalidDataException 2 0"));
    }

    [TestCase("3.5.9", false)]
    [TestCase("4.3.0", false)]
    [TestCase("4.1.4", true)]
    public void ConnectionsThatBreakOff(string version, bool sql)
    {
        using var daemon = new TestDaemon();
        var task = new TaskBytes(version) { Command = TestDaemon.Command("echo"), Properties = [("a", "b")], Frames = ["abc"u8.ToArray()], IsSql = sql, Arrow = sql ? Rows(1, 3) : [] }.All();
        for (var length = 0; length < task.Length; length += 1 + (length / 40))
            using (var jvm = daemon.Connect()) jvm.Send(task[..length]);
        daemon.AssertIdle();
        Assert.That(daemon.Daemon.BroadcastCount, Is.Zero);
    }

    [TestCase("3.5.9")]
    [TestCase("4.3.0")]
    public void WorkerWithoutDaemon(string version)
    {
        using var listener = Listen(out var port);
        var settings = new WorkerSettings(FakeJvm.Secret, false, Master: new LocalAddress(port));
        var worker = new Thread(() => SimpleWorker.Run(settings, new TaskCatalog(SparkProbe.Tasks.All, "test-1"))) { IsBackground = true };
        worker.Start();
        using (var jvm = FakeJvm.Accept(listener))
        {
            Assert.That(jvm.Reader.ReadText(), Is.EqualTo(FakeJvm.Secret));
            jvm.Send(TaskBytes.Text("ok"));
            Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(Environment.ProcessId));
            jvm.Send(new TaskBytes(version) { Command = TestDaemon.Command("echo"), Frames = ["abc"u8.ToArray()] }.All());
            Assert.That(jvm.ReadResult(version), Has.Count.EqualTo(1));
        }
        Assert.That(worker.Join(10_000), Is.True);
    }

    internal static Socket Listen(out int port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        return listener;
    }

    /// <summary>A stream as Spark writes it: one column of structs (id, text with a null).</summary>
    internal static byte[] Rows(int batches, int rows)
    {
        var type = new StructType([new Field("id", Int64Type.Default, false), new Field("text", StringType.Default, true)]);
        var schema = new Schema([new Field("struct", type, false)], null);
        using var stream = new MemoryStream();
        using (var writer = new ArrowStreamWriter(stream, schema, leaveOpen: true))
        {
            writer.WriteStart();
            for (var batch = 0; batch < batches; batch++)
            {
                var ids = new Int64Array.Builder().AppendRange(Enumerable.Range(batch * rows, rows).Select(i => (long)i)).Build();
                var texts = new StringArray.Builder().Append("a").AppendNull().Append("c").Build();
                writer.WriteRecordBatch(new RecordBatch(schema, [new StructArray(type, rows, [ids, texts], ArrowBuffer.Empty)], rows));
            }
            writer.WriteEnd();
        }
        return stream.ToArray();
    }

    private sealed class Act(Action<TaskContext, TaskInput, TaskOutput> action) : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output) => action(context, input, output);
    }
}
