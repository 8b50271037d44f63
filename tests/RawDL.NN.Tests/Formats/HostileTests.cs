using System.Buffers.Binary;
using System.Text;

namespace RawDL.NN.Tests;

/// <summary>Hand-made files that lie, each with the message it must get; and files cut at every length.</summary>
public sealed partial class HostileTests
{
    private static IEnumerable<(string Name, byte[] Bytes, string Message)> Npy()
    {
        yield return ("empty", [],
            "expected at least 10 bytes, got 0 (at byte 0)");
        yield return ("short", new byte[9],
            "expected at least 10 bytes, got 9 (at byte 9)");
        yield return ("zip", [(byte)'P', (byte)'K', 3, 4, 0, 0, 0, 0, 0, 0],
            "expected the bytes 93 'NUMPY', got 504B03040000 (at byte 0)");
        yield return ("version 4", NpyRaw("", 0, 4),
            "expected version 1.0, 2.0 or 3.0, got 4.0 (at byte 6)");
        yield return ("version 1.1", NpyRaw("", 0, 1, null, 1),
            "expected version 1.0, 2.0 or 3.0, got 1.1 (at byte 6)");
        yield return ("cut length", NpyRaw("", 0, 2)[..11],
            "expected at least 12 bytes, got 11 (at byte 11)");
        yield return ("header past the end", NpyRaw("{}", 0, 1, 3),
            "expected a header within the remaining 2 bytes, got 3 (at byte 8)");
        yield return ("header of 4 GiB", NpyRaw("{}", 0, 2, uint.MaxValue),
            "expected a header of at most 10000 bytes, got 4294967295 (at byte 8)");
        yield return ("no header", NpyRaw("", 0),
            "expected '{', got the end of the header (at byte 10)");
        yield return ("empty dictionary", NpyRaw("{}", 0),
            "expected the keys descr, fortran_order and shape, got no descr (at byte 12)");
        yield return ("list", NpyRaw("[]", 0),
            "expected '{', got '[' (at byte 10)");
        yield return ("cut dictionary", NpyRaw("{'descr': '<f4'", 0),
            "expected '}', got the end of the header (at byte 25)");
        yield return ("cut text", NpyRaw("{'descr", 0),
            "expected the end of the text, got the end of the header (at byte 12)");
        yield return ("escape", NpyRaw("{'de\\x73cr': '<f4'}", 0),
            "expected text without escapes, got a backslash (at byte 12)");
        yield return ("call", NpyRaw(Head("__import__('os').system('id')", "False", "(1,)"), 4),
            "expected text after descr; structured types and objects are refused, got '_' (at byte 20)");
        yield return ("unknown key", NpyRaw("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4),
            "expected the keys descr, fortran_order and shape once each, got 'x' (at byte 70)");
        yield return ("key twice", NpyRaw("{'descr': '<f4', 'descr': '<f4'}", 4),
            "expected the keys descr, fortran_order and shape once each, got 'descr' (at byte 35)");
        yield return ("no shape", NpyRaw("{'descr': '<f4', 'fortran_order': False}", 4),
            "expected the keys descr, fortran_order and shape, got no shape (at byte 50)");
        yield return ("object", NpyRaw(Head("'|O'", "False", "(1,)"), 8),
            "expected a type such as '<f4', '<i8' or '|u1', got '|O'");
        yield return ("structured", NpyRaw(Head("[('a', '<f4')]", "False", "(1,)"), 4),
            "expected text after descr; structured types and objects are refused, got '[' (at byte 20)");
        yield return ("text type", NpyRaw(Head("'<U8'", "False", "(1,)"), 32),
            "expected a type such as '<f4', '<i8' or '|u1', got '<U8'");
        yield return ("complex", NpyRaw(Head("'<c8'", "False", "(1,)"), 8),
            "expected a type such as '<f4', '<i8' or '|u1', got '<c8'");
        yield return ("order missing", NpyRaw(Head("'|f4'", "False", "(1,)"), 4),
            "expected a type such as '<f4', '<i8' or '|u1', got '|f4'");
        yield return ("long type", NpyRaw(Head("'<f4<f4'", "False", "(1,)"), 4),
            "expected a type such as '<f4', '<i8' or '|u1', got '<f4<f4'");
        yield return ("boolean number", NpyRaw(Head("'<f4'", "0", "(1,)"), 4),
            "expected True or False, got '0' (at byte 44)");
        yield return ("negative", NpyRaw(Head("'<f4'", "False", "(-1,)"), 4),
            "expected whole extents of 0 to 2^63 - 1, got '-' (at byte 61)");
        yield return ("fraction", NpyRaw(Head("'<f4'", "False", "(1.0,)"), 4),
            "expected ')', got '.' (at byte 62)");
        yield return ("number for tuple", NpyRaw(Head("'<f4'", "False", "(1)"), 4),
            "expected a tuple for the shape, got the number 1 (at byte 63)");
        yield return ("extent 2^63", NpyRaw(Head("'<f4'", "False", "(9223372036854775808,)"), 4),
            "expected whole extents of 0 to 2^63 - 1, got 9223372036854775808 (at byte 61)");
        yield return ("extent 2^62", NpyRaw(Head("'<f4'", "False", "(4611686018427387904, 4)"), 4),
            "expected at most 2147483591 data bytes, got more: shape (4611686018427387904, 4)");
        yield return ("4 GiB", NpyRaw(Head("'<f4'", "False", "(1024, 1024, 1024)"), 4),
            "expected at most 2147483591 data bytes, got more: shape (1024, 1024, 1024)");
        yield return ("overflow hidden by a zero", NpyRaw(Head("'<f4'", "False", "(0, 65536, 65536)"), 0),
            "expected at most 2147483591 data bytes, got more: shape (0, 65536, 65536)");
        yield return ("key of bad UTF-8", NpyRaw(Head("'<f4'", "False", "(1,)").Replace("descr", "d\u00E9scr"), 4),
            "expected the keys descr, fortran_order and shape once each, got 'd\u00E9scr' (at byte 20)");
        yield return ("33 extents", NpyRaw(Head("'<f4'", "False", "(" + string.Concat(Enumerable.Repeat("1,", 33)) + ")"), 4),
            "expected at most 32 extents, got more (at byte 125)");
        yield return ("text after", NpyRaw(Head("'<f4'", "False", "(1,)") + "x", 4),
            "expected white space after the dictionary, got 'x' (at byte 67)");
        yield return ("missing data", NpyRaw(Head("'<f4'", "False", "(2, 3)"), 23),
            "expected 24 data bytes for f4 [2, 3], got 23 (at byte 69)");
        yield return ("trailing data", NpyRaw(Head("'<f4'", "False", "(2, 3)"), 25),
            "expected 24 data bytes for f4 [2, 3], got 25 (at byte 69)");
    }

    private static IEnumerable<(string Name, byte[] Bytes, string Message)> Idx()
    {
        var good = IdxTests.Raw(8, [2, 3], 1, 2, 3, 4, 5, 6);
        var gzip = IdxTests.Gzip(good);
        yield return ("empty", [],
            "expected 4 header bytes, got the end after 0 (at byte 0)");
        yield return ("short", [0, 0, 8],
            "expected 4 header bytes, got the end after 3 (at byte 3)");
        yield return ("text", "P5 28 28"u8.ToArray(),
            "expected 0 0 at the start of an IDX file, got 80 53 (at byte 0)");
        yield return ("type 7", IdxTests.Raw(7, [1], 1),
            "expected type 8, 9, 11, 12, 13 or 14, got 7 (at byte 2)");
        yield return ("type 10", IdxTests.Raw(10, [1], 1),
            "expected type 8, 9, 11, 12, 13 or 14, got 10 (at byte 2)");
        yield return ("type 15", IdxTests.Raw(15, [1], 1),
            "expected type 8, 9, 11, 12, 13 or 14, got 15 (at byte 2)");
        yield return ("rank 0", IdxTests.Raw(8, []),
            "expected 1 to 4 dimensions, got 0 (at byte 3)");
        yield return ("rank 5", IdxTests.Raw(8, [1, 1, 1, 1, 1], 1),
            "expected 1 to 4 dimensions, got 5 (at byte 3)");
        yield return ("cut header", IdxTests.Raw(8, [1, 1])[..10],
            "expected 8 header bytes, got the end after 6 (at byte 10)");
        yield return ("extent 2^32 - 1", IdxTests.Raw(8, [uint.MaxValue], 1),
            "expected at most 2147483591 data bytes, got more: dimension 0 is 4294967295 (at byte 4)");
        yield return ("product 2^32", IdxTests.Raw(8, [65536, 65536], 1),
            "expected at most 2147483591 data bytes, got more: dimension 1 is 65536 (at byte 8)");
        yield return ("product 2^64", IdxTests.Raw(8, [1 << 16, 1 << 16, 1 << 16, 1 << 16]),
            "expected at most 2147483591 data bytes, got more: dimension 1 is 65536 (at byte 8)");
        yield return ("2 GiB of doubles", IdxTests.Raw(14, [1 << 28]),
            "expected at most 2147483591 data bytes, got more: dimension 0 is 268435456 (at byte 4)");
        yield return ("overflow hidden by zero", IdxTests.Raw(8, [uint.MaxValue, 0]),
            "expected at most 2147483591 data bytes, got more: dimension 0 is 4294967295 (at byte 4)");
        yield return ("overflow hidden by a zero before", IdxTests.Raw(8, [0, 65536, 65536]),
            "expected at most 2147483591 data bytes, got more: dimension 2 is 65536 (at byte 12)");
        yield return ("header alone", good[..12],
            "expected 18 bytes for [2, 3], got 12");
        yield return ("little-endian extents", [0, 0, 8, 1, 6, 0, 0, 0, 1, 2, 3, 4, 5, 6],
            "expected 100663304 bytes for [100663296], got 14");
        yield return ("half an element", IdxTests.Raw(11, [2], 1, 2, 3),
            "expected 12 bytes for [2], got 11");
        yield return ("missing byte", good[..^1],
            "expected 18 bytes for [2, 3], got 17");
        yield return ("extra byte", [.. good, 0],
            "expected 18 bytes for [2, 3], got 19");
        yield return ("gzip head only", [0x1F, 0x8B],
            "expected a whole gzip member, got the end of the file (at byte 2)");
        yield return ("gzip method 7", [.. gzip[..2], 7, .. gzip[3..]],
            "expected gzip method 8, got 7 (at byte 2)");
        yield return ("gzip reserved flag", [.. gzip[..3], 0x80, .. gzip[4..]],
            "expected gzip flags below 32, got 128 (at byte 3)");
        yield return ("gzip field past the end", [.. gzip[..3], 4, .. gzip[4..10], 255, 255, .. gzip[10..]],
            "expected a whole gzip member, got the end of the file (at byte 37)");
        yield return ("gzip name without end", [.. gzip[..3], 8, .. gzip[4..10], .. Enumerable.Repeat((byte)'n', 20)],
            "expected a whole gzip member, got the end of the file (at byte 30)");
        yield return ("gzip comment without end", [.. gzip[..3], 16, .. gzip[4..10], .. Enumerable.Repeat((byte)'c', 20)],
            "expected a whole gzip member, got the end of the file (at byte 30)");
        yield return ("gzip header checksum past the end", [.. gzip[..3], 2, .. gzip[4..10], .. new byte[8]],
            "expected a whole gzip member, got the end of the file (at byte 18)");
        yield return ("gzip stored block with two lengths", [.. gzip[..10], 1, 5, 0, 5, 0, 1, 2, 3, 4, 5, .. new byte[8]],
            "expected deflate-compressed data, got other bytes");
        yield return ("gzip bad block", [.. gzip[..10], 0xFF, .. gzip[11..]],
            "expected deflate-compressed data, got other bytes");
        yield return ("gzip without trailer", gzip[..^8],
            "expected 8 header bytes, got the end after 7");
        yield return ("gzip cut in the trailer", gzip[..^1],
            "expected gzip checksum e53e9448, got 3e944800 (at byte 26)");
        yield return ("gzip wrong checksum", [.. gzip[..^8], (byte)(gzip[^8] ^ 1), .. gzip[^7..]],
            "expected gzip checksum e53e9448, got e53e9449 (at byte 27)");
        yield return ("gzip wrong length", [.. gzip[..^4], (byte)(gzip[^4] ^ 1), .. gzip[^3..]],
            "expected gzip length 18, got 19 (at byte 31)");
        yield return ("gzip trailing byte", [.. gzip, 0],
            "expected one gzip member and nothing after it, got further bytes");
        yield return ("gzip twice", [.. gzip, .. gzip],
            "expected one gzip member and nothing after it, got further bytes");
        yield return ("gzip hiding a byte", [.. gzip[..^8], 0, .. gzip[^8..]],
            "expected one gzip member and nothing after it, got further bytes");
        yield return ("gzip in gzip", IdxTests.Gzip(gzip),
            "expected 0 0 at the start of an IDX file, got 31 139 (at byte 0)");
        yield return ("gzip of nothing", IdxTests.Gzip([]),
            "expected 4 header bytes, got the end after 0 (at byte 0)");
        yield return ("gzip with a missing byte", IdxTests.Gzip(good[..^1]),
            "expected 6 data bytes after decompression, got 5");
        yield return ("gzip with an extra byte", IdxTests.Gzip([.. good, 0]),
            "expected 6 data bytes after decompression, got more");
        yield return ("bomb: 10 MB behind a header for 1 byte", IdxTests.Gzip(IdxTests.Raw(8, [1], new byte[10_000_000])),
            "expected 1 data bytes after decompression, got more");
        yield return ("small file that announces 2 GB", IdxTests.Gzip(IdxTests.Raw(8, [2_000_000_000], 1)),
            "expected 2000000000 data bytes after decompression, got 1");
    }

    [TestCaseSource(nameof(SafetensorsRows))]
    public void SafetensorsRefuses(byte[] bytes, string message) => Refuses(() => SafetensorsFile.Parse(bytes, "f"), bytes, message);

    [TestCaseSource(nameof(NpyRows))]
    public void NpyRefuses(byte[] bytes, string message) => Refuses(() => NpyFile.Parse(bytes, "f"), bytes, message);

    [TestCaseSource(nameof(IdxRows))]
    public void IdxRefuses(byte[] bytes, string message) => Refuses(() => IdxFile.Parse(bytes, "f"), bytes, message);

    private static IEnumerable<TestCaseData> SafetensorsRows => Rows(Safetensors());

    private static IEnumerable<TestCaseData> NpyRows => Rows(Npy());

    private static IEnumerable<TestCaseData> IdxRows => Rows(Idx());

    [Test]
    public void NothingButRegularFilesIsOpened()
    {
        using var folder = new TemporaryFolder();
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", folder["fifo"])) mkfifo.WaitForExit();
        File.WriteAllBytes(folder["empty"], []);
        File.CreateSymbolicLink(folder["dangling"], folder["nothing"]);
        File.CreateSymbolicLink(folder["link"], folder["fifo"]);
        (string Path, string Message)[] rows =
        [
            (folder["none"], "expected a file, got nothing at this path"),
            (folder.Path, "expected a file, got a directory"),
            (folder["dangling"], "expected a file, got nothing at this path"),
            (folder["empty"], "expected a file with content, got 0 bytes (at byte 0)"),
            (folder["link"], "expected a file with content, got 0 bytes (at byte 0)"),
            (folder["fifo"], "expected a file with content, got 0 bytes (at byte 0)"),
            ("/dev/zero", "expected a file with content, got 0 bytes (at byte 0)"),
            ("", "expected a file, got a path that names none"),
        ];
        Assert.Multiple(() =>
        {
            foreach (var (path, message) in rows)
                foreach (var read in (Action<string>[])[p => SafetensorsFile.Read(p), p => NpyFile.Read(p), p => IdxFile.Read(p)])
                    Assert.That(() => read(path), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{path}: {message}"));
        });
        TestContext.Out.WriteLine($"paths that name no regular file with content: {rows.Length}, for 3 readers");
    }

    [Test]
    public void EveryFormatHasItsLies()
    {
        var gzip = Idx().Count(file => GzipMember.Recognizes(file.Bytes));
        (string Format, int Count)[] counts = [("safetensors", Safetensors().Count()), ("npy", Npy().Count()), ("IDX", Idx().Count() - gzip), ("gzip", gzip)];
        foreach (var (format, count) in counts) TestContext.Out.WriteLine($"{format} hand-made lies: {count}");
        Assert.That(counts.Select(row => row.Count), Is.All.GreaterThanOrEqualTo(20));
    }

    private static IEnumerable<TestCaseData> Rows(IEnumerable<(string Name, byte[] Bytes, string Message)> files) =>
        files.Select(file => new TestCaseData(file.Bytes, file.Message).SetArgDisplayNames(file.Name));

    private static void Refuses(Action parse, byte[] bytes, string message)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var exception = Assert.Catch<Exception>(() => parse());
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Multiple(() =>
        {
            Assert.That(exception, Is.TypeOf<RawFileException>());
            Assert.That(exception!.Message, Is.EqualTo("f: " + message));
            Assert.That(allocated, Is.LessThan((2 * bytes.Length) + (1 << 20)));
        });
    }

    private static string Head(string descriptor, string order, string shape) => $"{{'descr': {descriptor}, 'fortran_order': {order}, 'shape': {shape}, }}";

    private static byte[] NpyRaw(string header, int dataBytes, byte major = 1, uint? length = null, byte minor = 0)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var start = major == 1 ? 10 : 12;
        var bytes = new byte[start + text.Length + dataBytes];
        ((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', major, minor]).CopyTo(bytes);
        var announced = length ?? (uint)text.Length;
        if (major == 1) BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)announced);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), announced);
        text.CopyTo(bytes, start);
        return bytes;
    }
}
