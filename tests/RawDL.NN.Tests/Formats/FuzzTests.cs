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

    [Test]
    public void Npy() =>
        Fuzz.Run("npy", [.. NpyTests.Golden.Select(NpyTests.Bytes).Where(bytes => bytes.Length < 2000)], bytes => NpyFile.Parse(bytes, "fuzz"), Cases, RepairNpyLength);

    [Test]
    public void Idx() => Fuzz.Run("IDX", IdxSeeds(), bytes => IdxFile.Parse(bytes, "fuzz"), Cases);

    [Test]
    public void Gzip() => Fuzz.Run("gzip", [.. IdxSeeds().Select(IdxTests.Gzip)], bytes => IdxFile.Parse(bytes, "fuzz"), Cases);

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
