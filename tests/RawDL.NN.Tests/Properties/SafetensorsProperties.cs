using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace RawDL.NN.Tests;

/// <summary>Random tensors and strings through safetensors files.</summary>
public sealed class SafetensorsProperties
{
    private static readonly string[] s_types = ["BOOL", "F4", "F6_E2M3", "U8", "F8_E4M3", "I16", "F16", "BF16", "I32", "F32", "C64", "F64", "I64", "U64"];

    // Letters of all scripts, control characters, quotes, halves of surrogate pairs, and names with a meaning of their own.
    private static readonly Gen<string> s_text = Gen.Frequency(
        (8, Gen.Frequency((6, Gen.Choose(32, 126)), (2, Gen.Choose(0, 0xD7FF)), (1, Gen.Elements((int)'"', '\\', '\n', 0x2028, 0xFFFF))).Select(c => (char)c).ArrayOf().Select(chars => new string(chars))),
        (1, Gen.Elements("", "😀", "a\ud800", "\udc00", "__metadata__", "rawdl.format", "rawdl.header.crc32c", "rawdl.crc32c.w", "dtype", "w")));

    private static readonly Gen<(string Name, string Type, long[] Extents)> s_tensor =
        from name in s_text
        from type in Gen.Elements(s_types)
        from rank in Gen.Frequency((9, Gen.Choose(0, 4)), (1, Gen.Choose(5, 34)))
        from extents in Gen.Choose(0, rank > 4 ? 1 : 4).ArrayOf(rank)
        select (name, type, Array.ConvertAll(extents, extent => (long)extent));

    [Test]
    public void Files_come_back_and_are_written_alike_again_or_are_refused()
    {
        var refused = 0;
        Law.Holds(
            from tensors in Gen.Choose(0, 4).SelectMany(count => s_tensor.ArrayOf(count))
            from metadata in Gen.Choose(0, 3).SelectMany(count => s_text.Two().ArrayOf(count))
            from checksums in Gen.Elements(Enum.GetValues<SafetensorsChecksums>())
            select (tensors, metadata, checksums),
            (((string Name, string Type, long[] Extents)[] Tensors, (string, string)[] Metadata, SafetensorsChecksums Checksums) c) =>
        {
            var strings = c.Metadata.DistinctBy(pair => pair.Item1).ToDictionary(pair => pair.Item1, pair => pair.Item2);
            SafetensorsTensor[] tensors = [];
            byte[] bytes = [];
            if (Law.Refuses<ArgumentException>(() =>
            {
                tensors = Array.ConvertAll(c.Tensors, Fill);
                bytes = SafetensorsFile.ToBytes(tensors, strings, c.Checksums);
            }))
            {
                refused++;
                Assert.That(c.Tensors.Select(tensor => tensor.Name).Distinct().Count() < c.Tensors.Length || strings.Keys.Any(key => key.StartsWith("rawdl."))
                    || c.Tensors.Any(tensor => tensor.Name == "__metadata__" || SafetensorsDtype.ByteCount(tensor.Type, tensor.Extents) < 0 || tensor.Extents.Length > 32)
                    || strings.Select(pair => pair.Key + "|" + pair.Value).Concat(c.Tensors.Select(tensor => tensor.Name)).Any(IsNoText), "refused without need");
                return;
            }
            var file = SafetensorsFile.Parse(bytes, "x");
            Assert.That(file.Tensors, Has.Count.EqualTo(tensors.Length));
            foreach (var tensor in tensors)
            {
                var read = file[tensor.Name];
                Assert.That((read.Name, read.Dtype), Is.EqualTo((tensor.Name, tensor.Dtype)));
                Assert.That(read.Extents.ToArray(), Is.EqualTo(tensor.Extents.ToArray()));
                Assert.That(read.Data.ToArray(), Is.EqualTo(tensor.Data.ToArray()));
            }
            foreach (var (key, value) in strings) Assert.That(file.Metadata[key], Is.EqualTo(value));
            Assert.That(SafetensorsFile.ToBytes(file.Tensors, strings, c.Checksums), Is.EqualTo(bytes));
            Assert.That((bytes.Length - tensors.Sum(tensor => tensor.Data.Length)) % 8, Is.Zero);
        }, 1000);
        TestContext.Out.WriteLine($"refused: {refused}");
        Assert.That(refused, Is.InRange(100, 800));
    }

    private static SafetensorsTensor Fill((string Name, string Type, long[] Extents) c)
    {
        var data = new byte[Math.Max(0, SafetensorsDtype.ByteCount(c.Type, c.Extents))];
        new Random(c.Name.Length + data.Length).NextBytes(data);
        return new SafetensorsTensor(c.Name, c.Type, c.Extents, data);
    }

    // Half of a surrogate pair stands for no character.
    private static bool IsNoText(string text)
    {
        foreach (var rune in text.EnumerateRunes())
            if (rune == Rune.ReplacementChar && !text.Contains('\uFFFD')) return true;
        return false;
    }

    [Test]
    public void Floats_come_back_bit_for_bit() => Law.Holds(
        from rank in Gen.Choose(0, 4)
        from extents in Gen.Choose(0, 5).ArrayOf(rank)
        from seed in Gen.Choose(0, int.MaxValue)
        select (new Shape(extents), seed), ((Shape Shape, int Seed) c) =>
    {
        var random = new Random(c.Seed);
        var values = new float[c.Shape.Count];
        foreach (ref var value in values.AsSpan()) value = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
        var bytes = SafetensorsFile.ToBytes([SafetensorsTensor.Create("w", c.Shape, values)], new Dictionary<string, string>());
        var read = SafetensorsFile.Parse(bytes, "x")["w"];
        Assert.That(read.HasShape(c.Shape));
        Assert.That(Law.Bits(read.ToFloats()), Is.EqualTo(Law.Bits(values)));
    });
}
