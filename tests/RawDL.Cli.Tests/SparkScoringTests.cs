using System.Diagnostics;
using System.Text.RegularExpressions;
using Parquet;
using Parquet.Schema;
using RawDL.NN;
using RawDL.Spark.Tests;
using RawDL.TestKit;

namespace RawDL.Cli.Tests;

/// <summary>Data and scoring under a real Spark with Hive and HDFS: what a cluster says is what this process says.</summary>
[Category("Spark")]
[NonParallelizable]
public sealed partial class SparkScoringTests
{
    private const int Rows = 300;
    private static readonly Dataset s_digits = Datasets.Open("digits", new DataOptions { TrainSize = 1, TestSize = Rows }).Test;

    private string _folder = "";
    private string _model = "";

    [OneTimeSetUp]
    public void Train()
    {
        _folder = TrainedRun.Fresh("scoring");
        Directory.CreateDirectory(Path.Combine(_folder, "in"));
        WriteAsync(Path.Combine(_folder, "in", "part-0.parquet"), 0, 100).GetAwaiter().GetResult();
        WriteAsync(Path.Combine(_folder, "in", "part-1.parquet"), 100, Rows).GetAwaiter().GetResult();
        _model = Path.Combine(_folder, "run");
        var run = Rawdl.Call("train", "--data", "digits", "--train-size", "600", "--test-size", "50", "--steps", "40", "--seed", "1", "--quiet", "--out", _model);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
    }

    [Test]
    public void Rows_and_a_model_on_hdfs_score_into_a_hive_table_and_train()
    {
        var spark = SparkInstallation.Of("3.5.9").Home;
        using var hdfs = Process.Start(new ProcessStartInfo(Path.Combine(spark, "hdfs/start-hdfs"), [Path.Combine(_folder, "hdfs")]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            var host = hdfs.StandardOutput.ReadLine();
            Shell(spark, "-put", Path.Combine(_folder, "in"), $"{host}/in");
            Shell(spark, "-put", _model, $"{host}/run");

            Submit("local-cluster[2,1,1024]", "predict", $"{host}/run", "--data", $"{host}/in", "--to-table", "scored", "--keep", "id", "--quiet");
            AssertPredicted(Path.Combine(_folder, "warehouse", "scored"));

            var query = $"select t.label, t.pixels from parquet.`{host}/in` t join scored s on t.id = s.id";
            var cluster = Submit("local[2]", "eval", $"{host}/run", "--sql", query, "--quiet");
            using var model = Model.Load(Path.Combine(_model, "model.safetensors"), new CpuDevice(1));
            Assert.That(Trimmed(cluster.Out), Is.EqualTo(Trimmed(model.Evaluate(s_digits, new SoloCommunicator()).ToText())));

            string[] training = ["--steps", "2", "--batch", "16", "--seed", "2", "--quiet", "--json", "--deterministic"];
            var trained = Submit("local[2]", ["train", "--data", $"{host}/in", .. training, "--shards", "1", "--out", TrainedRun.Fresh("run")]);
            var local = Rawdl.Call(["train", "--data", Path.Combine(_folder, "in"), .. training, "--out", TrainedRun.Fresh("run")]).Json();
            Assert.That(trained.Json().GetProperty("parameters_sha256").GetString(), Is.EqualTo(local.GetProperty("parameters_sha256").GetString()));
        }
        finally
        {
            hdfs.StandardInput.Close();
            if (!hdfs.WaitForExit(20_000)) hdfs.Kill(entireProcessTree: true);
        }
    }

    [Test]
    public void A_stream_is_scored_exactly_once_though_its_driver_is_killed()
    {
        var (from, to) = (Path.Combine(_folder, "stream"), Path.Combine(_folder, "streamed"));
        Directory.CreateDirectory(from);
        WriteAsync(Path.Combine(from, "a.parquet"), 0, 120).GetAwaiter().GetResult();
        string[] stream = ["predict", _model, "--stream", from, "--schema", "id long, pixels binary", "--to", to, "--checkpoint", Path.Combine(_folder, "progress")];
        using (var process = Start("local[2]", stream))
        {
            process.StandardOutput.ReadToEndAsync();
            process.StandardError.ReadToEndAsync();
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < SparkSubmission.Patience && !(Directory.Exists(to) && Directory.GetFiles(to, "*.parquet").Length > 0);) Thread.Sleep(50);
            WriteAsync(Path.Combine(from, "b.parquet"), 120, 250).GetAwaiter().GetResult();
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
        WriteAsync(Path.Combine(from, "c.parquet"), 250, Rows).GetAwaiter().GetResult();
        var rest = Submit("local[2]", [.. stream, "--once", "--json", "--quiet"]).Json();
        Assert.That(rest.GetProperty("rows").GetInt64(), Is.InRange(Rows - 250, Rows));
        AssertPredicted(to);
    }

    [Test]
    public void An_executor_that_is_lost_while_it_saves_leaves_every_row_once()
    {
        var (from, to) = (Path.Combine(_folder, "in"), Path.Combine(_folder, "saved"));
        using (var job = Start("local-cluster[2,1,1024]", ["predict", _model, "--data", from, "--to", to, "--keep", "id", "--quiet"]))
        {
            var (output, error) = (job.StandardOutput.ReadToEndAsync(), job.StandardError.ReadToEndAsync());
            while (!job.HasExited && !(Directory.Exists(to) && Directory.EnumerateFiles(to, "part-*", SearchOption.AllDirectories).Any())) Thread.Sleep(1);
            // The one that writes, unless it has just ended to.
            JobProcesses.Kill(JobProcesses.Find("CoarseGrainedExecutorBackend").Select(found => found.Id).OrderByDescending(id => Writes(id, to)).First());
            Assert.That(job.WaitForExit(SparkSubmission.Patience) && job.ExitCode == 0, Is.True, () => output.Result + error.Result);
        }
        AssertPredicted(to);

        static bool Writes(int id, string folder)
        {
            try
            {
                return Directory.EnumerateFiles($"/proc/{id}/fd").Any(file => File.ResolveLinkTarget(file, false)?.FullName.StartsWith(folder, StringComparison.Ordinal) is true);
            }
            catch (IOException)
            {
                // It opens and closes others.
                return false;
            }
        }
    }

    [Test]
    public void A_wrong_row_is_named()
    {
        var folder = TrainedRun.Fresh("wrong");
        Directory.CreateDirectory(folder);
        WriteAsync(Path.Combine(folder, "a.parquet"), 0, 40, wrong: 17).GetAwaiter().GetResult();
        var run = SparkSubmission.Finish(Start("local[1]", ["eval", _model, "--data", folder, "--format", "parquet", "--quiet"]));
        Assert.That(run.Code, Is.Not.EqualTo(ExitCode.Ok));
        Assert.That(run.Out, Does.Match("rawdl: task failed: partition 0, .*expected 784 values in row 18, column 'pixels', got 3"));
    }

    // Every id once, with what the model says here.
    private void AssertPredicted(string folder)
    {
        // The id takes the label's place: the samples are then the probabilities.
        var pair = Datasets.Open(folder, new DataOptions { LabelColumn = "id", Sample = new Shape(10) });
        using var model = Model.Load(Path.Combine(_model, "model.safetensors"), new CpuDevice(1));
        var (sample, values) = (new float[10], new float[784]);
        var seen = new List<int>();
        foreach (var part in (Dataset[])[pair.Train, pair.Test])
            for (var i = 0; i < part.Count; i++)
            {
                seen.Add(part.Label(i));
                part.Read(i, sample);
                s_digits.Read(part.Label(i), values);
                Assert.That(sample, Is.EqualTo(model.Predict(values)).Within(1e-6f));
            }
        Assert.That(seen.Order(), Is.EqualTo(Enumerable.Range(0, Rows)));
    }

    private static async Task WriteAsync(string path, int first, int end, int wrong = -1)
    {
        var (id, label, pixels) = (new DataField<long>("id", false), new DataField<int>("label", false), new DataField("pixels", typeof(byte[]), isNullable: true));
        // Spark's stream must not see half a file.
        var partial = path + ".part";
        await using (var stream = File.Create(partial))
        {
            await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(id, label, pixels), stream);
            using var group = writer.CreateRowGroup();
            var rows = Enumerable.Range(first, end - first).ToArray();
            await group.WriteAsync<long>(id, Array.ConvertAll(rows, row => (long)row));
            await group.WriteAsync<int>(label, Array.ConvertAll(rows, s_digits.Label));
            await group.WriteAsync(pixels, Array.ConvertAll(rows, row => row == wrong ? [1, 2, 3] : Pixels(row)));
            group.CompleteValidate();
        }
        File.Move(partial, path);
    }

    private static byte[] Pixels(int row)
    {
        var values = new float[784];
        s_digits.Read(row, values);
        return Array.ConvertAll(values, value => (byte)MathF.Round(value * 255));
    }

    private Rawdl Submit(string master, params string[] words)
    {
        var run = SparkSubmission.Finish(Start(master, words));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Out + run.Error[^Math.Min(run.Error.Length, 4000)..]);
        return run;
    }

    private Process Start(string master, string[] words) => SparkSubmission.Start("3.5.9", master,
        ["spark.sql.catalogImplementation=hive", $"spark.sql.warehouse.dir={_folder}/warehouse", $"spark.hadoop.javax.jdo.option.ConnectionURL=jdbc:derby:;databaseName={_folder}/metastore;create=true"], words);

    private void Shell(string spark, params string[] words)
    {
        // Without the file Hadoop's own shell does not start.
        var settings = Directory.CreateDirectory(Path.Combine(_folder, "settings")).FullName;
        File.WriteAllText(Path.Combine(settings, "core-site.xml"), "<configuration/>");
        using var process = Process.Start(new ProcessStartInfo("java", ["-cp", $"{settings}:{spark}/jars/*", "org.apache.hadoop.fs.FsShell", .. words]) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, () => error);
    }

    // Rows come in another order, so the loss may differ in its last digits.
    private static string Trimmed(string text) => Loss().Replace(text.Trim(), "$1");

    [GeneratedRegex(@"( Loss: +[0-9.]{6})[0-9]*")]
    private static partial Regex Loss();
}
