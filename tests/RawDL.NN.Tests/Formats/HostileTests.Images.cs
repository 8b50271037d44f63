namespace RawDL.NN.Tests;

public sealed partial class HostileTests
{
    private static IEnumerable<(string Name, byte[] Bytes, string Message)> Png()
    {
        (string, byte[]) head = ("IHDR", ImageTests.Head(2, 2, 8, 0)), data = ("IDAT", ImageTests.Zip(new byte[6])), end = ("IEND", []);
        var good = ImageTests.Chunks(head, data, end);
        (string, byte[]) Sized(int width, int height, byte depth = 8, byte colour = 0, byte interlace = 0) => ("IHDR", ImageTests.Head(width, height, depth, colour, interlace));
        yield return ("gif", "GIF89a"u8.ToArray(), "expected a PNG or JPEG image, got the bytes 47494638 (at byte 0)");
        yield return ("one byte", [0x89], "expected a PNG or JPEG image, got the bytes 89 (at byte 0)");
        yield return ("changed signature", [.. good[..4], 10, .. good[5..]], "expected the 8 bytes of a PNG signature, got 89504E470A0A1A0A (at byte 0)");
        yield return ("signature alone", good[..8], "expected a chunk of PNG, got the end of the file (at byte 8)");
        yield return ("no head", ImageTests.Chunks(data, end), "expected the chunk IHDR first and once, got another order (at byte 8)");
        yield return ("head twice", ImageTests.Chunks(head, head, data, end), "expected the chunk IHDR first and once, got another order (at byte 33)");
        yield return ("Apple's variant", ImageTests.Chunks(("CgBI", new byte[4]), head, data, end), "expected the chunk IHDR first and once, got another order (at byte 8)");
        yield return ("long head", ImageTests.Chunks(("IHDR", new byte[14]), data, end), "expected 13 bytes in IHDR, got 14 (at byte 8)");
        yield return ("no end", ImageTests.Chunks(head, data), "expected a chunk of PNG, got the end of the file (at byte 56)");
        yield return ("chunk of 4 GiB", [.. good[..8], 255, 255, 255, 255, .. good[12..]], $"expected a chunk of at most {good.Length - 20} bytes, got 4294967295 (at byte 8)");
        yield return ("changed CRC", [.. good[..^1], 0], "expected CRC ae426082 for this chunk, got ae426000 (at byte 64)");
        yield return ("no width", ImageTests.Chunks(Sized(0, 2), data, end), "expected 1 to 67108864 pixels, got 0 x 2 (at byte 16)");
        yield return ("no height", ImageTests.Chunks(Sized(2, 0), data, end), "expected 1 to 67108864 pixels, got 2 x 0 (at byte 16)");
        yield return ("width 2^32 - 1", ImageTests.Chunks(Sized(-1, -1), data, end), "expected 1 to 67108864 pixels, got 4294967295 x 4294967295 (at byte 16)");
        yield return ("4 gigapixels", ImageTests.Chunks(Sized(65536, 65536), data, end), "expected 1 to 67108864 pixels, got 65536 x 65536 (at byte 16)");
        yield return ("67 megapixels in 70 bytes", ImageTests.Chunks(Sized(8192, 8192), data, end), "expected 67117056 bytes of pixels after decompression, got 6");
        yield return ("depth 3", ImageTests.Chunks(Sized(2, 2, 3), data, end), "expected a depth and colour type of PNG, got 3 and 0 (at byte 24)");
        yield return ("depth 16 palette", ImageTests.Chunks(Sized(2, 2, 16, 3), data, end), "expected a depth and colour type of PNG, got 16 and 3 (at byte 24)");
        yield return ("colour 5", ImageTests.Chunks(Sized(2, 2, 8, 5), data, end), "expected a depth and colour type of PNG, got 8 and 5 (at byte 24)");
        yield return ("interlace 2", ImageTests.Chunks(Sized(2, 2, 8, 0, 2), data, end), "expected methods 0, 0 and 0 or 1, got 0, 0 and 2 (at byte 26)");
        yield return ("no palette", ImageTests.Chunks(Sized(2, 2, 8, 3), data, end), "expected a palette before the pixels, got none (at byte 33)");
        yield return ("palette of 4 bytes", ImageTests.Chunks(Sized(2, 2, 8, 3), ("PLTE", new byte[4]), data, end), "expected one palette of 1 to 256 colours before the pixels, got 4 bytes (at byte 33)");
        yield return ("palette of 257 colours", ImageTests.Chunks(Sized(2, 2, 8, 3), ("PLTE", new byte[771]), data, end), "expected one palette of 1 to 256 colours before the pixels, got 771 bytes (at byte 33)");
        yield return ("palette too late", ImageTests.Chunks(head, data, ("PLTE", new byte[3]), end), "expected one palette of 1 to 256 colours before the pixels, got 3 bytes (at byte 56)");
        yield return ("pixels apart", ImageTests.Chunks(head, data, ("tEXt", []), data, end), $"expected all chunks IDAT in a row, got another between (at byte {good.Length})");
        yield return ("unknown critical chunk", ImageTests.Chunks(head, ("ABCD", []), data, end), "expected a known critical chunk, got 41424344 (at byte 37)");
        yield return ("no pixels", ImageTests.Chunks(head, end), "expected 6 bytes of pixels after decompression, got 0");
        yield return ("a pixel too few", ImageTests.Chunks(head, ("IDAT", ImageTests.Zip(new byte[5])), end), "expected 6 bytes of pixels after decompression, got 5");
        yield return ("a pixel too many", ImageTests.Chunks(head, ("IDAT", ImageTests.Zip(new byte[7])), end), "expected 6 bytes of pixels after decompression, got more");
        yield return ("bomb: 100 MB for 4 pixels", ImageTests.Chunks(head, ("IDAT", ImageTests.Zip(new byte[100_000_000])), end), "expected 6 bytes of pixels after decompression, got more");
        yield return ("pixels not compressed", ImageTests.Chunks(head, ("IDAT", [1, 2, 3, 4, 5, 6]), end), "expected deflate-compressed pixels, got other bytes");
        yield return ("filter 5", ImageTests.Chunks(head, ("IDAT", ImageTests.Zip([5, 0, 0, 0, 0, 0])), end), "expected an image that can be decoded, got: invalid filter");
    }

    private static IEnumerable<(string Name, byte[] Bytes, string Message)> Jpeg()
    {
        byte[] start = [0xFF, 0xD8], end = [0xFF, 0xD9], scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x55];
        byte[] Frame(ushort width, ushort height, byte kind = 0xC0, byte bits = 8, byte sampling = 0x11) => [0xFF, kind, 0, 11, bits, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, sampling, 0];
        // A Huffman table with one code, DC or AC.
        byte[] Huffman(byte place) => [0xFF, 0xC4, 0, 20, place, 1, .. new byte[15], 0];
        byte[] quantisation = [0xFF, 0xDB, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64)];
        byte[] tables = [.. quantisation, .. Huffman(0), .. Huffman(0x10)];
        const string NoScan = "expected a frame and scans of all its components before the end marker, got none", NoTable = "expected the tables of a scan before it, got none";
        yield return ("start alone", [.. start, 0xFF], "expected a marker of JPEG, got the end of the file (at byte 3)");
        yield return ("end at once", [.. start, .. end], $"{NoScan} (at byte 2)");
        yield return ("no marker", [.. start, 0xFF, 0xE0, 0, 2, 7], "expected a marker of JPEG, got byte 7 (at byte 6)");
        yield return ("only fill bytes", [.. start, 0xFF, 0xFF, 0xFF, 0xFF], "expected a marker of JPEG, got the end of the file (at byte 6)");
        yield return ("segment without a length", [.. start, 0xFF, 0xE0, 0], "expected the length of a segment, got the end of the file (at byte 5)");
        yield return ("segment of 1 byte", [.. start, 0xFF, 0xE0, 0, 1], "expected a segment of 2 to 2 bytes, got 1 (at byte 4)");
        yield return ("segment past the end", [.. start, 0xFF, 0xE0, 255, 255, 0], "expected a segment of 2 to 3 bytes, got 65535 (at byte 4)");
        yield return ("scan before the frame", [.. start, .. scan, .. end], "expected a frame before the scan, got none (at byte 4)");
        yield return ("frame without a scan", [.. start, .. Frame(8, 8), .. end], $"{NoScan} (at byte 15)");
        yield return ("two frames", [.. start, .. Frame(8, 8), .. Frame(8, 8), .. end], "expected one frame, got several (at byte 19)");
        yield return ("lossless", [.. start, .. Frame(8, 8, 0xC3)], "expected a baseline or progressive Huffman frame, tables, scans and comments, got marker C3 (at byte 3)");
        yield return ("arithmetic", [.. start, .. Frame(8, 8, 0xC9)], "expected a baseline or progressive Huffman frame, tables, scans and comments, got marker C9 (at byte 3)");
        yield return ("12 bits", [.. start, .. Frame(8, 8, 0xC1, 12)], "expected 8 bits per sample, got 12 (at byte 6)");
        yield return ("no width", [.. start, .. Frame(0, 8)], "expected 1 to 67108864 pixels, got 0 x 8 (at byte 7)");
        yield return ("no height", [.. start, .. Frame(8, 0)], "expected 1 to 67108864 pixels, got 8 x 0 (at byte 7)");
        yield return ("4 gigapixels", [.. start, .. Frame(65535, 65535)], "expected 1 to 67108864 pixels, got 65535 x 65535 (at byte 7)");
        yield return ("67 megapixels in 28 bytes", [.. start, .. Frame(8192, 8192), .. scan, .. end], "expected at least 131072 bytes for 8192 x 8192 pixels, got 28 (at byte 7)");
        yield return ("sampling 0", [.. start, .. Frame(8, 8, 0xC0, 8, 0x01)], "expected sampling factors 1 to 4, got 0 and 1 (at byte 13)");
        yield return ("sampling 5", [.. start, .. Frame(8, 8, 0xC0, 8, 0x15)], "expected sampling factors 1 to 4, got 1 and 5 (at byte 13)");
        yield return ("2 components", [.. start, 0xFF, 0xC0, 0, 14, 8, 0, 8, 0, 8, 2, 1, 0x11, 0, 2, 0x11, 0], "expected 1, 3 or 4 components, got 2 (at byte 11)");
        yield return ("components missing", [.. start, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 3, 1, 0x11, 0], "expected a frame of 6 bytes and 3 for each component, got 9 bytes (at byte 6)");
        yield return ("no tables", [.. start, .. Frame(8, 8), .. scan, .. end], $"{NoTable} (at byte 20)");
        yield return ("no quantisation", [.. start, .. Huffman(0), .. Huffman(0x10), .. Frame(8, 8), .. scan, .. end], $"{NoTable} (at byte 64)");
        yield return ("no AC table", [.. start, .. quantisation, .. Huffman(0), .. Frame(8, 8), .. scan, .. end], $"{NoTable} (at byte 111)");
        yield return ("empty AC table", [.. start, 0xFF, 0xC4, 0, 19, 0x10, .. new byte[16], .. end], "expected a whole Huffman table 0 to 3 for DC or AC, got 17 bytes of table 10 (at byte 6)");
        yield return ("Huffman table 5", [.. start, .. Huffman(0x05), .. end], "expected a whole Huffman table 0 to 3 for DC or AC, got 18 bytes of table 05 (at byte 6)");
        yield return ("cut Huffman table", [.. start, 0xFF, 0xC4, 0, 5, 0, 1, 0, .. end], "expected a whole Huffman table 0 to 3 for DC or AC, got 3 bytes of table 00 (at byte 6)");
        yield return ("three codes of one bit", [.. start, 0xFF, 0xC4, 0, 22, 0, 3, .. new byte[15], 0, 1, 2, .. end], "expected a whole Huffman table 0 to 3 for DC or AC, got 20 bytes of table 00 (at byte 6)");
        yield return ("quantisation table 4", [.. start, 0xFF, 0xDB, 0, 67, 4, .. new byte[64], .. end], "expected a whole quantisation table 0 to 3, got 65 bytes of table 04 (at byte 6)");
        yield return ("cut quantisation table", [.. start, 0xFF, 0xDB, 0, 66, 0, .. new byte[63], .. end], "expected a whole quantisation table 0 to 3, got 64 bytes of table 00 (at byte 6)");
        yield return ("restart interval of 5 bytes", [.. start, 0xFF, 0xDD, 0, 5, 0, 0, 1, .. end], "expected a restart interval of 4 bytes, got 5 (at byte 4)");
        yield return ("no restart marker", [.. start, .. tables, 0xFF, 0xDD, 0, 4, 0, 1, .. Frame(16, 8), .. scan, .. end], "expected 1 restart markers in the scan, got 0 (at byte 145)");
        yield return ("restart marker 1 before 0", [.. start, .. tables, 0xFF, 0xDD, 0, 4, 0, 1, .. Frame(16, 8), .. scan, 0xFF, 0xD1, 0, .. end], "expected restart markers 0 to 7 in turn, 1 in all, got 1 after 0 (at byte 145)");
        yield return ("restart marker without an interval", [.. start, .. tables, .. Frame(16, 8), .. scan, 0xFF, 0xD0, 0, .. end], "expected restart markers 0 to 7 in turn, 0 in all, got 0 after 0 (at byte 139)");
        yield return ("unknown component", [.. start, .. tables, .. Frame(8, 8), 0xFF, 0xDA, 0, 8, 1, 2, 0, 0, 63, 0, .. end], "expected a component of the frame, got 2 (at byte 133)");
        yield return ("long scan head", [.. start, .. tables, .. Frame(8, 8), 0xFF, 0xDA, 0, 9, 1, 1, 0, 0, 63, 0, 0, .. end], "expected a scan head of 4 bytes and 2 for each component, got 7 bytes (at byte 132)");
        yield return ("progressive without its first scan", [.. start, .. tables, .. Frame(8, 8, 0xC2), 0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0, 0x55, .. end], $"{NoScan} (at byte 139)");
        yield return ("scan without an end", [.. start, .. tables, .. Frame(8, 8), .. scan], "expected the end marker of JPEG, got the end of the file (at byte 139)");
        yield return ("101 scans", [.. start, .. tables, .. Frame(8, 8), .. Enumerable.Repeat(scan, 101).SelectMany(x => x), .. end], "expected at most 100 scans, got more (at byte 1232)");
        yield return ("spectrum beyond 63", [.. start, .. tables, .. Frame(8, 8, 0xC2), 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 64, 0, 0x55, .. end], "expected an image that can be decoded, got: bad SOS");
    }

    /// <summary>16 x 8 grey pixels in two restart intervals: each has the codes of difference 0 and end of block, one bit each.</summary>
    internal static byte[] JpegWithRestart() =>
    [
        0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64), 0xFF, 0xC4, 0, 20, 0, 1, .. new byte[16], 0xFF, 0xC4, 0, 20, 0x10, 1, .. new byte[16], 0xFF, 0xDD, 0, 4, 0, 1,
        0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x3F, 0xFF, 0xD0, 0x3F, 0xFF, 0xD9,
    ];

    [Test]
    public void JpegWithRestartMarkersIsRead() => Assert.That(ImageFile.Decode(JpegWithRestart(), "f", out _, out _, 1), Is.EqualTo(Enumerable.Repeat((byte)128, 128)));

    private static IEnumerable<TestCaseData> PngRows => Rows(Png());

    private static IEnumerable<TestCaseData> JpegRows => Rows(Jpeg());

    [TestCaseSource(nameof(PngRows))]
    public void PngRefuses(byte[] bytes, string message) => Refuses(() => ImageFile.Decode(bytes, "f", out _, out _, 1), bytes, message);

    [TestCaseSource(nameof(JpegRows))]
    public void JpegRefuses(byte[] bytes, string message) => Refuses(() => ImageFile.Decode(bytes, "f", out _, out _, 1), bytes, message);

    [Test]
    public void ImagesCutAnywhereAreFound()
    {
        foreach (var (name, bytes) in ((string, byte[])[])[("PNG", ImageTests.Png(ImageTests.Noise(3600), 40, 30, 3)), ("JPEG", ImageTests.Jpeg(ImageTests.Noise(3600), 40, 30, 3))])
        {
            Assert.That(() => ImageFile.Decode(bytes, "cut", out _, out _, 3), Throws.Nothing, name);
            for (var length = 0; length < bytes.Length; length++)
                Assert.That(() => ImageFile.Decode(bytes[..length], "cut", out _, out _, 3), Throws.TypeOf<RawFileException>(), $"{name} cut to {length}");
            TestContext.Out.WriteLine($"{name} cuts: {bytes.Length}, undetected: 0");
        }
    }

    [Test]
    public void EveryFlippedBitOfAPngIsFound()
    {
        var bytes = ImageTests.Png(ImageTests.Noise(3000), 50, 20, 3);
        for (var bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.That(() => ImageFile.Decode(bytes, "flip", out _, out _, 3), Throws.TypeOf<RawFileException>(), $"bit {bit}");
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
        TestContext.Out.WriteLine($"PNG flipped bits: {8 * bytes.Length}, undetected: 0 (JPEG and CSV have no checksums)");
    }

    [Test]
    public void TablesAndImagesAreOpenedFromRegularFilesOnly()
    {
        using var folder = new TemporaryFolder();
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", folder["fifo.csv"])) mkfifo.WaitForExit();
        File.CreateSymbolicLink(folder["link.png"], folder["fifo.csv"]);
        File.CreateSymbolicLink(folder["zero.csv"], "/dev/zero");
        Directory.CreateDirectory(folder["d.csv"]);
        File.CreateSymbolicLink(folder["loop.csv"], folder["loop.csv"]);
        foreach (var path in (string[])[folder["fifo.csv"], folder["link.png"], folder["zero.csv"], folder["d.csv"], folder["loop.csv"], folder["none.jpg"], "/dev/zero", "/proc/self/mem", ""])
            foreach (var read in (Action<string>[])[p => CsvTable.Read(p, "t", null), p => ImageFile.Read(p, out _, out _, 1), p => SampleFile.Read(p, new Shape(1, 2, 2), ["a"]), p => Cifar10Folder.Read([p], "c")])
                Assert.That(() => read(path), Throws.TypeOf<RawFileException>(), path);
        TestContext.Out.WriteLine("paths that name no regular file with content: 9, for 4 readers");
    }
}
