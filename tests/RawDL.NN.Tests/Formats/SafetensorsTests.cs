using System.Buffers.Binary;
using System.Text;

namespace RawDL.NN.Tests;

public sealed class SafetensorsTests
{
    private static readonly Dictionary<string, string> s_noMetadata = [];

    /// <summary>A small file as RawDL writes it: three types, a scalar, an empty tensor, and metadata with letters of other scripts.</summary>
    internal static byte[] Sample()
    {
        SafetensorsTensor[] tensors =
        [
            SafetensorsTensor.Create("conv.weight", new Shape(2, 1, 3, 3), Enumerable.Range(0, 18).Select(i => i * 0.25f).ToArray()),
            SafetensorsTensor.Create("conv.bias", new Shape(2), [1, -1]),
            SafetensorsTensor.Create("scale", new Shape([]), [float.NaN]),
            SafetensorsTensor.Create("empty", new Shape(0, 4), []),
            new("steps", "I64", [1], new byte[] { 7, 0, 0, 0, 0, 0, 0, 0 }),
            new("mask", "U8", [3], new byte[] { 1, 2, 3 }),
        ];
        return SafetensorsFile.ToBytes(tensors, new Dictionary<string, string> { ["rawdl.step"] = "120", ["note"] = "größe \"β\"\n" });
    }

    /// <summary>A checkpoint of exactly 4 KiB.</summary>
    internal static byte[] Checkpoint()
    {
        var random = new Random(4);
        var values = new float[(4096 - 288) / 4];
        foreach (ref var value in values.AsSpan()) value = random.NextSingle();
        SafetensorsTensor[] tensors = [SafetensorsTensor.Create("weight", new Shape(values.Length - 8), values.AsSpan(8)), SafetensorsTensor.Create("bias", new Shape(8), values.AsSpan(0, 8))];
        return SafetensorsFile.ToBytes(tensors, new Dictionary<string, string> { ["rawdl.step"] = "120" });
    }

    /// <summary>A file of this header and this many data bytes.</summary>
    internal static byte[] Raw(string header, int dataBytes = 0, ulong? length = null)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length ?? (ulong)json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }

    [Test]
    public void WritesTheDocumentedBytes()
    {
        const string Header = """{"__metadata__":{"format":"rawdl"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}     """;
        var data = new byte[24];
        for (var i = 0; i < 6; i++) BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * i), i);
        byte[] expected = [0x60, 0, 0, 0, 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(Header), .. data];

        var actual = SafetensorsFile.ToBytes([SafetensorsTensor.Create("w", new Shape(2, 3), [0, 1, 2, 3, 4, 5])],
            new Dictionary<string, string> { ["format"] = "rawdl" }, SafetensorsChecksums.Omit);

        Assert.That(actual, Is.EqualTo(expected));
    }

    [Test]
    public void ReadsWhatItWrote()
    {
        var file = SafetensorsFile.Parse(Sample(), "sample");
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors.Select(t => t.Name), Is.EqualTo(new[] { "steps", "conv.bias", "conv.weight", "empty", "scale", "mask" }));
            Assert.That(file["conv.weight"].HasShape(new Shape(2, 1, 3, 3)), Is.True);
            Assert.That(file["conv.weight"].ToFloats()[17], Is.EqualTo(17 * 0.25f));
            Assert.That(file["scale"].ToFloats(), Is.EqualTo(new[] { float.NaN }));
            Assert.That(file["empty"].ToFloats(), Is.Empty);
            Assert.That(file.Metadata["note"], Is.EqualTo("größe \"β\"\n"));
            Assert.That(file.Metadata["rawdl.format"], Is.EqualTo("1"));
            Assert.That(file.Find("none"), Is.Null);
        });
    }

    [Test]
    public void RoundTripKeepsEveryByte()
    {
        var random = new Random(5);
        string[] types = ["F32", "F64", "F16", "BF16", "I64", "U8", "BOOL", "C64"];
        const int Cases = 1000;
        for (var i = 0; i < Cases; i++)
        {
            var tensors = new List<SafetensorsTensor>();
            for (var t = random.Next(5); t > 0; t--)
            {
                var extents = Enumerable.Range(0, random.Next(5)).Select(_ => (long)random.Next(4)).ToArray();
                var type = types[random.Next(types.Length)];
                var data = new byte[SafetensorsDtype.ByteCount(type, extents)];
                random.NextBytes(data);
                tensors.Add(new SafetensorsTensor($"t{t}.{random.Next(100)}\"é", type, extents, data));
            }
            var checksums = (SafetensorsChecksums)random.Next(2);
            var bytes = SafetensorsFile.ToBytes(tensors, s_noMetadata, checksums);
            var file = SafetensorsFile.Parse(bytes, "case");
            Assert.That(SafetensorsFile.ToBytes(file.Tensors, s_noMetadata, checksums), Is.EqualTo(bytes));
        }
        TestContext.Out.WriteLine($"safetensors round trips: {Cases}");
    }

    [Test]
    public void ReadsHalfAndDoubleTypes()
    {
        byte[] data = new byte[16];
        BinaryPrimitives.WriteHalfLittleEndian(data, (Half)1.5f);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(2), 0xC0A0);  // -5 in bfloat16
        BinaryPrimitives.WriteDoubleLittleEndian(data.AsSpan(8), 0.1);
        Assert.Multiple(() =>
        {
            Assert.That(new SafetensorsTensor("a", "F16", [1], data.AsMemory(0, 2)).ToFloats(), Is.EqualTo(new[] { 1.5f }));
            Assert.That(new SafetensorsTensor("a", "BF16", [1], data.AsMemory(2, 2)).ToFloats(), Is.EqualTo(new[] { -5f }));
            Assert.That(new SafetensorsTensor("a", "F64", [1], data.AsMemory(8, 8)).ToFloats(), Is.EqualTo(new[] { 0.1f }));
            Assert.That(() => new SafetensorsTensor("a", "I64", [2], data).ToFloats(),
                Throws.TypeOf<RawFileException>().With.Message.EqualTo("tensor: expected F32, F16, BF16 or F64 in tensor 'a', got I64"));
        });
    }

    [Test]
    public void ReadsFromDiskAsFromMemory()
    {
        using var folder = new TemporaryFolder();
        var path = folder["a.safetensors"];
        var bytes = Sample();
        File.WriteAllBytes(path, bytes);
        var fromDisk = SafetensorsFile.Read(path);
        var fromMemory = SafetensorsFile.Parse(bytes, path);
        SafetensorsFile.Write(path, fromDisk.Tensors, new Dictionary<string, string> { ["rawdl.step"] = "120", ["note"] = fromDisk.Metadata["note"] });
        Assert.Multiple(() =>
        {
            Assert.That(fromDisk.Tensors.Select(t => t.Data.ToArray()), Is.EqualTo(fromMemory.Tensors.Select(t => t.Data.ToArray())));
            Assert.That(File.ReadAllBytes(path), Is.EqualTo(bytes));
            Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(1), "a temporary file was left behind");
        });
    }

    [Test]
    public void EveryFlippedBitIsFound()
    {
        int flips = 0, undetected = 0;
        foreach (var bytes in (byte[][])[Sample(), Checkpoint()])
            for (var bit = 0; bit < bytes.Length * 8; bit++, flips++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                if (!Law.Refuses<RawFileException>(() => SafetensorsFile.Parse(bytes, "flipped")))
                {
                    undetected++;
                    TestContext.Out.WriteLine($"undetected: byte {bit / 8} of {bytes.Length}, bit {bit % 8}");
                }
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        TestContext.Out.WriteLine($"safetensors bit flips: {flips}, undetected: {undetected}");
        Assert.That(undetected, Is.Zero);
        Assert.That(flips, Is.GreaterThan(8 * 4096));
    }

    [Test]
    public void RandomBurstsInALargeFileAreFound()
    {
        var random = new Random(6);
        var values = new float[100_000];
        for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle();
        var bytes = SafetensorsFile.ToBytes([SafetensorsTensor.Create("w", new Shape(values.Length), values)], s_noMetadata);
        const int Cases = 2000;
        for (var i = 0; i < Cases; i++)
        {
            // A CRC of 32 bits finds every burst of at most 32 bits.
            var position = random.Next(bytes.Length - 4);
            var burst = (uint)random.NextInt64(1, 1L << 32);
            var window = bytes.AsSpan(position, 4);
            BinaryPrimitives.WriteUInt32LittleEndian(window, BinaryPrimitives.ReadUInt32LittleEndian(window) ^ burst);
            Assert.That(() => SafetensorsFile.Parse(bytes, "damaged"), Throws.TypeOf<RawFileException>(), $"burst {burst:x8} at {position}");
            BinaryPrimitives.WriteUInt32LittleEndian(window, BinaryPrimitives.ReadUInt32LittleEndian(window) ^ burst);
        }
        TestContext.Out.WriteLine($"safetensors bursts: {Cases}, undetected: 0");
    }

    [Test]
    public void RefusesToWriteWhatItCouldNotRead()
    {
        var w = SafetensorsTensor.Create("w", new Shape(1), [1]);
        Assert.Multiple(() =>
        {
            Assert.That(() => SafetensorsFile.ToBytes([w, w], s_noMetadata), Throws.ArgumentException.With.Message.EqualTo("SafetensorsFile: expected each name once, got 'w' twice."));
            Assert.That(() => SafetensorsFile.ToBytes([w], new Dictionary<string, string> { ["rawdl.format"] = "2" }),
                Throws.ArgumentException.With.Message.EqualTo("SafetensorsFile: expected metadata without the reserved key 'rawdl.format'."));
            Assert.That(() => new SafetensorsTensor("__metadata__", "F32", [], new byte[4]), Throws.ArgumentException);
            Assert.That(() => new SafetensorsTensor("a", "F33", [], new byte[4]), Throws.ArgumentException.With.Message.EqualTo("SafetensorsTensor: 'a' expects a known element type, got 'F33'."));
            Assert.That(() => new SafetensorsTensor("a", "F32", [2, 3], new byte[4]), Throws.ArgumentException.With.Message.EqualTo("SafetensorsTensor: 'a' F32 [2, 3] expects 24 bytes, got 4."));
            Assert.That(() => SafetensorsTensor.Create("a", new Shape(2), [1]), Throws.TypeOf<ShapeException>());
        });
    }
}
