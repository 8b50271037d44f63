using FsCheck.Fluent;

namespace RawDL.NN.Tests;

/// <summary>Random bytes, alone and behind the first bytes of a format: a value or a <see cref="RawFileException"/> of one line, nothing else.</summary>
public sealed class ReaderProperties
{
    private static readonly (string Name, Action<byte[]> Parse, byte[][] Heads)[] s_readers =
    [
        ("safetensors", bytes => Use(SafetensorsFile.Parse(bytes, "x")), [[], [2, 0, 0, 0, 0, 0, 0, 0, (byte)'{'], SafetensorsTests.Raw("{\"a\":{\"dtype\":\"U8\",\"shape\":[0]")]),
        ("npy", bytes => Use(NpyFile.Parse(bytes, "x")), [[], [0x93, .. "NUMPY"u8, 1, 0, 118, 0], [0x93, .. "NUMPY"u8, 1, 0, 59, 0, .. "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }\n"u8]]),
        ("IDX", bytes => Use(IdxFile.Parse(bytes, "x")), [[], [0, 0], [0, 0, 8, 1], [0, 0, 13, 2, 0, 0, 0, 1, 0, 0, 0]]),
        ("gzip", bytes => Use(IdxFile.Parse(bytes, "x")), [[0x1F, 0x8B], [0x1F, 0x8B, 8], [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0]]),
    ];

    private static IEnumerable<string> Names => s_readers.Select(reader => reader.Name);

    [TestCaseSource(nameof(Names))]
    public void Random_bytes_are_a_value_or_are_refused(string name)
    {
        var (_, parse, heads) = s_readers.Single(reader => reader.Name == name);
        int refused = 0, cases = 10_000;
        Law.Holds(
            from head in Gen.Elements(heads)
            from bytes in Gen.Choose(0, 64).SelectMany(length => Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(length))
            select (byte[])[.. head, .. bytes], bytes =>
        {
            if (Law.Refuses<RawFileException>(() => parse(bytes))) refused++;
        }, cases, name);
        TestContext.Out.WriteLine($"refused: {refused}, accepted: {cases - refused}");
    }

    // What a reader accepts can be used.
    private static void Use(SafetensorsFile file)
    {
        foreach (var tensor in file.Tensors) Assert.That(tensor.Data.Length * 8L, Is.GreaterThanOrEqualTo(tensor.Count));
    }

    private static void Use(NpyArray array) => Assert.That(array.ToDoubles(), Has.Length.EqualTo(array.Count));

    private static void Use(IdxArray array) => Assert.That(array.ToFloats(), Has.Length.EqualTo(array.Count));
}
