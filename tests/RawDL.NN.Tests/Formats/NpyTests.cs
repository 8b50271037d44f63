namespace RawDL.NN.Tests;

public sealed class NpyTests
{
    private static readonly string s_golden = Path.Combine(AppContext.BaseDirectory, "golden", "npy");

    /// <summary>The golden files, written by NumPy.</summary>
    internal static IEnumerable<string> Golden => Directory.GetFiles(s_golden, "*.npy").Select(path => Path.GetFileNameWithoutExtension(path)).Order();

    internal static byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(s_golden, name + ".npy"));

    [TestCaseSource(nameof(Golden))]
    public void ReadsWhatNumPyWrote(string name)
    {
        var array = NpyFile.Read(Path.Combine(s_golden, name + ".npy"));
        // The script's rule: counting modulo 7, less 3 for signed types, modulo 2 for booleans.
        var expected = new double[array.Count];
        for (var i = 0; i < expected.Length; i++) expected[i] = array.Kind switch { "b1" => i % 7 % 2, ['u', _] => i % 7, _ => (i % 7) - 3 };
        Assert.Multiple(() =>
        {
            Assert.That(array.ToDoubles(), Is.EqualTo(expected));
            Assert.That(array.ToFloats(), Is.EqualTo(Array.ConvertAll(expected, x => (float)x)));
            if (array.Kind[0] != 'f') Assert.That(array.ToInts(), Is.EqualTo(Array.ConvertAll(expected, x => (int)x)));
        });
    }

    [Test]
    public void WritesTheBytesOfNumPy()
    {
        var count = 0;
        foreach (var name in Golden)
        {
            // NumPy keeps byte order, column order and version of its argument; RawDL writes one form.
            if (name.StartsWith("big_endian") || name.StartsWith("column_major") || name.StartsWith("version")) continue;
            var bytes = Bytes(name);
            Assert.That(NpyFile.ToBytes(NpyFile.Parse(bytes, name)), Is.EqualTo(bytes), name);
            count++;
        }
        TestContext.Out.WriteLine($"npy files byte-identical to NumPy: {count}");
        Assert.That(count, Is.GreaterThanOrEqualTo(16));
    }

    [Test]
    public void ColumnMajorBecomesRowMajor() =>
        Assert.That(NpyFile.Parse(Bytes("column_major_f4"), "x").Shape.ToArray(), Is.EqualTo(new[] { 2, 3, 4 }));

    [Test]
    public void RoundTripsThroughADisk()
    {
        using var folder = new TemporaryFolder();
        var path = folder["a.npy"];
        NpyFile.Write(path, NpyArray.Create([2, 2], [1f, 2, 3, 4.5f]));
        var array = NpyFile.Read(path);
        Assert.Multiple(() =>
        {
            Assert.That(array.Kind, Is.EqualTo("f4"));
            Assert.That(array.Shape.ToArray(), Is.EqualTo(new[] { 2, 2 }));
            Assert.That(array.ToFloats(), Is.EqualTo(new[] { 1, 2, 3, 4.5f }));
            Assert.That(() => NpyArray.Create([2, 3], [1f]), Throws.ArgumentException.With.Message.EqualTo("NpyArray: expected values that fill [2, 3], got 1."));
        });
    }
}
