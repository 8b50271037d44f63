using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using RawDL.NN;

namespace RawDL.Spark.Tests;

/// <summary>Scoring as an executor does it, with the JVM's side played.</summary>
internal sealed class ScoreTaskTests
{
    private const long Broadcast = 5;
    private static readonly string[] s_classes = ["cat", "dog", "wolf"];
    private static readonly float?[]?[] s_rows = [[1, 0, 0, 2], [0, 3, 0, 1], [0, 1, 4, 0], [2, 2, 0, 0], [1, 1, 1, 1]];

    private string _path = "";
    private byte[] _model = [];
    private float[] _expected = [];

    [OneTimeSetUp]
    public void CreateModel()
    {
        using var device = new CpuDevice(1);
        float[] values = [.. s_rows.SelectMany(row => row!).Select(value => value!.Value)];
        var data = new FloatDataset("data", new Shape(4), values, [0, 1, 2, 0, 1], s_classes);
        using var model = Model.Create(Recipes.Read("linear", data), data, device);
        _path = Path.GetTempFileName();
        model.Save(_path);
        _model = File.ReadAllBytes(_path);
        _expected = model.Predict(values);
        // A broadcast begins with its length.
        File.WriteAllBytes(_path, [.. TaskBytes.Long(_model.Length), .. _model]);
    }

    [OneTimeTearDown]
    public void Delete() => File.Delete(_path);

    [TestCaseSource(typeof(FakeJvm), nameof(FakeJvm.Versions))]
    public void Rows_pass_through_with_their_predictions(string version)
    {
        using var daemon = Daemon();
        using var jvm = daemon.Connect();
        for (var task = 0; task < 2; task++)
        {
            jvm.Send(Task(version, ScoreKind.Predict, BadRows.Fail, s_rows, task == 0));
            Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-6));
            using var reader = new ArrowStreamReader(new WireReaderStream(jvm.Reader), leaveOpen: true);
            for (var batch = 0; batch < 2; batch++)
            {
                using var result = reader.ReadNextRecordBatch();
                var columns = (StructArray)result.Column(0);
                Assert.That(((StructType)columns.Data.DataType).Fields.Select(field => field.Name), Is.EqualTo(new[] { "id", "prediction", "class", "probability", "probabilities" }));
                for (var row = 0; row < s_rows.Length; row++)
                {
                    var probabilities = ((FloatArray)((ListArray)columns.Fields[4]).GetSlicedValues(row)).Values.ToArray();
                    Assert.That(probabilities, Is.EqualTo(_expected[(row * 3)..(row * 3 + 3)]));
                    var best = System.Array.IndexOf(probabilities, probabilities.Max());
                    Assert.That((((Int64Array)columns.Fields[0]).GetValue(row), ((Int32Array)columns.Fields[1]).GetValue(row), ((StringArray)columns.Fields[2]).GetString(row), ((DoubleArray)columns.Fields[3]).GetValue(row)),
                        Is.EqualTo(((long?)row, (int?)best, s_classes[best], (double?)probabilities[best])));
                }
            }
            Assert.That(reader.ReadNextRecordBatch(), Is.Null);
            Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-3));
            jvm.ReadEnd(version);
        }
    }

    [TestCase("3.5.9")]
    [TestCase("4.3.0")]
    public void An_empty_partition_gives_nothing(string version)
    {
        using var daemon = Daemon();
        using var jvm = daemon.Connect();
        jvm.Send(Task(version, ScoreKind.Predict, BadRows.Fail, [], batches: 0));
        Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-3));
        jvm.ReadEnd(version);
    }

    private static IEnumerable<TestCaseData> Bad()
    {
        yield return new TestCaseData((float?[])[1, 2, 3], "expected 4 values in row 7, column 'x', got 3").SetArgDisplayNames("short");
        yield return new TestCaseData(null, "expected values in row 7, column 'x', got null").SetArgDisplayNames("null");
        yield return new TestCaseData((float?[])[1, null, 3, 4], "expected values in row 7, column 'x', got null").SetArgDisplayNames("element null");
        yield return new TestCaseData((float?[])[1, float.NaN, 3, 4], "expected finite numbers in row 7, column 'x', got NaN").SetArgDisplayNames("NaN");
    }

    [TestCaseSource(nameof(Bad))]
    public void A_row_that_is_no_sample_is_named_or_has_nulls(float?[]? bad, string message)
    {
        float?[]?[] rows = [.. s_rows];
        rows[1] = bad;
        using var daemon = Daemon();
        foreach (var kind in (ScoreKind[])[ScoreKind.Predict, ScoreKind.Evaluate])
        {
            using var jvm = daemon.Connect();
            // The second batch holds row 7.
            jvm.Send(Task("3.5.9", kind, BadRows.Fail, s_rows, true, rows));
            Assert.That(ReadFailure(jvm), Does.Contain($"table: {message}"));
        }
        using var kept = daemon.Connect();
        kept.Send(Task("3.5.9", ScoreKind.Predict, BadRows.LeaveOut, rows, true, batches: 1));
        Assert.That(kept.Reader.ReadInt(), Is.EqualTo(-6));
        using (var reader = new ArrowStreamReader(new WireReaderStream(kept.Reader), leaveOpen: true))
        {
            using var result = reader.ReadNextRecordBatch();
            var columns = ((StructArray)result.Column(0)).Fields;
            Assert.That(columns.Skip(1).Select(column => (column.IsNull(1), column.IsNull(2), column.NullCount)), Is.All.EqualTo((true, false, 1)));
            Assert.That(((FloatArray)((ListArray)columns[4]).GetSlicedValues(2)).Values.ToArray(), Is.EqualTo(_expected[6..9]));
        }
    }

    [Test]
    public void Counts_are_those_of_an_evaluation()
    {
        using var daemon = Daemon();
        using var jvm = daemon.Connect();
        jvm.Send(Task("3.5.9", ScoreKind.Evaluate, BadRows.LeaveOut, s_rows, true, [null]));
        Assert.That(jvm.Reader.ReadInt(), Is.EqualTo(-6));
        using var reader = new ArrowStreamReader(new WireReaderStream(jvm.Reader), leaveOpen: true);
        using var result = reader.ReadNextRecordBatch();
        var columns = ((StructArray)result.Column(0)).Fields;
        Assert.That((((Int32Array)columns[0]).GetValue(0), ((Int64Array)columns[1]).GetValue(0)), Is.EqualTo(((int?)2, (long?)1)));
        var counts = MemoryMarshal.Cast<byte, double>(((BinaryArray)columns[2]).GetBytes(0)).ToArray();
        Assert.That((counts[1], counts[^9..].Sum()), Is.EqualTo((5.0, 5.0)));
    }

    [Test]
    public void Another_model_than_the_drivers_is_refused()
    {
        using var daemon = Daemon();
        using var jvm = daemon.Connect();
        var command = new ScoreCommand(ScoreKind.Predict, "table", Broadcast, "00", [1], -1, [0], BadRows.Fail);
        jvm.Send(new TaskBytes("3.5.9") { Command = TestDaemon.Command(ScoreTask.Name, command.Encode()), IsSql = true, Added = [(Broadcast, _path)], Arrow = Stream(s_rows, s_rows, 1) }.All());
        Assert.That(jvm.ReadException(), Does.Contain("model: expected SHA-256 00"));
        Assert.That(() => ScoreCommand.Decode("{\"predict\":1}"u8.ToArray()), Throws.TypeOf<SparkProtocolException>());
    }

    private static TestDaemon Daemon() => new(new TaskCatalog(new Dictionary<string, ISparkTask> { [ScoreTask.Name] = new ScoreTask() }, "test-1"));

    // What was scored before the row has left already.
    private static string ReadFailure(FakeJvm jvm)
    {
        var first = jvm.Reader.ReadInt();
        if (first == -6)
        {
            using var reader = new ArrowStreamReader(new WireReaderStream(jvm.Reader), leaveOpen: true);
            while (reader.ReadNextRecordBatch() is { } batch) batch.Dispose();
            first = jvm.Reader.ReadInt();
        }
        Assert.That(first, Is.EqualTo(-2));
        return jvm.Reader.ReadText();
    }

    private byte[] Task(string version, ScoreKind kind, BadRows badRows, float?[]?[] rows, bool isNew = true, float?[]?[]? second = null, int batches = 2)
    {
        var command = new ScoreCommand(kind, "table", Broadcast, Convert.ToHexString(SHA256.HashData(_model)), [1], kind == ScoreKind.Evaluate ? 2 : -1, kind == ScoreKind.Predict ? [0] : [], badRows);
        return new TaskBytes(version) { Command = TestDaemon.Command(ScoreTask.Name, command.Encode()), IsSql = true, Added = isNew ? [(Broadcast, _path)] : [], Arrow = Stream(rows, second ?? rows, batches) }.All();
    }

    private static byte[] Stream(float?[]?[] first, float?[]?[] second, int batches)
    {
        var list = new ListType(new Field("element", FloatType.Default, nullable: true));
        var type = new StructType([new Field("id", Int64Type.Default, true), new Field("x", list, true), new Field("label", StringType.Default, true)]);
        var schema = new Schema([new Field("struct", type, false)], null);
        using var stream = new MemoryStream();
        using (var writer = new ArrowStreamWriter(stream, schema, leaveOpen: true))
        {
            writer.WriteStart();
            for (var batch = 0; batch < batches; batch++) writer.WriteRecordBatch(Batch(schema, type, batch == 0 ? first : second));
            writer.WriteEnd();
        }
        return stream.ToArray();
    }

    private static RecordBatch Batch(Schema schema, StructType type, float?[]?[] rows)
    {
        var lists = new ListArray.Builder(FloatType.Default);
        var (ids, labels) = (new Int64Array.Builder(), new StringArray.Builder());
        for (var row = 0; row < rows.Length; row++)
        {
            ids.Append(row);
            labels.Append(s_classes[row % 3]);
            if (rows[row] is not { } values)
            {
                lists.AppendNull();
                continue;
            }
            lists.Append();
            foreach (var value in values)
                if (value is { } number) ((FloatArray.Builder)lists.ValueBuilder).Append(number);
                else ((FloatArray.Builder)lists.ValueBuilder).AppendNull();
        }
        return new RecordBatch(schema, [new StructArray(type, rows.Length, [ids.Build(), lists.Build(), labels.Build()], ArrowBuffer.Empty)], rows.Length);
    }
}
