using FsCheck.Fluent;

namespace RawDL.NN.Tests;

/// <summary>Random arrays from IDX files, plain and compressed.</summary>
public sealed class IdxProperties
{
    [Test]
    public void Arrays_come_back() => Law.Holds(
        from type in Gen.Elements(Enum.GetValues<IdxType>())
        from rank in Gen.Choose(1, 4)
        from extents in Gen.Choose(0, 6).ArrayOf(rank)
        from seed in Gen.Choose(0, int.MaxValue)
        select (type, extents, seed), ((IdxType Type, int[] Extents, int Seed) c) =>
    {
        var size = IdxArray.ElementSize(c.Type);
        var data = new byte[c.Extents.Aggregate(size, (x, y) => x * y)];
        new Random(c.Seed).NextBytes(data);
        var file = IdxTests.Raw((byte)c.Type, Array.ConvertAll(c.Extents, extent => (uint)extent), data);
        var native = data.Chunk(size).SelectMany(element => BitConverter.IsLittleEndian ? element.Reverse() : element).ToArray();
        foreach (var bytes in (byte[][])[file, IdxTests.Gzip(file)])
        {
            var array = IdxFile.Parse(bytes, "x");
            Assert.That((array.Type, array.Count), Is.EqualTo((c.Type, data.Length / size)));
            Assert.That(array.Dimensions.ToArray(), Is.EqualTo(c.Extents));
            Assert.That(array.Data.ToArray(), Is.EqualTo(native));
            var floats = array.ToFloats();
            if (c.Type < IdxType.Float32) Assert.That(floats, Is.EqualTo(Array.ConvertAll(array.ToInts(), x => (float)x)));
        }
    });

    [Test]
    public void A_file_of_another_length_is_refused() => Law.Holds(
        from extents in Gen.Choose(0, 6).ArrayOf(2)
        from change in Gen.Choose(1, 9)
        from isLonger in Gen.Elements(false, true)
        select (extents, change, isLonger), ((int[] Extents, int Change, bool IsLonger) c) =>
    {
        var file = IdxTests.Raw(8, Array.ConvertAll(c.Extents, extent => (uint)extent), new byte[c.Extents[0] * c.Extents[1]]);
        byte[] other = c.IsLonger ? [.. file, .. new byte[c.Change]] : file[..^c.Change];
        Assert.That(Law.Refuses<RawFileException>(() => IdxFile.Parse(other, "x")));
        Assert.That(Law.Refuses<RawFileException>(() => IdxFile.Parse(IdxTests.Gzip(other), "x")));
    });
}
