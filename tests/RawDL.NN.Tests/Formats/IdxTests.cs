using System.Buffers.Binary;
using System.IO.Compression;

namespace RawDL.NN.Tests;

public sealed class IdxTests
{
    /// <summary>An IDX file of this type code and these extents; the data follow.</summary>
    internal static byte[] Raw(byte type, uint[] extents, params byte[] data)
    {
        var bytes = new byte[4 + (4 * extents.Length) + data.Length];
        bytes[2] = type;
        bytes[3] = (byte)extents.Length;
        for (var i = 0; i < extents.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4 + (4 * i)), extents[i]);
        data.CopyTo(bytes, 4 + (4 * extents.Length));
        return bytes;
    }

    internal static byte[] Gzip(byte[] bytes)
    {
        var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Optimal)) gzip.Write(bytes);
        return stream.ToArray();
    }

    [TestCase(0x08, new byte[] { 1, 255 }, new[] { 1f, 255 })]
    [TestCase(0x09, new byte[] { 1, 255 }, new[] { 1f, -1 })]
    [TestCase(0x0B, new byte[] { 1, 2, 255, 254 }, new[] { 258f, -2 })]
    [TestCase(0x0C, new byte[] { 0, 1, 0, 0, 255, 255, 255, 254 }, new[] { 65536f, -2 })]
    [TestCase(0x0D, new byte[] { 0x3F, 0x80, 0, 0, 0xC0, 0, 0, 0 }, new[] { 1f, -2 })]
    [TestCase(0x0E, new byte[] { 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0 }, new[] { 1f, -2 })]
    public void ReadsEveryType(int type, byte[] data, float[] expected)
    {
        var bytes = Raw((byte)type, [2], data);
        foreach (var file in (byte[][])[bytes, Gzip(bytes)])
        {
            var array = IdxFile.Parse(file, "x");
            Assert.Multiple(() =>
            {
                Assert.That((int)array.Type, Is.EqualTo(type));
                Assert.That(array.Dimensions.ToArray(), Is.EqualTo(new[] { 2 }));
                Assert.That(array.ToFloats(), Is.EqualTo(expected));
                if (type < 0x0D) Assert.That(array.ToInts(), Is.EqualTo(Array.ConvertAll(expected, x => (int)x)));
            });
        }
    }

    [Test]
    public void ReadsImagesFromDiskPlainAndCompressed()
    {
        using var folder = new TemporaryFolder();
        var pixels = new byte[10 * 28 * 28];
        new Random(1).NextBytes(pixels.AsSpan(0, 5000));
        var bytes = Raw(0x08, [10, 28, 28], pixels);
        File.WriteAllBytes(folder["plain"], bytes);
        File.WriteAllBytes(folder["compressed"], Gzip(bytes));
        Assert.Multiple(() =>
        {
            Assert.That(IdxFile.Read(folder["plain"]).Data.ToArray(), Is.EqualTo(pixels));
            Assert.That(IdxFile.Read(folder["compressed"]).Data.ToArray(), Is.EqualTo(pixels));
        });
    }

    [Test]
    public void ReadsAGzipHeaderWithEveryField()
    {
        var gzip = Gzip(Raw(0x08, [3], 1, 2, 3));
        byte[] file = [.. gzip[..3], 0x1F, .. gzip[4..10], 2, 0, 9, 9, (byte)'n', 0, (byte)'c', 0, 7, 7, .. gzip[10..]];
        Assert.That(IdxFile.Parse(file, "x").Data.ToArray(), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }
}
