namespace RawDL.NN.Tests;

public sealed partial class HostileTests
{
    private const string W = "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";

    private static IEnumerable<(string Name, byte[] Bytes, string Message)> Safetensors()
    {
        yield return ("empty", [],
            "expected at least 8 bytes, got 0 (at byte 0)");
        yield return ("short", new byte[7],
            "expected at least 8 bytes, got 7 (at byte 7)");
        yield return ("length 2^64 - 1", SafetensorsTests.Raw("{}", 0, ulong.MaxValue),
            "expected a header of at most 100000000 bytes, got 18446744073709551615 (at byte 0)");
        yield return ("length above the limit", SafetensorsTests.Raw("{}", 0, 100_000_001),
            "expected a header of at most 100000000 bytes, got 100000001 (at byte 0)");
        yield return ("length past the end", SafetensorsTests.Raw("{}", 0, 3),
            "expected a header within the 2 bytes that follow its length, got 3 (at byte 0)");
        yield return ("length 0", new byte[8],
            "expected '{' at the start of the header, got nothing (at byte 8)");
        yield return ("bad UTF-8", [2, 0, 0, 0, 0, 0, 0, 0, (byte)'{', 0xFF],
            "expected a header in UTF-8, got other bytes (at byte 8)");
        yield return ("byte order mark", SafetensorsTests.Raw("\uFEFF{}"),
            "expected '{' at the start of the header, got byte 239 (at byte 8)");
        yield return ("array", SafetensorsTests.Raw("[]"),
            "expected '{' at the start of the header, got byte 91 (at byte 8)");
        yield return ("cut JSON", SafetensorsTests.Raw("{"),
            "expected a header of valid JSON with at most 4 levels, got other text (at byte 9)");
        yield return ("trailing text", SafetensorsTests.Raw("{}x"),
            "expected a header of valid JSON with at most 4 levels, got other text (at byte 10)");
        yield return ("trailing object", SafetensorsTests.Raw("{}{}"),
            "expected a header of valid JSON with at most 4 levels, got other text (at byte 10)");
        yield return ("comment", SafetensorsTests.Raw("{/*a*/}"),
            "expected a header of valid JSON with at most 4 levels, got other text (at byte 9)");
        yield return ("depth", SafetensorsTests.Raw("{\"w\":" + new string('[', 10_000)),
            "expected an object for tensor 'w', got an array (at byte 13)");
        yield return ("duplicate tensor", SafetensorsTests.Raw($"{{{W},{W}}}", 8),
            "expected each tensor once, got 'w' twice (at byte 62)");
        yield return ("duplicate by escape", SafetensorsTests.Raw($"{{{W},{W.Replace("\"w\"", "\"\\u0077\"")}}}", 8),
            "expected each tensor once, got 'w' twice (at byte 62)");
        yield return ("duplicate metadata key", SafetensorsTests.Raw("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"),
            "expected each metadata key once, got 'a' twice (at byte 37)");
        yield return ("two metadata", SafetensorsTests.Raw("{\"__metadata__\":{},\"__metadata__\":{}}"),
            "expected each key once, got '__metadata__' twice (at byte 27)");
        yield return ("metadata number", SafetensorsTests.Raw("{\"__metadata__\":{\"a\":1}}"),
            "expected a string for metadata 'a', got 1 (at byte 29)");
        yield return ("metadata array", SafetensorsTests.Raw("{\"__metadata__\":[]}"),
            "expected an object in '__metadata__', got an array (at byte 24)");
        yield return ("half surrogate", SafetensorsTests.Raw("{\"__metadata__\":{\"a\":\"\\ud800\"}}"),
            "expected text, got an escape that is no character (at byte 29)");
        yield return ("name of several lines", SafetensorsTests.Raw("{\"a\\nb\\u2028c\":1}"),
            "expected an object for tensor 'a?b?c', got 1 (at byte 23)");
        yield return ("name of 1 MB", SafetensorsTests.Raw($"{{\"{new string('n', 1 << 20)}\":1}}"),
            $"expected an object for tensor '{new string('n', 80)}…', got 1 (at byte 1048588)");
        yield return ("tensor number", SafetensorsTests.Raw("{\"w\":5}"),
            "expected an object for tensor 'w', got 5 (at byte 13)");
        yield return ("unknown member", SafetensorsTests.Raw("{\"w\":{\"dtype\":\"F32\",\"path\":\"/etc/passwd\"}}"),
            "expected dtype, shape and data_offsets once each in tensor 'w', got 'path' (at byte 28)");
        yield return ("dtype twice", SafetensorsTests.Raw("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}"),
            "expected dtype, shape and data_offsets once each in tensor 'w', got 'dtype' (at byte 28)");
        yield return ("unknown dtype", SafetensorsTests.Raw(One("\"F31\"", "[2]", "[0,8]"), 8),
            "expected a dtype of the format in tensor 'w', got 'F31' (at byte 22)");
        yield return ("no shape", SafetensorsTests.Raw("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8),
            "expected dtype, shape and data_offsets in tensor 'w', got no shape (at byte 48)");
        yield return ("negative extent", SafetensorsTests.Raw(One("\"F32\"", "[-2]", "[0,8]"), 8),
            "expected whole numbers of 0 to 2^63 - 1 in shape of tensor 'w', got -2 (at byte 37)");
        yield return ("minus zero", SafetensorsTests.Raw(One("\"F32\"", "[-0]", "[0,0]")),
            "expected whole numbers of 0 to 2^63 - 1 in shape of tensor 'w', got -0 (at byte 37)");
        yield return ("fraction", SafetensorsTests.Raw(One("\"F32\"", "[2.0]", "[0,8]"), 8),
            "expected whole numbers of 0 to 2^63 - 1 in shape of tensor 'w', got 2.0 (at byte 37)");
        yield return ("not a number", SafetensorsTests.Raw(One("\"F32\"", "[NaN]", "[0,8]"), 8),
            "expected a header of valid JSON with at most 4 levels, got other text (at byte 37)");
        yield return ("extent 2^63", SafetensorsTests.Raw(One("\"F32\"", "[9223372036854775808]", "[0,8]"), 8),
            "expected whole numbers of 0 to 2^63 - 1 in shape of tensor 'w', got 9223372036854775808 (at byte 37)");
        yield return ("product 2^62 times 4", SafetensorsTests.Raw(One("\"F32\"", "[4611686018427387904,4]", "[0,0]")),
            "expected a size of whole bytes below 2^63 in tensor 'w', got F32 [4611686018427387904, 4]");
        yield return ("overflow hidden by zero", SafetensorsTests.Raw(One("\"F32\"", "[4611686018427387904,4611686018427387904,0]", "[0,0]")),
            "expected a size of whole bytes below 2^63 in tensor 'w', got F32 [4611686018427387904, 4611686018427387904, 0]");
        yield return ("half a byte", SafetensorsTests.Raw(One("\"F4\"", "[3]", "[0,1]"), 1),
            "expected a size of whole bytes below 2^63 in tensor 'w', got F4 [3]");
        yield return ("too many extents", SafetensorsTests.Raw(One("\"F32\"", "[" + string.Join(",", Enumerable.Repeat(1, 33)) + "]", "[0,4]"), 4),
            "expected at most 32 numbers in shape of tensor 'w', got more (at byte 101)");
        yield return ("three offsets", SafetensorsTests.Raw(One("\"F32\"", "[2]", "[0,8,8]"), 8),
            "expected at most 2 numbers in data_offsets of tensor 'w', got more (at byte 60)");
        yield return ("one offset", SafetensorsTests.Raw(One("\"F32\"", "[2]", "[0]"), 8),
            "expected 2 data_offsets in tensor 'w', got 1 (at byte 58)");
        yield return ("reversed", SafetensorsTests.Raw(One("\"F32\"", "[2]", "[8,0]"), 8),
            "expected data_offsets in ascending order in tensor 'w', got [8, 0]");
        yield return ("past the end", SafetensorsTests.Raw(One("\"F32\"", "[2]", "[0,8]"), 7),
            "expected data_offsets within the 7 data bytes in tensor 'w', got [0, 8]");
        yield return ("wrong size", SafetensorsTests.Raw(One("\"F32\"", "[2]", "[0,4]"), 8),
            "expected 8 bytes for F32 [2] in tensor 'w', got 4");
        yield return ("hole at the start", SafetensorsTests.Raw(One("\"F32\"", "[2]", "[4,12]"), 12),
            "expected data from byte 0 on in tensor 'w', got a hole: they begin at byte 4");
        yield return ("overlap", SafetensorsTests.Raw($"{{{W},{W.Replace("\"w\"", "\"v\"")}}}", 8),
            "expected data from byte 8 on in tensor 'v', got an overlap: they begin at byte 0");
        yield return ("trailing bytes", SafetensorsTests.Raw($"{{{W}}}", 9),
            "expected 8 data bytes, got 9");
        yield return ("wrong tensor checksum", SafetensorsTests.Raw($"{{\"__metadata__\":{{\"rawdl.crc32c.w\":\"00000000\"}},{W}}}", 8),
            "expected CRC-32C 00000000 in tensor 'w', got 8c28b28a: the file is damaged (at byte 107)");
        yield return ("checksum no number", SafetensorsTests.Raw($"{{\"__metadata__\":{{\"rawdl.crc32c.w\":\"8C28B28A\"}},{W}}}", 8),
            "expected 8 small hexadecimal digits in metadata 'rawdl.crc32c.w', got '8C28B28A'");
        yield return ("wrong header checksum", SafetensorsTests.Raw("{\"__metadata__\":{\"rawdl.header.crc32c\":\"00000000\"}}"),
            "expected a header with CRC-32C 00000000, got b695fb26: the file is damaged (at byte 0)");
        yield return ("header checksum of 9 digits", SafetensorsTests.Raw("{\"__metadata__\":{\"rawdl.header.crc32c\":\"000000000\"}}"),
            "expected 8 digits for metadata 'rawdl.header.crc32c', got 9 bytes (at byte 47)");
        yield return ("format without checksum", SafetensorsTests.Raw("{\"__metadata__\":{\"rawdl.format\":\"1\"}}"),
            "expected metadata 'rawdl.header.crc32c' beside 'rawdl.format', got none");
        yield return ("format of the future", SafetensorsTests.Raw("{\"__metadata__\":{\"rawdl.format\":\"2\"}}"),
            "expected rawdl.format 1, got '2'");
    }

    /// <summary>Many short names are the dearest header: the limit on their number bounds the memory, not the length of the file.</summary>
    [Test]
    public void ManyNamesTakeBoundedMemory()
    {
        byte[] Named(int count) => SafetensorsTests.Raw("{" + string.Join(",", Enumerable.Range(0, count).Select(i => $"\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}")) + "}");
        foreach (var count in (int[])[65_536, 65_537, 500_000])
        {
            var bytes = Named(count);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.That(Law.Refuses<RawFileException>(() => SafetensorsFile.Parse(bytes, "f")), Is.EqualTo(count > 65_536));
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            TestContext.Out.WriteLine($"safetensors header of {count} names, {bytes.Length} bytes: {allocated} bytes of memory");
            Assert.That(allocated, Is.LessThan(64 << 20));
        }
    }

    private static string One(string dtype, string shape, string offsets) => $"{{\"w\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}}}";
}
