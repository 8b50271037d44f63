using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli.Tests;

/// <summary>A run's folder on another file system: what is there at every moment, and after every fault.</summary>
public sealed class RemoteFolderTests
{
    private const string Where = "hdfs://h:1/run";

    [TestCase("hdfs://h:1/run", true)]
    [TestCase("s3a://bucket/run", true)]
    [TestCase("viewfs:/run", true)]
    [TestCase("runs/x", false)]
    [TestCase("/a:/b", false)]
    [TestCase("C:/runs", false)]
    [TestCase("file:///runs", false)]
    [TestCase(null, false)]
    public void Schemes_tell(string? path, bool remote) => Assert.That(RemoteFolder.IsRemote(path), Is.EqualTo(remote));

    [Test]
    public void Files_are_copied_when_they_change_and_older_checkpoints_go_last()
    {
        using var files = new FakeFiles();
        using var folder = RemoteFolder.Open(files, Where + "/");
        folder.Require(isRun: false);
        Write(folder, "config.json", "{}");
        Write(folder, "checkpoints/step-0000000001.safetensors", "one");
        Write(folder, ".lock", "");
        folder.Mirror();
        Assert.That(files.Names, Is.EqualTo(new[] { "checkpoints/step-0000000001.safetensors", "config.json" }));
        files.Log.Clear();
        folder.Mirror();
        Assert.That(files.Log, Is.Empty);
        File.Delete(Local(folder, "checkpoints/step-0000000001.safetensors"));
        Write(folder, "checkpoints/step-0000000002.safetensors", "two");
        Write(folder, "metrics.jsonl", "{\"step\":2}\n");
        Write(folder, "summary.json", "{}");
        Write(folder, "report.txt", "r");
        folder.Mirror();
        Assert.That(files.Log.Where(line => !line.StartsWith("upload", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "replace metrics.jsonl", "replace checkpoints/step-0000000002.safetensors", "replace report.txt", "replace summary.json", "delete checkpoints/step-0000000001.safetensors",
        }));
        Assert.That(files.Log.Where(line => line.StartsWith("upload", StringComparison.Ordinal)), Has.All.Match(@"upload (checkpoints/)?\.[\w.-]+\.[0-9a-f]{32}\.part$"));
    }

    [Test]
    public void A_fault_at_any_moment_leaves_whole_files_and_a_run_to_go_on_with()
    {
        var calls = CountCalls();
        Assert.That(calls, Is.GreaterThan(8));
        for (var fault = 1; fault <= calls; fault++)
        {
            using var files = new FakeFiles();
            try
            {
                using var folder = RemoteFolder.Open(files, Where);
                WriteSecondCheckpoint(folder, files, fault);
                Assert.Fail($"no fault in call {fault}");
            }
            catch (IOException)
            {
                // The process is gone; its successor goes on.
            }
            files.FailAt = 0;
            foreach (var name in files.Names.Where(name => !name.EndsWith(".part", StringComparison.Ordinal)))
                Assert.That(files.Text(name), Does.EndWith("."), $"half a {name} after a fault in call {fault}");
            using var next = RemoteFolder.Open(files, Where);
            next.Require(isRun: true);
            var newest = Directory.GetFiles(Local(next, "checkpoints"), "step-*").Order().Last();
            Assert.That(File.ReadAllText(newest), Is.EqualTo("one.").Or.EqualTo("two."));
            next.Mirror();
        }
    }

    [Test]
    public void What_is_fetched_is_only_what_a_run_leaves()
    {
        using var files = new FakeFiles();
        foreach (var name in (string[])["config.json", "metrics.jsonl", "summary.json", "../evil", "checkpoints/step-0000000007.safetensors", "checkpoints/best.safetensors", "checkpoints/.step-0000000008.safetensors.x.part", "checkpoints/other"])
            files.Put(name, name);
        using var folder = RemoteFolder.Open(files, Where);
        folder.Require(isRun: true);
        var fetched = Directory.GetFiles(folder.LocalPath, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder.LocalPath, path).Replace('\\', '/')).Order(StringComparer.Ordinal);
        Assert.That(fetched, Is.EqualTo(new[] { "checkpoints/best.safetensors", "checkpoints/step-0000000007.safetensors", "config.json", "metrics.jsonl" }));
        files.Log.Clear();
        folder.Mirror();
        Assert.That(files.Log, Is.Empty);
    }

    [Test]
    public void A_folder_that_does_not_fit_is_refused()
    {
        using var files = new FakeFiles();
        using (var empty = RemoteFolder.Open(files, Where)) Assert.That(() => empty.Require(isRun: true), Throws.TypeOf<RunFolderException>().With.Message.Contains($"{Where}: expected the folder of a run"));
        files.Put("config.json", "{}");
        string local;
        using (var taken = RemoteFolder.Open(files, Where))
        {
            local = taken.LocalPath;
            Assert.That(() => taken.Require(isRun: false), Throws.TypeOf<RunFolderException>().With.Message.Contains($"{Where}: expected a new folder"));
        }
        Assert.That(Directory.Exists(local), Is.False);
        files.Put("config.json", new string(' ', (1 << 20) + 1));
        Assert.That(() => RemoteFolder.Open(files, Where), Throws.TypeOf<RunFolderException>().With.Message.Contains("at most 1048576 bytes"));
    }

    [Test]
    public void A_trace_is_copied_whole()
    {
        using var files = new FakeFiles();
        files.Put("traces/old.json", "old");
        Assert.That(() => TraceFile.Open(files, $"{Where}/traces"), Throws.TypeOf<UsageException>().With.Message.EqualTo($"--trace: expected a file, got the folder '{Where}/traces'."));
        using (var trace = TraceFile.Open(files, $"{Where}/traces/old.json"))
        {
            trace.Mirror();
            Assert.That(files.Text("traces/old.json"), Is.EqualTo("old"), "there is none yet");
            File.WriteAllText(trace.LocalPath, "new");
            trace.Mirror();
        }
        Assert.That((files.Names.Single(), files.Text("traces/old.json")), Is.EqualTo(("traces/old.json", "new")));
        (files.Calls, files.FailAt) = (0, 1);
        Assert.That(() => TraceFile.Open(files, $"{Where}/traces/old.json"), Throws.TypeOf<IOException>());
        Assert.That(files.Text("traces/old.json"), Is.EqualTo("new"));
    }

    [TestCase("--out", "folder")]
    [TestCase("--resume", "folder")]
    [TestCase("--trace", "file")]
    public void Without_Spark_it_is_told(string option, string what)
    {
        var run = Rawdl.Call("train", option, Where, "--quiet");
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Usage, $"rawdl: {option}: expected a {what} of this machine, got '{Where}', which only a Spark application can reach: rawdl submit -- train {option} …\n")));
    }

    private static int CountCalls()
    {
        using var files = new FakeFiles();
        using var folder = RemoteFolder.Open(files, Where);
        WriteSecondCheckpoint(folder, files, int.MaxValue);
        return files.Calls;
    }

    // A first checkpoint is there; from the second mirror on one call fails.
    private static void WriteSecondCheckpoint(RemoteFolder folder, FakeFiles files, int fault)
    {
        Write(folder, "config.json", "{}.");
        Write(folder, "checkpoints/step-0000000001.safetensors", "one.");
        folder.Mirror();
        (files.Calls, files.FailAt) = (0, fault);
        File.Delete(Local(folder, "checkpoints/step-0000000001.safetensors"));
        Write(folder, "checkpoints/step-0000000002.safetensors", "two.");
        Write(folder, "checkpoints/best.safetensors", "best.");
        Write(folder, "metrics.jsonl", "m.");
        Write(folder, "model.safetensors", "model.");
        folder.Mirror();
    }

    private static string Local(RemoteFolder folder, string name) => Path.Combine(folder.LocalPath, name);

    private static void Write(RemoteFolder folder, string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Local(folder, name))!);
        File.WriteAllText(Local(folder, name), text);
    }

    /// <summary>Files in memory. A failing call does half of its work: an upload leaves half a file, the others nothing.</summary>
    private sealed class FakeFiles : IRemoteFiles
    {
        private readonly SortedDictionary<string, string> _files = new(StringComparer.Ordinal);

        public List<string> Log { get; } = [];

        public int Calls { get; set; }

        public int FailAt { get; set; }

        public IEnumerable<string> Names => _files.Keys;

        public string Text(string name) => _files[name];

        public void Put(string name, string text) => _files[name] = text;

        public bool Exists(string path) => _files.Keys.Any(name => name == Name(path) || name.StartsWith(Name(path) + "/", StringComparison.Ordinal));

        public bool IsFolder(string path) => Exists(path) && !_files.ContainsKey(Name(path));

        public IReadOnlyList<HadoopFile> List(string path) =>
            [.. _files.Where(file => (path == Where) == !file.Key.StartsWith("checkpoints/", StringComparison.Ordinal)).Select(file => new HadoopFile($"{Where}/{file.Key}", file.Value.Length, false, DateTime.UnixEpoch))];

        public void CreateFolder(string path) => Count();

        public void Upload(string localPath, string path)
        {
            var text = File.ReadAllText(localPath);
            Log.Add($"upload {Name(path)}");
            _files[Name(path)] = text[..(text.Length / 2)];
            Count();
            _files[Name(path)] = text;
        }

        public void Download(string path, string localPath) => File.WriteAllText(localPath, _files[Name(path)]);

        public void Replace(string source, string destination)
        {
            Count();
            Log.Add($"replace {Name(destination)}");
            _files.Remove(Name(source), out var text);
            _files[Name(destination)] = text!;
        }

        public void Delete(string path)
        {
            Count();
            Log.Add($"delete {Name(path)}");
            _files.Remove(Name(path));
        }

        public void Dispose() => Log.Capacity = Log.Count;

        private static string Name(string path) => path == Where ? "" : path[(Where.Length + 1)..];

        private void Count()
        {
            if (++Calls == FailAt) throw new IOException("the machine is gone");
        }
    }
}
