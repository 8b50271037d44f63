using System.Buffers.Binary;
using System.IO.Compression;

namespace RawDL.NN;

/// <summary>
/// Checks a PNG file before it is decoded: every chunk and its CRC, and that the compressed data hold exactly the pixels that the head announces.
/// A changed or missing byte is found, and a small file cannot unpack to gigabytes. Source: W3C, Portable Network Graphics, third edition.
/// </summary>
internal static class PngCheck
{
    private const uint Head = 0x49484452, Palette = 0x504C5445, Data = 0x49444154, End = 0x49454E44;  // IHDR, PLTE, IDAT, IEND

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    public static bool Recognizes(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature[..4]);

    /// <exception cref="RawFileException">The bytes break a rule of the format.</exception>
    public static ImageHeader Run(ReadOnlyMemory<byte> file, string path)
    {
        var bytes = file.Span;
        if (!bytes.StartsWith(Signature)) throw new RawFileException(path, 0, $"expected the 8 bytes of a PNG signature, got {Convert.ToHexString(bytes[..Math.Min(8, bytes.Length)])}");
        var at = Signature.Length;
        var header = default(ImageHeader);
        int colour = -1, depth = 0, interlace = 0, entries = 0;
        using var packed = new MemoryStream();
        for (uint previous = 0, kind = 0; kind != End; previous = kind)
        {
            if (bytes.Length - at < 12) throw new RawFileException(path, bytes.Length, "expected a chunk of PNG, got the end of the file");
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
            if (length > bytes.Length - at - 12) throw new RawFileException(path, at, $"expected a chunk of at most {bytes.Length - at - 12} bytes, got {length}");
            var body = bytes.Slice(at + 8, (int)length);
            var checksum = Crc32.Compute(bytes.Slice(at + 4, (int)length + 4));
            if (BinaryPrimitives.ReadUInt32BigEndian(bytes[(at + 8 + (int)length)..]) is var stored && stored != checksum)
                throw new RawFileException(path, at + 8 + length, $"expected CRC {checksum:x8} for this chunk, got {stored:x8}");
            kind = BinaryPrimitives.ReadUInt32BigEndian(bytes[(at + 4)..]);
            if (kind == Head != (previous == 0)) throw new RawFileException(path, at, "expected the chunk IHDR first and once, got another order");
            switch (kind)
            {
                case Head:
                    if (length != 13) throw new RawFileException(path, at, $"expected 13 bytes in IHDR, got {length}");
                    (depth, colour, interlace) = (body[8], body[9], body[12]);
                    if (SamplesOf(colour, depth) == 0) throw new RawFileException(path, at + 16, $"expected a depth and colour type of PNG, got {depth} and {colour}");
                    if (body[10] != 0 || body[11] != 0 || interlace > 1) throw new RawFileException(path, at + 18, $"expected methods 0, 0 and 0 or 1, got {body[10]}, {body[11]} and {interlace}");
                    header = ImageHeader.Create(BinaryPrimitives.ReadUInt32BigEndian(body), BinaryPrimitives.ReadUInt32BigEndian(body[4..]), colour is 0 or 4 ? 1 : 3, path, at + 8);
                    break;
                case Palette:
                    if (length % 3 != 0 || length is 0 or > 768 || entries > 0 || packed.Length > 0) throw new RawFileException(path, at, $"expected one palette of 1 to 256 colours before the pixels, got {length} bytes");
                    entries = (int)length / 3;
                    if (colour == 3 && IsGrey(body)) header = header with { Channels = 1 };
                    break;
                case Data:
                    if (colour == 3 && entries == 0) throw new RawFileException(path, at, "expected a palette before the pixels, got none");
                    if (packed.Length > 0 && previous != Data) throw new RawFileException(path, at, "expected all chunks IDAT in a row, got another between");
                    packed.Write(body);
                    break;
                default:
                    // Bit 5 of the first letter: a decoder that does not know the chunk may skip it.
                    if (kind != End && (kind >> 29 & 1) == 0) throw new RawFileException(path, at + 4, $"expected a known critical chunk, got {kind:x8}");
                    break;
            }
            at += 12 + (int)length;
        }
        RequirePixels(packed, RawBytes(header, SamplesOf(colour, depth) * depth, interlace), path);
        return header;
    }

    private static int SamplesOf(int colour, int depth) => (colour, depth) switch
    {
        (0, 1 or 2 or 4 or 8 or 16) or (3, 1 or 2 or 4 or 8) => 1,
        (4, 8 or 16) => 2,
        (2, 8 or 16) => 3,
        (6, 8 or 16) => 4,
        _ => 0,
    };

    private static bool IsGrey(ReadOnlySpan<byte> palette)
    {
        for (var i = 0; i < palette.Length; i += 3)
            if (palette[i] != palette[i + 1] || palette[i] != palette[i + 2]) return false;
        return true;
    }

    /// <summary>Bytes of all rows, each with its filter byte, over the passes of an interlaced image (Adam7).</summary>
    private static long RawBytes(ImageHeader header, int bits, int interlace)
    {
        if (interlace == 0) return Pass(header.Width, header.Height, bits);
        ReadOnlySpan<(int X, int Y, int StepX, int StepY)> passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        var sum = 0L;
        foreach (var (x, y, stepX, stepY) in passes) sum += Pass((header.Width - x + stepX - 1) / stepX, (header.Height - y + stepY - 1) / stepY, bits);
        return sum;
    }

    private static long Pass(long width, long height, int bits) => width == 0 ? 0 : height * (1 + (width * bits + 7) / 8);

    private static void RequirePixels(MemoryStream packed, long expected, string path)
    {
        packed.Position = 0;
        using var stream = new ZLibStream(packed, CompressionMode.Decompress);
        var buffer = new byte[16 * 1024];
        var count = 0L;
        try
        {
            for (int read; count <= expected && (read = stream.Read(buffer)) > 0;) count += read;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // An IOException comes from memory only: zlib's rarer codes, such as a preset dictionary.
            throw new RawFileException(path, null, "expected deflate-compressed pixels, got other bytes", e);
        }
        if (count != expected) throw new RawFileException(path, null, $"expected {expected} bytes of pixels after decompression, got {(count > expected ? "more" : count)}");
    }
}
