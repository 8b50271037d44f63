using Parquet;
using Parquet.Schema;

namespace RawDL.NN.Tests;

public sealed class ParquetTests
{
    private const int Rows = 10;
    private static readonly DataOptions s_whole = new() { TestFraction = 0.1f };

    /// <summary>A column of a test's file: how it is declared, and how it is written.</summary>
    internal sealed record Column(Field Field, Func<ParquetRowGroupWriter, Task> Write);

    internal static void Write(string path, params Column[] columns) => Write(path, null, columns);

    internal static void Write(string path, (string Key, string Value)? metadata, params Column[] columns) => WriteAsync(path, metadata, columns, 1).GetAwaiter().GetResult();

    internal static Column Values<T>(string name, params T[] values) where T : struct
    {
        var field = new DataField<T>(name, false);
        return new Column(field, group => group.WriteAsync<T>(field, values.AsMemory()));
    }

    internal static Column Optional<T>(string name, params T?[] values) where T : struct
    {
        var field = new DataField<T>(name, true);
        return new Column(field, group => group.WriteAsync<T>(field, values.AsMemory()));
    }

    internal static Column Texts(string name, params string?[] values)
    {
        var field = new DataField(name, typeof(string), isNullable: true);
        return new Column(field, group => group.WriteAsync(field, values!));
    }

    internal static Column Blocks(string name, params byte[]?[] values)
    {
        var field = new DataField(name, typeof(byte[]), isNullable: true);
        return new Column(field, group => group.WriteAsync(field, values!));
    }

    /// <summary>Lists as Spark declares them: a list may be null, and an element may be.</summary>
    internal static Column Lists<T>(string name, params T?[]?[] rows) where T : struct
    {
        var item = new DataField<T>("element", true);
        var list = new ListField(name, item);
        var values = new List<T>();
        List<int> present = [], repeats = [];
        foreach (var row in rows)
        {
            if (row is not { Length: > 0 })
            {
                present.Add(row is null ? 0 : 1);
                repeats.Add(0);
                continue;
            }
            for (var i = 0; i < row.Length; i++)
            {
                present.Add(row[i] is null ? 2 : 3);
                repeats.Add(i == 0 ? 0 : 1);
                if (row[i] is { } value) values.Add(value);
            }
        }
        return new Column(list, group => group.WriteAllPartsAsync<T>(item, values.ToArray(), present.ToArray(), repeats.ToArray(), default));
    }

    private static async Task WriteAsync(string path, (string Key, string Value)? metadata, Column[] columns, int groups)
    {
        await using var stream = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema([.. columns.Select(column => column.Field)]), stream);
        if (metadata is { } entry) writer.CustomMetadata = new Dictionary<string, string> { [entry.Key] = entry.Value };
        for (var i = 0; i < groups; i++)
        {
            using var group = writer.CreateRowGroup();
            foreach (var column in columns) await column.Write(group);
            group.CompleteValidate();
        }
    }

    private static Dataset Open(string path, DataOptions? options = null) => ((SubsetDataset)Datasets.Open(path, options ?? s_whole).Train).Source;

    private static T?[]?[] Samples<T>(Func<int, T> value, int size = 4) where T : struct => [.. Enumerable.Range(0, Rows).Select(row => Enumerable.Range(0, size).Select(i => (T?)value(row * size + i)).ToArray())];

    private static int[] Labels => [.. Enumerable.Range(0, Rows).Select(row => row % 3)];

    private static IEnumerable<TestCaseData> Types()
    {
        (string Name, Column Pixels)[] types =
        [
            ("float", Lists("x", Samples(i => (float)i))), ("double", Lists("x", Samples(i => (double)i))), ("int", Lists("x", Samples(i => i))), ("long", Lists("x", Samples(i => (long)i))),
            ("short", Lists("x", Samples(i => (short)i))), ("tinyint", Lists("x", Samples(i => (sbyte)i))), ("byte", Lists("x", Samples(i => (byte)i))),
        ];
        foreach (var (name, pixels) in types) yield return new TestCaseData(pixels).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Types))]
    public void Lists_of_every_type_are_samples(object pixels)
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], Texts("name", [.. Labels.Select(label => $"n{label}")]), (Column)pixels, Values("Label", Labels));
        var data = Open(folder["a.parquet"]);
        Assert.That((data.Count, data.Classes, data.SampleShape, data.ClassNames[2]), Is.EqualTo((Rows, 3, new Shape(4), "2")));
        Assert.That(Enumerable.Range(0, Rows).Select(data.Label), Is.EqualTo(Labels));
        Assert.That(DatasetsTests.Sample(data, 2), Is.EqualTo(new float[] { 8, 9, 10, 11 }));
    }

    [Test]
    public void Bytes_are_images_of_bytes()
    {
        using var folder = new TemporaryFolder();
        byte[][] images = [.. Enumerable.Range(0, Rows).Select(row => Enumerable.Repeat((byte)(row * 25), 36).ToArray())];
        Write(folder["a.parquet"], Values("label", Labels), Blocks("raw", images));
        var data = Open(folder["a.parquet"]);
        Assert.That((data.SampleShape, data is ByteDataset), Is.EqualTo((new Shape(1, 6, 6), true)));
        Assert.That(DatasetsTests.Sample(data, 4)[35], Is.EqualTo(100 / 255f).Within(1e-7));
        Assert.That(Open(folder["a.parquet"], s_whole with { Sample = new Shape(36) }).SampleShape, Is.EqualTo(new Shape(36)));
    }

    [TestCase("pixels", 16, null, 1, 4, 4)]
    [TestCase("image", 48, null, 3, 4, 4)]
    [TestCase("pixels", 15, null, 15, 0, 0)]
    [TestCase("features", 16, null, 16, 0, 0)]
    [TestCase("features", 12, "1,3,4", 1, 3, 4)]
    public void A_shape_follows_from_name_size_and_metadata(string name, int size, string? metadata, int first, int second, int third)
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], metadata is null ? null : ("rawdl.sample", metadata), Values("label", Labels), Lists(name, Samples(i => (float)i, size)));
        Assert.That(Open(folder["a.parquet"]).SampleShape, Is.EqualTo(second == 0 ? new Shape(first) : new Shape(first, second, third)));
    }

    [Test]
    public void A_column_for_each_feature_and_text_labels()
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], Optional<double>("x", [.. Enumerable.Range(0, Rows).Select(i => (double?)i / 2)]), Texts("kind", [.. Labels.Select(label => label == 0 ? "wolf" : "cat")]), Values("y", [.. Enumerable.Range(0, Rows).Select(i => (long)i)]));
        var data = Open(folder["a.parquet"], s_whole with { LabelColumn = "kind" });
        Assert.That((data.SampleShape, data.ClassNames[0], data.Label(0), data.Label(1)), Is.EqualTo((new Shape(2), "cat", 1, 0)));
        Assert.That(DatasetsTests.Sample(data, 3), Is.EqualTo(new[] { 1.5f, 3f }));
        var target = new float[1];
        Write(folder["b.parquet"], Values("label", [.. Labels.Select(label => label / 2.0)]), Values("y", Labels));
        data = Open(folder["b.parquet"]);
        data.ReadTarget(2, target);
        Assert.That((data.Classes, data.TargetCount, target[0]), Is.EqualTo((0, 1, 1f)));
    }

    [Test]
    public void Parts_of_a_folder_are_read_in_order_of_their_names()
    {
        using var folder = new TemporaryFolder();
        foreach (var part in (int[])[1, 0])
            WriteAsync(folder[$"part-0000{part}.snappy.parquet"], null, [Values("label", part, part), Lists<float>("x", [part, 1f], [part, 2f])], 2).GetAwaiter().GetResult();
        File.WriteAllBytes(folder["_SUCCESS"], []);
        File.WriteAllText(folder["_part.parquet"], "no");
        var data = Open(folder.Path);
        Assert.That(Enumerable.Range(0, data.Count).Select(data.Label), Is.EqualTo(new[] { 0, 0, 0, 0, 1, 1, 1, 1 }));
        Assert.That(DatasetsTests.Sample(data, 5), Is.EqualTo(new[] { 1f, 2f }));
    }

    [Test]
    public void A_folder_may_have_its_test_apart()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["train.parquet"]);
        Write(folder["train.parquet/part-0.parquet"], Texts("label", "b", "a", "b"), Lists<float>("x", [1f], [2f], [3f]));
        Write(folder["test.parquet"], Texts("label", "b"), Lists<float>("x", [4f]));
        var pair = Datasets.Open(folder.Path, new DataOptions());
        Assert.That((pair.Train.Count, pair.Test.Count, pair.Test.Label(0), pair.Test.Classes), Is.EqualTo((3, 1, 1, 2)));
        Write(folder["test.parquet"], Texts("label", "b", "c"), Lists<float>("x", [4f], [5f]));
        Assert.That(() => Datasets.Open(folder.Path, new DataOptions()), Throws.TypeOf<RawFileException>().With.Message.EqualTo(
            $"{folder["test.parquet"]}: expected a class that is among the training rows too in row 2, column 'label', got 'c'"));
    }

    [Test]
    public void Classes_of_a_model_are_known()
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], Values("label", 1, 0, 1), Lists<float>("x", [1f], [2f], [3f]));
        var data = Open(folder["a.parquet"], s_whole with { ClassNames = ["cat", "dog", "wolf"] });
        Assert.That((data.Classes, data.Label(0)), Is.EqualTo((3, 1)));
        data = Open(folder["a.parquet"], s_whole with { ClassNames = ["1", "0"] });
        Assert.That(data.Label(0), Is.Zero);
        Assert.That(() => Open(folder["a.parquet"], s_whole with { ClassNames = ["0"] }), Throws.TypeOf<RawFileException>().With.Message.EndsWith("expected one of 1 classes in row 1, column 'label', got '1'"));
    }

    [Test]
    public void Leftovers_of_a_stream_are_no_data()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["a", "b", "c", "d"]) Write(folder[$"{name}.parquet"], Values("label", name[0] - 'a', 0), Lists<float>("x", [1f], [2f]));
        File.WriteAllBytes(folder["empty.parquet"], []);
        Directory.CreateDirectory(folder["_spark_metadata"]);
        void Log(string name, params string[] files) => File.WriteAllText(folder[$"_spark_metadata/{name}"], string.Join('\n', ["v1", .. files.Select(file => $$"""{"path":"file:///x/{{file}}.parquet","size":1,"action":"add"}""")]));
        Log("0", "c");
        Log("1.compact", "a", "b");
        Log("2", "d");
        Log(".2.crc", "no");
        var data = Open(folder.Path);
        Assert.That(Enumerable.Range(0, data.Count).Select(data.Label), Is.EqualTo(new[] { 0, 0, 1, 0, 3, 0 }));
        Log("3", "e");
        Assert.That(() => Open(folder.Path), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["e.parquet"]}: expected a file of the stream that wrote the folder, got nothing at this path"));
        File.WriteAllText(folder["_spark_metadata/3"], "v2");
        Assert.That(() => Open(folder.Path), Throws.TypeOf<RawFileException>().With.Message.StartsWith($"{folder["_spark_metadata/3"]}: expected a log of version v1, got 'v2'"));
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        var labels = Values("label", 0, 1, 2);
        var lists = Lists<float>("x", [1, 2], [3, 4], [5, 6]);
        (string Name, Column[] Columns, string Message)[] cases =
        [
            ("ragged", [labels, Lists<float>("x", [1, 2], [3, 4], [5])], "expected 2 values in row 3, column 'x', got 1"),
            ("empty list", [labels, Lists<float>("x", [1, 2], [], [5, 6])], "expected 2 values in row 2, column 'x', got 0"),
            ("first list empty", [labels, Lists<float>("x", [], [1, 2], [5, 6])], "expected values in column 'x', got none"),
            ("no list", [labels, Lists<float>("x", [1, 2], null, [5, 6])], "expected values in row 2, column 'x', got null"),
            ("no element", [labels, Lists<float>("x", [1, 2], [3, null], [5, 6])], "expected values in row 2, column 'x', got null"),
            ("not a number", [labels, Lists<float>("x", [1, 2], [3, float.NaN], [5, 6])], "expected finite numbers in row 2, column 'x', got NaN"),
            ("no value", [labels, Optional<int>("a", 1, null, 3)], "expected a number in row 2, column 'a', got null"),
            ("no label", [Optional<int>("label", 0, 1, null), lists], "expected a label in row 3, column 'label', got null"),
            ("no text", [Texts("label", "a", null, "b"), lists], "expected a label in row 2, column 'label', got null"),
            ("negative label", [Values("label", 0, -1, 2), lists], "expected a class of 0 to 65535 in row 2, column 'label', got -1"),
            ("large label", [Values("label", 0, 1, 65536), lists], "expected a class of 0 to 65535 in row 3, column 'label', got 65536"),
            ("infinite target", [Values("label", 0f, 1f, float.PositiveInfinity), lists], "expected a finite number in row 3, column 'label', got Infinity"),
            ("bytes ragged", [labels, Blocks("x", [1, 2], [3, 4], [])], "expected 2 values in row 3, column 'x', got 0"),
            ("bytes missing", [labels, Blocks("x", [1, 2], null, [3])], "expected values in row 2, column 'x', got null"),
            ("two lists", [labels, lists, Lists<float>("y", [1, 2], [3, 4], [5, 6])], "expected one column of lists or bytes, got columns x, y"),
            ("text among numbers", [labels, Values("a", 1, 2, 3), Texts("b", "1", "2", "3")], "expected numbers in column 'b', or one column of lists or bytes, got texts"),
            ("label only", [labels], "expected columns of numbers, lists or bytes beside the label, got none"),
            ("no column label", [Values("class", 1, 2, 3), lists], "expected a column 'label', or another one by --label-column, got columns class, x"),
            ("label of lists", [Lists<int>("label", [1], [2], [3]), lists], "expected integers, texts or numbers in column 'label', got lists of numbers"),
            ("one row", [Values("label", 1), Lists<float>("x", [1])], "expected at least 2 rows, got 1"),
        ];
        foreach (var (name, columns, message) in cases) yield return new TestCaseData(columns, message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Wrong))]
    public void Wrong_tables_are_told_in_one_line(object columns, string message)
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], (Column[])columns);
        Assert.That(() => Datasets.Open(folder["a.parquet"], s_whole), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["a.parquet"]}: {message}"));
    }

    [Test]
    public void Another_kind_in_a_second_file_is_told()
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], Values("label", 0, 1), Lists<float>("x", [1], [2]));
        Write(folder["b.parquet"], Texts("label", "0", "1"), Lists<float>("x", [1], [2]));
        Assert.That(() => Datasets.Open(folder.Path, s_whole), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["b.parquet"]}: expected a column 'label' of integers, got texts"));
    }

    [Test]
    public void Damage_is_told_in_one_line()
    {
        using var folder = new TemporaryFolder();
        Write(folder["a.parquet"], Values("label", Labels), Lists("pixels", Samples(i => (float)i)), Texts("t", [.. Labels.Select(l => $"{l}")]), Blocks("b", [.. Labels.Select(l => new byte[l + 1])]));
        var whole = File.ReadAllBytes(folder["a.parquet"]);
        var random = new Random(5);
        for (var i = 0; i < 300; i++)
        {
            var bytes = (byte[])whole.Clone();
            if (i % 3 == 0) bytes = bytes[..random.Next(bytes.Length)];
            else
                for (var k = 0; k < 1 + i % 5; k++) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (bytes.Length == 0) continue;
            File.WriteAllBytes(folder["b.parquet"], bytes);
            try
            {
                Datasets.Open(folder["b.parquet"], new DataOptions { LabelColumn = "1" });
            }
            catch (RawFileException e)
            {
                Assert.That(e.Message, Does.Not.Contain('\n').And.StartsWith(folder["b.parquet"]));
            }
        }
    }
}
