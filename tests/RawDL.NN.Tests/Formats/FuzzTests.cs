using System.Buffers.Binary;

namespace RawDL.NN.Tests;

/// <summary>No file makes a reader crash, hang or take more memory than it may.</summary>
[Category("Fuzz")]
public sealed class FuzzTests
{
    private const int Cases = 100_000;

    [Test]
    public void Safetensors()
    {
        var sample = SafetensorsTests.Sample();
        var file = SafetensorsFile.Parse(sample, "seed");
        var plain = SafetensorsFile.ToBytes(file.Tensors, new Dictionary<string, string> { ["format"] = "pt" }, SafetensorsChecksums.Omit);
        var tensorChecksums = SafetensorsTests.Raw("""{"__metadata__":{"rawdl.crc32c.a":"8a9136aa"},"a":{"dtype":"U8","shape":[32],"data_offsets":[0,32]}}""", 32);
        Fuzz.Run("safetensors", [sample, plain, plain, tensorChecksums, SafetensorsTests.Raw("{}")], bytes => SafetensorsFile.Parse(bytes, "fuzz"), Cases, RepairLength);
    }

    /// <summary>A file on disk is read by other code than bytes in memory, with the same outcome.</summary>
    [Test]
    public void SafetensorsOnDisk()
    {
        using var folder = new TemporaryFolder();
        Fuzz.Run("safetensors on disk", [SafetensorsTests.Sample(), SafetensorsTests.Raw("{}")], bytes =>
        {
            if (bytes.Length == 0) return;
            File.WriteAllBytes(folder["f"], bytes);
            string? Outcome(Func<SafetensorsFile> read)
            {
                try
                {
                    return string.Join(' ', read().Tensors.Select(tensor => $"{tensor.Name} {Crc32C.Compute(tensor.Data.Span)}"));
                }
                catch (RawFileException e)
                {
                    return e.Message;
                }
            }
            Assert.That(Outcome(() => SafetensorsFile.Read(folder["f"])), Is.EqualTo(Outcome(() => SafetensorsFile.Parse(bytes, folder["f"]))));
        }, 5000, RepairLength);
    }

    [Test]
    public void Npy() =>
        Fuzz.Run("npy", [.. NpyTests.Golden.Select(NpyTests.Bytes).Where(bytes => bytes.Length < 2000)], bytes => NpyFile.Parse(bytes, "fuzz"), Cases, RepairNpyLength);

    [Test]
    public void Idx() => Fuzz.Run("IDX", IdxSeeds(), bytes => IdxFile.Parse(bytes, "fuzz"), Cases);

    [Test]
    public void Gzip() => Fuzz.Run("gzip", [.. IdxSeeds().Select(IdxTests.Gzip)], bytes => IdxFile.Parse(bytes, "fuzz"), Cases);

    [Test]
    public void Csv() =>
        Fuzz.Run("CSV", [.. ((string[])["a,b,kind\n1,2,x\n3,4.5,y\n-6,7e3,x\n", "1;2;3\r\n4;5;6\r\n", "p\t\"q\"\"r\"\n0.5\t1.5\n2\t3\n"]).Select(System.Text.Encoding.UTF8.GetBytes)],
            bytes => CsvTable.Parse(new MemoryStream(bytes), "fuzz", "t", null), Cases);

    [Test]
    public void Png() => Fuzz.Run("PNG", PngSeeds(), DecodeTwice, Cases, (bytes, _) => RepairPng(bytes));

    [Test]
    public void Jpeg()
    {
        byte[] noise = ImageTests.Noise(3 * 24 * 17), flat = new byte[16 * 16];
        Fuzz.Run("JPEG", [ImageTests.Jpeg(noise, 24, 17, 3), ImageTests.Jpeg(noise, 24, 17, 1, 50), ImageTests.Jpeg(flat, 16, 16, 1), HostileTests.JpegWithRestart(), .. ProgressiveJpeg()], DecodeTwice, Cases);
        Assert.That(StbImageSharp.StbImage.NativeAllocations, Is.Zero);
    }

    /// <summary>The decoder works in memory that it does not clear: what is accepted must not depend on what lay there.</summary>
    private static unsafe void DecodeTwice(byte[] bytes)
    {
        // Two decoded images of more pixels would go beyond the allowance.
        if (ImageFile.Inspect(bytes, "fuzz") is { Width: > 100 } or { Height: > 100 }) return;
        var first = ImageFile.Decode(bytes, "fuzz", out _, out _, 1);
        var places = stackalloc void*[40];
        for (var i = 0; i < 40; i++) new Span<byte>(places[i] = System.Runtime.InteropServices.NativeMemory.Alloc((nuint)(50 + i * 150)), 50 + i * 150).Fill((byte)(i * 37 + bytes.Length));
        for (var i = 0; i < 40; i++) System.Runtime.InteropServices.NativeMemory.Free(places[i]);
        Assert.That(ImageFile.Decode(bytes, "fuzz", out _, out _, 1).AsSpan().SequenceEqual(first), Is.True);
    }

    private static byte[][] ProgressiveJpeg() => [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "golden", "images"), "*.jpg").Order().Select(File.ReadAllBytes)];

    private static byte[][] PngSeeds() =>
    [
        ImageTests.Png(ImageTests.Noise(300), 10, 10, 3),
        ImageTests.Png(new byte[64], 8, 8, 1),
        ImageTests.Chunks(("IHDR", ImageTests.Head(3, 2, 8, 0, 1)), ("IDAT", ImageTests.Zip([0, 1, 0, 3, 0, 2, 0, 4, 5, 6])), ("IEND", [])),
        ImageTests.Chunks(("IHDR", ImageTests.Head(9, 2, 1, 3)), ("PLTE", [1, 2, 3, 4, 5, 6]), ("tRNS", [9, 8]), ("IDAT", ImageTests.Zip([0, 1, 2, 1, 3, 4])), ("IEND", [])),
        ImageTests.Chunks(("IHDR", ImageTests.Head(2, 2, 16, 6)), ("IDAT", ImageTests.Zip([1, .. new byte[16], 4, .. new byte[16]])), ("IEND", [])),
    ];

    /// <summary>Gives every chunk that is still whole a right CRC.</summary>
    private static byte[] RepairPng(byte[] bytes)
    {
        for (var at = 8; at + 12 <= bytes.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));
            if (length > bytes.Length - at - 12) break;
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at + 8 + (int)length), Crc32.Compute(bytes.AsSpan(at + 4, (int)length + 4)));
            at += 12 + (int)length;
        }
        return bytes;
    }

    private static byte[][] IdxSeeds() =>
    [
        IdxTests.Raw(0x08, [2, 5, 5], new byte[50]),
        IdxTests.Raw(0x08, [9], 0, 1, 2, 3, 4, 5, 6, 7, 8),
        IdxTests.Raw(0x0C, [2], 1, 2, 3, 4, 5, 6, 7, 8),
        IdxTests.Raw(0x0E, [1, 1, 2, 1], new byte[16]),
        IdxTests.Raw(0x0B, [0, 7]),
    ];

    private static byte[] RepairLength(byte[] bytes, int change)
    {
        if (bytes.Length < 8) return bytes;
        BinaryPrimitives.WriteInt64LittleEndian(bytes, BinaryPrimitives.ReadInt64LittleEndian(bytes) + change);
        return bytes;
    }

    private static byte[] RepairNpyLength(byte[] bytes, int change)
    {
        if (bytes.Length < 10) return bytes;
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(8), (short)(BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(8)) + change));
        return bytes;
    }
}
