namespace RawDL.NN.Tests;

/// <summary>Valid files of 4 KiB, cut at every length and with every bit flipped. Safetensors files have more tests of flips, with checksums.</summary>
public sealed class DamageTests
{
    private static (string Name, byte[] Bytes, Func<byte[], byte[]> Parse)[] Formats()
    {
        var data = new byte[4096];
        new Random(3).NextBytes(data);
        var idx = IdxTests.Raw(8, [4, 32, 32], data);
        return
        [
            ("safetensors", SafetensorsTests.Checkpoint(), bytes => SafetensorsFile.Parse(bytes, "f")["weight"].Data.ToArray()),
            ("npy", NpyFile.ToBytes(NpyArray.Create([4, 32, 32], data)), bytes => NpyFile.Parse(bytes, "f").Data.ToArray()),
            ("IDX", idx, bytes => IdxFile.Parse(bytes, "f").Data.ToArray()),
            ("gzip", IdxTests.Gzip(idx), bytes => IdxFile.Parse(bytes, "f").Data.ToArray()),
        ];
    }

    [Test]
    public void EveryTruncationIsFound()
    {
        foreach (var (name, bytes, parse) in Formats())
        {
            Assert.That(() => parse(bytes), Throws.Nothing, name);
            for (var length = 0; length < bytes.Length; length++)
                Assert.That(Law.Refuses<RawFileException>(() => parse(bytes[..length])), $"{name} cut to {length}");
            TestContext.Out.WriteLine($"{name} cuts: {bytes.Length}, undetected: 0");
            Assert.That(bytes, Has.Length.GreaterThanOrEqualTo(4096));
        }
    }

    [Test]
    public void EveryTruncationOnDiskIsFound()
    {
        using var folder = new TemporaryFolder();
        (string Name, byte[] Bytes, Action<string> Read)[] formats =
        [
            ("safetensors", SafetensorsTests.Sample(), path => SafetensorsFile.Read(path)),
            ("npy", NpyTests.Bytes("f4_6"), path => NpyFile.Read(path)),
            ("IDX", IdxTests.Raw(8, [2, 5, 5], new byte[50]), path => IdxFile.Read(path)),
            ("gzip", IdxTests.Gzip(IdxTests.Raw(8, [2, 5, 5], new byte[50])), path => IdxFile.Read(path)),
        ];
        foreach (var (name, bytes, read) in formats)
        {
            var path = folder[name];
            File.WriteAllBytes(path, bytes);
            Assert.That(() => read(path), Throws.Nothing, name);
            for (var length = 0; length < bytes.Length; length++)
            {
                File.WriteAllBytes(path, bytes[..length]);
                Assert.That(Law.Refuses<RawFileException>(() => read(path)), $"{name} cut to {length}");
            }
            TestContext.Out.WriteLine($"{name} cuts on disk: {bytes.Length}, undetected: 0");
        }
    }

    [Test]
    public void AFlippedBitIsAnotherValueOrIsRefused()
    {
        foreach (var (name, bytes, parse) in Formats())
        {
            var whole = parse(bytes);
            int refused = 0, same = 0, flips = bytes.Length * 8;
            for (var bit = 0; bit < flips; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                if (Law.Refuses<RawFileException>(() => same += parse(bytes).AsSpan().SequenceEqual(whole) ? 1 : 0)) refused++;
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }
            TestContext.Out.WriteLine($"{name} bit flips: {flips}, refused: {refused}, read with the same data: {same}, with other data: {flips - refused - same}, other exceptions: 0");
            // Two formats have checksums; of gzip's, time and system of the writer are no part.
            if (name == "safetensors") Assert.That(refused, Is.EqualTo(flips));
            if (name == "gzip") Assert.That(refused + same, Is.EqualTo(flips));
        }
    }
}
