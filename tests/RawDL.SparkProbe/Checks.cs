using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RawDL.Spark;

namespace RawDL.SparkProbe;

/// <summary>What a driver can ask of a real Spark, each with its expectation.</summary>
internal sealed class Checks(SparkContext spark)
{
    private static readonly byte[][] s_elements = ["zero"u8.ToArray(), [], [1, 0, 255], RandomNumberGenerator.GetBytes(70000)];

    public int Run(string[] names)
    {
        var failed = 0;
        foreach (var name in names)
        {
            var clock = Stopwatch.StartNew();
            var (word, detail) = ("PASS", "");
            try
            {
                detail = Check(name);
            }
            catch (Exception exception)
            {
                (word, detail) = ("FAIL", exception.ToString().ReplaceLineEndings(" | "));
                failed = 1;
            }
            Console.WriteLine($"{word} {name} {clock.ElapsedMilliseconds} {detail}");
        }
        return failed;
    }

    private string Check(string name) => name switch
    {
        "context" => Context(),
        "data" => Data(),
        "persist" => Persist(),
        "broadcast" => Broadcast(),
        "tree" => Tree(),
        "fail" => Fail(),
        "cancel" => Cancel(),
        "together" => Together(),
        "barrier" => Barrier(),
        "arrow" => Arrow(),
        "stream" => Stream(),
        "files" => Files(null),
        _ when name.StartsWith("files=", StringComparison.Ordinal) => Files(name[6..]),
        "references" => References(),
        "floor" => Floor(),
        "calls" => Calls(),
        _ => throw new ArgumentException($"no check {name}"),
    };

    private string Context()
    {
        spark.SetLocalProperty("probe.property", "é\n\\");
        using var rdd = spark.Parallelize(s_elements, 2);
        using var facts = rdd.Map(new SparkCall("facts"));
        var lines = Texts(facts);
        Expect(lines.Count, 2);
        Expect(string.Join('|', lines[1].Split('|')[..6]), "1|1|0|1|2|é\n\\");
        Expect(facts.Partitions, 2);
        Expect(spark.Setting("spark.app.name"), "job.py");
        Expect(spark.Setting("no.such.key"), null);
        return $"{spark.Version} {spark.Master} encrypted {spark.IsEncrypted} processes {string.Join(' ', lines.Select(l => l.Split('|')[6]).Distinct())}";
    }

    private string Data()
    {
        using (var rdd = spark.Parallelize(s_elements)) Same(rdd);
        using (var rdd = spark.ParallelizeLarge(s_elements.Select(e => (ReadOnlyMemory<byte>)e), 3)) Same(rdd);
        using (var rdd = spark.Parallelize(s_elements))
        using (var echo = rdd.Map(new SparkCall("echo")))
        using (var some = echo.Serve(3, 1))
        {
            var frames = some.ToList();
            Expect(frames.Count, 2);
            Expect(frames[0]!.AsSpan().SequenceEqual(s_elements[3]), true);
        }
        var folder = Directory.CreateTempSubdirectory("rawdl-probe-").FullName;
        var file = Path.Combine(folder, "a.txt");
        File.WriteAllText(file, "one\ntwo\ndré\n");
        using (var lines = spark.TextFile(file, 1))
        using (var echo = lines.Map(new SparkCall("echo"))) Expect(string.Join(',', Texts(echo)), "one,two,dré");
        using (var whole = spark.BinaryFiles(file, 1))
        using (var echo = whole.Map(new SparkCall("echo")))
        {
            var pair = Texts(echo);
            Expect(pair[0].EndsWith(file, StringComparison.Ordinal), true);
            Expect(pair[1], "one\ntwo\ndré\n");
        }
        File.WriteAllText(file, "one\ntwo\n");
        using (var records = spark.BinaryRecords(file, 4))
        using (var echo = records.Map(new SparkCall("echo"))) Expect(Texts(echo)[1], "two\n");
        Directory.Delete(folder, recursive: true);
        return "";

        void Same(Rdd rdd)
        {
            using var echo = rdd.Map(new SparkCall("echo"));
            var back = echo.Collect();
            Expect(back.Count, s_elements.Length);
            for (var i = 0; i < back.Count; i++) Expect(back[i]!.AsSpan().SequenceEqual(s_elements[i]), true);
        }
    }

    private string Persist()
    {
        using var rdd = spark.Parallelize(s_elements);
        using var facts = rdd.Map(new SparkCall("facts")).PersistLocally().Named("kept");
        var first = Texts(facts);
        Expect(string.Join('\n', Texts(facts)), string.Join('\n', first));   // the stage's number is in the text: nothing ran again
        Expect(facts.Lineage.Contains("LocalCheckpointRDD", StringComparison.Ordinal), true);
        using var fewer = facts.Coalesce(2);
        Expect(fewer.Partitions, 2);
        Expect(facts.Count(), 4L);
        facts.Unpersist();
        return "";
    }

    private string Broadcast()
    {
        using var rdd = spark.Parallelize(s_elements);
        foreach (var size in (int[])[0, 1000, 5_000_000])
        {
            var content = RandomNumberGenerator.GetBytes(size);
            using var broadcast = spark.Broadcast(content);
            var id = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(id, broadcast.Id);
            for (var round = 0; round < 2; round++)
            {
                using var digest = rdd.Map(new SparkCall("digest", id) { Broadcasts = [broadcast] });
                Expect(string.Join(' ', Texts(digest).Distinct()), $"{Convert.ToHexString(SHA256.HashData(content))} {size}");
            }
        }
        return "";
    }

    private string Tree()
    {
        using var rdd = spark.Parallelize([.. Enumerable.Range(0, 16).Select(i => new byte[i == 12 ? 100 : i])], 8);
        using var pairs = rdd.Map(new SparkCall("sum", new byte[] { 4 }));
        using var root = SparkContext.TreeAggregate(pairs, [4, 2, 1], level => new SparkCall("sum", new byte[] { level switch { 0 => 2, 1 => 1, _ => 0 } }));
        Expect(BinaryPrimitives.ReadDoubleBigEndian(root.Collect()[0].AsSpan(4)), 208.0);
        return "";
    }

    private string Fail()
    {
        using var rdd = spark.Parallelize("a"u8.ToArray(), "b"u8.ToArray());
        using (var fail = rdd.Map(new SparkCall("fail", new byte[] { 99 })))
        {
            var thrown = Thrown(() => fail.Collect());
            Expect(thrown.Failure?.Type, "InvalidOperationException");
            Expect(thrown.Message.Contains("no luck today", StringComparison.Ordinal) && !thrown.Message.Contains('\n'), true);
            Expect(thrown.IsCancellation, false);
            Console.WriteLine($"NOTE fail {thrown.Message}");
        }
        using (var unknown = rdd.Map(new SparkCall("nothing"))) Expect(Thrown(() => unknown.Count()).Message.Contains("expected one of count, digest", StringComparison.Ordinal), true);
        if (!spark.Master.StartsWith("local[", StringComparison.Ordinal))
        {
            using var later = rdd.Map(new SparkCall("fail", new byte[] { 2 }));
            Expect(string.Join(',', Texts(later)[1]), "attempt 2");
        }
        using var echo = rdd.Map(new SparkCall("echo"));
        Expect(string.Join(',', Texts(echo)), "a,b");
        using var sql = spark.OpenSql();
        var missing = Thrown(() => sql.Query("select nothing from nowhere"));
        Console.WriteLine($"NOTE sql {missing.Message}");
        return "";
    }

    private string Cancel()
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-probe-").FullName;
        spark.SetJobGroup("waiting", "to be cancelled");
        using var monitor = spark.OpenMonitor();
        var called = new Stopwatch();
        var other = new Thread(() =>
        {
            WaitFor("*.begun");
            called.Start();
            monitor.CancelJobGroup("waiting");
        });
        other.Start();
        using var rdd = spark.Parallelize("a"u8.ToArray(), "b"u8.ToArray());
        using var wait = rdd.Map(new SparkCall("wait", Encoding.UTF8.GetBytes(folder)));
        var thrown = Thrown(() => wait.Collect());
        var seen = called.ElapsedMilliseconds;
        other.Join();
        Expect(thrown.IsCancellation, true);
        WaitFor("*.ended");
        var heard = called.ElapsedMilliseconds;
        Expect(string.Join(',', Directory.GetFiles(folder, "*.ended").Select(File.ReadAllText)), "cancelled,cancelled");
        Directory.Delete(folder, recursive: true);
        spark.SetJobGroup("probe", "");
        return $"driver after {seen} ms, tasks after {heard} ms";

        void WaitFor(string files)
        {
            for (var clock = Stopwatch.StartNew(); Directory.GetFiles(folder, files).Length < 2 && clock.Elapsed < TimeSpan.FromSeconds(20);) Thread.Sleep(20);
        }
    }

    // Each of two jobs waits for the other one.
    private string Together()
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-probe-").FullName;
        using var rdd = spark.Parallelize("a"u8.ToArray());
        using var together = rdd.Map(new SparkCall("together", Encoding.UTF8.GetBytes(folder)));
        using var java = together.Scala.CallObject("toJavaRDD");
        using JavaObject one = java.CallObject("countAsync"), other = java.CallObject("countAsync");
        Expect(one.Call("get").Long, 2L);
        Expect(other.Call("get").Long, 2L);
        Directory.Delete(folder, recursive: true);
        return "";
    }

    private string Barrier()
    {
        using var rdd = spark.Parallelize("a"u8.ToArray(), "b"u8.ToArray());
        using var meet = rdd.Map(new SparkCall("meet") { Stage = SparkStage.Barrier });
        Expect(string.Join(' ', Texts(meet)), "é0,é1 é0,é1");
        return "";
    }

    private string Arrow()
    {
        using var sql = spark.OpenSql();
        var folder = Directory.CreateTempSubdirectory("rawdl-probe-").FullName;
        using (var made = sql.Query("select id, id * 0.5D as x, cast(id as string) as t, if(id = 1, null, id) as n, array(cast(id as float), 2.5F) as a from range(0, 25000, 1, 2)"))
            made.Write("parquet", Path.Combine(folder, "in"), "overwrite");
        using var frame = sql.Read("parquet", Path.Combine(folder, "in"));
        Expect(string.Join(',', frame.Columns), "id,x,t,n,a");
        using (var batches = frame.ToArrow())
        using (var counted = batches.Map(new SparkCall("count", new ArrowFrames(frame.ArrowSchema).SchemaMessage)))
        {
            var sums = Texts(counted).Select(line => line.Split(' ').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray()).ToList();
            Expect(sums.Sum(s => s[0]), 25000L);
            Expect(sums.Sum(s => s[1]), 312487500L);
        }
        using (var mapped = frame.Map(new SparkCall("echo"), "id bigint, x double, t string, n bigint, a array<float>")) mapped.Write("parquet", Path.Combine(folder, "out"));
        using (var back = sql.Read("parquet", Path.Combine(folder, "out")))
        {
            back.CreateView("back");
            using var query = sql.Query("select count(*) c, sum(id) i, sum(x) x, sum(n) n, count(n) m, max(t) t, sum(a[0]) a from back");
            using var json = query.ToJson();
            using var echo = json.Map(new SparkCall("echo"));
            Expect(Texts(echo)[0], """{"c":25000,"i":312487500,"x":1.5624375E8,"n":312487499,"m":24999,"t":"9999","a":3.124875E8}""");
        }
        using (var none = frame.Map(new SparkCall("fail", new byte[] { 99 }), "id bigint")) Expect(Thrown(() => none.Count()).Failure is not null, true);
        using (var empty = sql.Query("select id from range(0)"))
        using (var mapped = empty.Map(new SparkCall("echo"), "id bigint")) Expect(mapped.Count(), 0L);
        using (var some = sql.Query("select id from range(10)"))
        {
            some.WriteTable("probe_table", "overwrite", "parquet");
            using var table = sql.Table("probe_table");
            Expect(table.Count(), 10L);
            sql.Query("drop table probe_table").Dispose();
        }
        Directory.Delete(folder, recursive: true);
        return "";
    }

    private string Stream()
    {
        using var sql = spark.OpenSql();
        var folder = Directory.CreateTempSubdirectory("rawdl-probe-").FullName;
        using (var made = sql.Query("select id, id * 0.5D as x from range(0, 100, 1, 4)")) made.Write("parquet", Path.Combine(folder, "in"));
        using (var source = sql.ReadStream("parquet", Path.Combine(folder, "in"), "id bigint, x double"))
        using (var mapped = source.Map(new SparkCall("echo"), "id bigint, x double"))
        using (var query = mapped.StartStream("parquet", Path.Combine(folder, "out"), Path.Combine(folder, "check"), StreamTrigger.AvailableNow))
            Expect(query.Wait(TimeSpan.FromSeconds(60)), true);
        using (var back = sql.Read("parquet", Path.Combine(folder, "out"))) Expect(back.Count(), 100L);
        Directory.Delete(folder, recursive: true);
        return "";
    }

    private string Files(string? root)
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-probe-").FullName;
        root ??= $"file://{folder}";
        using var files = spark.OpenFiles();
        var content = RandomNumberGenerator.GetBytes(300_000);
        var name = $"{root}/sub/model.bin";
        Expect(files.Exists(name), false);
        files.CreateFolder($"{root}/sub");
        files.Write(name, "old"u8);
        files.Write(name, content);
        Expect(files.Read(name).AsSpan().SequenceEqual(content), true);
        var list = files.List($"{root}/sub");
        Expect(list.Count, 1);
        Expect(list[0].Length, 300_000L);
        Expect(list[0].IsFolder, false);
        Expect(files.Delete($"{root}/sub"), true);
        Expect(files.Delete($"{root}/sub"), false);
        Expect(Thrown(() => files.Read(name)).ClassName, "java.io.FileNotFoundException");
        // Every executor of a later job fetches it: it stays in the working folder.
        var shipped = Path.GetFullPath($"shipped-{Guid.NewGuid():N}.txt");
        File.WriteAllText(shipped, "shipped");
        spark.AddFile(shipped);
        Expect(File.ReadAllText(spark.PathOfFile(Path.GetFileName(shipped))), "shipped");
        Directory.Delete(folder, recursive: true);
        return "";
    }

    // Whatever the checks before did: what they held is freed, and what remains is the context's own.
    private string References()
    {
        spark.Jvm.DeleteReleased();
        Expect(spark.References, 5);
        return "";
    }

    // What the parts of a round cost on the driver, and a call into the JVM alone.
    private string Calls()
    {
        using var rdd = spark.Parallelize("a"u8.ToArray(), "b"u8.ToArray());
        var call = new SparkCall("echo");
        var times = new List<double>[] { [], [], [], [], [] };
        for (var i = 0; i < 300; i++)
        {
            var clock = Stopwatch.GetTimestamp();
            _ = spark.Java.Call("version");
            Lap(0);
            using var echo = rdd.Map(call);
            Lap(1);
            var served = spark.Jvm.Static($"{SparkContext.PythonPackage}PythonRDD", "collectAndServe", echo.Scala);
            Lap(2);
            using var frames = new ServedFrames(served);
            while (frames.MoveNext()) { }
            Lap(3);
            rdd.Count();
            Lap(4);

            void Lap(int part)
            {
                times[part].Add(Stopwatch.GetElapsedTime(clock).TotalMilliseconds);
                clock = Stopwatch.GetTimestamp();
            }
        }
        return string.Create(CultureInfo.InvariantCulture, $"medians of the last 100, ms: call {Late(0):F2}, function and RDD {Late(1):F2}, job {Late(2):F2}, fetching {Late(3):F2}; JVM's own job {Late(4):F2}");

        double Late(int part) => times[part].TakeLast(100).Order().ElementAt(50);
    }

    // In turns and in blocks: the JVM gets faster for some hundred jobs.
    private string Floor()
    {
        using var rdd = spark.Parallelize("a"u8.ToArray(), "b"u8.ToArray());
        var call = new SparkCall("echo");
        var text = "";
        for (var block = 0; block < 10; block++)
        {
            var (round, alone) = (new List<double>(), new List<double>());
            for (var i = 0; i < 40; i++)
            {
                Time(round, () =>
                {
                    using var echo = rdd.Map(call);
                    echo.Collect();
                });
                Time(alone, () => rdd.Count());
            }
            text = string.Create(CultureInfo.InvariantCulture, $"worker median {Median(round):F1} min {round.Min():F1} ms, JVM alone median {Median(alone):F1} min {alone.Min():F1} ms, ratio {Median(round) / Median(alone):F2}");
            Console.WriteLine($"NOTE floor block {block}: {text}");
        }
        return text;

        static double Median(List<double> times)
        {
            times.Sort();
            return times[times.Count / 2];
        }

        static void Time(List<double> times, Action action)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }

    private static List<string> Texts(Rdd rdd) => [.. rdd.Collect().Select(frame => Encoding.UTF8.GetString(frame!))];

    private static JavaException Thrown(Action action)
    {
        try
        {
            action();
        }
        catch (JavaException exception)
        {
            return exception;
        }
        throw new InvalidOperationException("expected a JavaException, got none");
    }

    private static void Expect<T>(T actual, T expected)
    {
        if (!EqualityComparer<T>.Default.Equals(actual, expected)) throw new InvalidOperationException($"expected {expected}, got {actual}");
    }
}
