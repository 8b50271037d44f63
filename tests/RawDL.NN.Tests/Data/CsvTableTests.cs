using System.Text;

namespace RawDL.NN.Tests;

public sealed class CsvTableTests
{
    internal static FloatDataset Parse(string text, string? label = null) => CsvTable.Parse(new MemoryStream(Encoding.UTF8.GetBytes(text)), "f", "table", label);

    [Test]
    public void Text_labels_become_classes_in_order_of_their_names()
    {
        var table = Parse("a,b,kind\r\n1,2,wolf\r\n3,4,cat\r\n-5.5,6e1,\"wolf\"\r\n");
        Assert.Multiple(() =>
        {
            Assert.That(table.ClassNames, Is.EqualTo(new[] { "cat", "wolf" }));
            Assert.That(Enumerable.Range(0, 3).Select(table.Label), Is.EqualTo(new[] { 1, 0, 1 }));
            Assert.That(DatasetsTests.Sample(table, 2), Is.EqualTo(new[] { -5.5f, 60 }));
        });
    }

    [Test]
    public void Integer_labels_become_classes_in_numeric_order()
    {
        var table = Parse("10,0.5\n9,0.25\n-1,1\n9,2\n", "1");
        Assert.That(table.ClassNames, Is.EqualTo(new[] { "-1", "9", "10" }));
        Assert.That(Enumerable.Range(0, 4).Select(table.Label), Is.EqualTo(new[] { 2, 1, 0, 1 }));
    }

    [Test]
    public void Other_numbers_are_targets()
    {
        var table = Parse("price;area;rooms\n1.5;2;3\n2;4;5\n", "price");
        var target = new float[1];
        table.ReadTarget(1, target);
        Assert.That((table.Classes, table.TargetCount, target[0], table.SampleShape), Is.EqualTo((0, 1, 2f, new Shape(2))));
    }

    [Test]
    public void Empty_lines_and_quoted_text_and_a_byte_order_mark_are_read()
    {
        var table = Parse("\uFEFFx,\"the \"\"label\"\"\"\n\n1,\"a,b\"\n\n2,\"c\nd\"\n\n");
        Assert.That(table.ClassNames, Is.EqualTo(new[] { "a,b", "c\nd" }));
        Assert.That(Parse("\uFEFF1,2\n3,4\n").Count, Is.EqualTo(2));
    }

    [Test]
    public void Opens_and_splits_a_file()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["iris.csv"], ["x,y,class", .. Enumerable.Range(0, 20).Select(i => $"{i},{i * 2},{(i % 2 == 0 ? "even" : "odd")}")]);
        var pair = Datasets.Open(folder["iris.csv"], new DataOptions());
        Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.Name, pair.Train.Classes), Is.EqualTo((16, 4, "iris/train", 2)));
    }

    private static IEnumerable<TestCaseData> Rows()
    {
        (string Name, string Text, string Message)[] rows =
        [
            ("nothing", "", "expected a header and rows, got none (at byte 0)"),
            ("one column", "a\n1\n2\n", "expected 2 to 65536 columns, got 1"),
            ("header alone", "a,b\n", "expected at least 2 rows of data, got 0"),
            ("one row", "a,b\n1,2\n", "expected at least 2 rows of data, got 1"),
            ("a cell too few", "a,b,c\n1,2,3\n1,2\n", "expected 3 cells as in the first row, got 2 in row 3"),
            ("a cell too many", "a,b\n1,2\n1,2,3\n", "expected 2 cells as in the first row, got 3 in row 3"),
            ("no feature", "a,b\n1,2\n,3\n", "expected a number in row 3, column 'a', got ''"),
            ("text feature", "a,b\n1,2\nred,3\n", "expected a number in row 3, column 'a', got 'red'"),
            ("text feature without a header", "1,2\nred,3\n", "expected a number in row 2, column 1, got 'red'"),
            ("NaN", "a,b\nNaN,2\n1,3\n", "expected a number in row 2, column 'a', got 'NaN'"),
            ("infinity", "a,b\n1e39,2\n1,3\n", "expected a number in row 2, column 'a', got '1e39'"),
            ("hexadecimal", "a,b\n0x10,2\n1,3\n", "expected a number in row 2, column 'a', got '0x10'"),
            ("thousands", "a;b\n1,000;2\n1;3\n", "expected a number in row 2, column 'a', got '1,000'"),
            ("no label", "a,b\n1,\n1,3\n", "expected a label in row 2, column 'b', got ''"),
            ("control characters", "a,b\n\u001b[31m,2\n1,3\n", "expected a number in row 2, column 'a', got '?[31m'"),
            ("a long cell", $"a,b\n{new string('x', 200)},2\n1,3\n", $"expected a number in row 2, column 'a', got '{new string('x', 80)}…'"),
            ("open quote", "a,b\n\"1,2\n1,3\n", "expected rows of CSV, got one with misplaced quotes: row 2"),
            ("text behind a quote", "a,b\n\"1\"x,2\n1,3\n", "expected rows of CSV, got one with misplaced quotes: row 2"),
            ("row of 2 MB", $"a,b\n{new string('1', 2 << 20)},2\n", "expected rows of at most 1048576 characters, got a longer one: row 2"),
            ("70,000 columns", string.Join(',', Enumerable.Repeat("1", 70_000)) + "\n", "expected 2 to 65536 columns, got 70000"),
            ("10,001 classes", string.Concat(Enumerable.Range(0, 10_001).Select(i => $"1,{i}\n")), "expected at most 10000 classes in the label column, got 10001; for a regression write targets with a decimal point"),
            ("NUL bytes", "\0\0\0\0", "expected 2 to 65536 columns, got 1"),
        ];
        return rows.Select(row => new TestCaseData(row.Text, row.Message).SetArgDisplayNames(row.Name));
    }

    [TestCaseSource(nameof(Rows))]
    public void Refuses(string text, string message) => Assert.That(() => Parse(text), Throws.TypeOf<RawFileException>().With.Message.EqualTo("f: " + message));

    [Test]
    public void Refuses_a_label_column_that_is_none()
    {
        Assert.That(() => Parse("a,b,b\n1,2,3\n4,5,6\n", "c"), Throws.TypeOf<RawFileException>().With.Message.EqualTo("f: expected the label column 'c' or a number of 1 to 3, got columns 'a, b, b'"));
        Assert.That(() => Parse("a,b,b\n1,2,3\n4,5,6\n", "b"), Throws.TypeOf<RawFileException>().With.Message.EqualTo("f: expected one column 'b', got several"));
        Assert.That(() => Parse("1,2\n3,4\n", "3"), Throws.TypeOf<RawFileException>());
    }
}
