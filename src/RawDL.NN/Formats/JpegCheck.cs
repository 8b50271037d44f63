using System.Buffers.Binary;

namespace RawDL.NN;

/// <summary>
/// Walks the markers of a JPEG file before it is decoded: a baseline or progressive frame of 8 bits whose pixels the file is long enough to
/// hold, scans of all components with whole tables and all restart markers, and the end marker. The decoder takes all this for granted: at a
/// bad segment it ends and shows what lies in memory. The format has no checksums, so a changed byte inside a scan is not found. Source: ITU-T T.81, annex B.
/// </summary>
internal ref struct JpegCheck
{
    // Usual progressive files have 10; every scan may visit every pixel, however short it is.
    private const int MaxScans = 100;
    // A block of 8 × 8 pixels costs at least one bit in the first scan.
    private const long PixelsPerByte = 512;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly string _path;
    private ReadOnlySpan<byte> _components;  // 3 bytes each: name, sampling, quantisation table
    private ImageHeader _header;
    private bool _progressive;
    private uint _huffman, _quantisation;    // a bit for each table: DC 0 to 3, AC 4 to 7
    private uint _scanned;                   // a bit for each component
    private int _scans, _interval;

    private JpegCheck(ReadOnlySpan<byte> bytes, string path)
    {
        _bytes = bytes;
        _path = path;
    }

    public static bool Recognizes(ReadOnlySpan<byte> bytes) => bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]);

    /// <exception cref="RawFileException">The bytes break a rule of the format.</exception>
    public static ImageHeader Run(ReadOnlySpan<byte> bytes, string path)
    {
        var check = new JpegCheck(bytes, path);
        for (var at = 2; at >= 0;) at = check.Next(at);
        return check._header;
    }

    /// <summary>Checks the segment at a position and returns that of the next one, −1 after the end marker.</summary>
    private int Next(int at)
    {
        if (at < _bytes.Length && _bytes[at] != 0xFF) throw Error(at, "a marker of JPEG", $"byte {_bytes[at]}");
        while (at + 1 < _bytes.Length && _bytes[at + 1] == 0xFF) at++;
        if (at + 1 >= _bytes.Length) throw Error(_bytes.Length, "a marker of JPEG", "the end of the file");
        var marker = _bytes[at + 1];
        at += 2;
        if (marker == 0xD9)
        {
            if (_components.Length == 0 || _scanned != (1u << _components.Length / 3) - 1) throw Error(at - 2, "a frame and scans of all its components before the end marker", "none");
            return -1;
        }
        if (_bytes.Length - at < 2) throw Error(_bytes.Length, "the length of a segment", "the end of the file");
        var length = BinaryPrimitives.ReadUInt16BigEndian(_bytes[at..]);
        if (length < 2 || length > _bytes.Length - at) throw Error(at, $"a segment of 2 to {_bytes.Length - at} bytes", $"{length}");
        var body = _bytes.Slice(at + 2, length - 2);
        switch (marker)
        {
            case 0xC0 or 0xC1 or 0xC2:
                _progressive = marker == 0xC2;
                ReadFrame(body, at + 2);
                break;
            case 0xC4:
                ReadHuffman(body, at + 2);
                break;
            case 0xDB:
                ReadQuantisation(body, at + 2);
                break;
            case 0xDD:
                if (length != 4) throw Error(at, "a restart interval of 4 bytes", $"{length}");
                _interval = BinaryPrimitives.ReadUInt16BigEndian(body);
                break;
            case 0xDA:
                return SkipScan(at + length, ReadScan(body, at + 2));
            case not (>= 0xE0 and <= 0xEF or 0xFE):
                throw Error(at - 1, "a baseline or progressive Huffman frame, tables, scans and comments", $"marker {marker:X2}");
        }
        return at + length;
    }

    private void ReadFrame(ReadOnlySpan<byte> body, int offset)
    {
        if (_components.Length > 0) throw Error(offset, "one frame", "several");
        if (body.Length < 6 || body.Length != 6 + 3 * body[5]) throw Error(offset, "a frame of 6 bytes and 3 for each component", $"{body.Length} bytes");
        if (body[0] != 8) throw Error(offset, "8 bits per sample", $"{body[0]}");
        if (body[5] is not (1 or 3 or 4)) throw Error(offset + 5, "1, 3 or 4 components", $"{body[5]}");
        for (var i = 6; i < body.Length; i += 3)
            if (body[i + 2] > 3) throw Error(offset + i + 2, "quantisation table 0 to 3", $"{body[i + 2]}");
            else if (body[i + 1] >> 4 is 0 or > 4 || (body[i + 1] & 15) is 0 or > 4) throw Error(offset + i + 1, "sampling factors 1 to 4", $"{body[i + 1] >> 4} and {body[i + 1] & 15}");
        uint height = BinaryPrimitives.ReadUInt16BigEndian(body[1..]), width = BinaryPrimitives.ReadUInt16BigEndian(body[3..]);
        _header = ImageHeader.Create(width, height, body[5] == 1 ? 1 : 3, _path, offset + 1);
        _components = body[6..];
        if ((long)width * height > PixelsPerByte * _bytes.Length)
            throw Error(offset + 1, $"at least {(long)width * height / PixelsPerByte} bytes for {width} x {height} pixels", $"{_bytes.Length}");
    }

    private void ReadQuantisation(ReadOnlySpan<byte> body, int offset)
    {
        for (var rest = body; rest.Length > 0;)
        {
            var size = rest[0] >> 4 == 0 ? 65 : 129;
            if (rest[0] >> 4 > 1 || (rest[0] & 15) > 3 || rest.Length < size) throw Error(offset + body.Length - rest.Length, "a whole quantisation table 0 to 3", $"{rest.Length} bytes of table {rest[0]:X2}");
            _quantisation |= 1u << (rest[0] & 3);
            rest = rest[size..];
        }
    }

    private void ReadHuffman(ReadOnlySpan<byte> body, int offset)
    {
        for (var rest = body; rest.Length > 0;)
        {
            int symbols = 0, free = 1;
            for (var i = 1; i <= 16 && i < rest.Length && free >= 0; i++)
            {
                symbols += rest[i];
                free = 2 * free - rest[i];
            }
            if (rest.Length < 17 + symbols || free < 0 || symbols is 0 or > 256 || rest[0] >> 4 > 1 || (rest[0] & 15) > 3)
                throw Error(offset + body.Length - rest.Length, "a whole Huffman table 0 to 3 for DC or AC", $"{rest.Length} bytes of table {rest[0]:X2}");
            _huffman |= 1u << ((rest[0] >> 4) * 4 + (rest[0] & 3));
            rest = rest[(17 + symbols)..];
        }
    }

    /// <summary>Checks a scan head and returns how many restart markers the scan has.</summary>
    private int ReadScan(ReadOnlySpan<byte> body, int offset)
    {
        if (_components.Length == 0) throw Error(offset - 2, "a frame before the scan", "none");
        if (++_scans > MaxScans) throw Error(offset, $"at most {MaxScans} scans", "more");
        if (body.Length < 6 || body.Length != 4 + 2 * body[0]) throw Error(offset, "a scan head of 4 bytes and 2 for each component", $"{body.Length} bytes");
        var first = body[^3];
        var found = 0;
        for (var i = 1; i < body.Length - 3; i += 2)
        {
            found = 0;
            while (found < _components.Length && _components[found] != body[i]) found += 3;
            if (found >= _components.Length) throw Error(offset + i, "a component of the frame", $"{body[i]}");
            bool direct = first == 0, alternating = !_progressive || first > 0, refining = _progressive && body[^1] >> 4 > 0;
            uint needed = (direct && !refining ? 1u << (body[i + 1] >> 4 & 3) : 0) | (alternating ? 16u << (body[i + 1] & 3) : 0);
            if ((_huffman & needed) != needed || (_quantisation >> (_components[found + 2] & 3) & 1) == 0) throw Error(offset + i, "the tables of a scan before it", "none");
            if (direct && !refining) _scanned |= 1u << found / 3;
        }
        if (_interval == 0) return 0;
        int across = 1, down = 1;
        for (var i = 0; i < _components.Length; i += 3) (across, down) = (Math.Max(across, _components[i + 1] >> 4), Math.Max(down, _components[i + 1] & 15));
        // A scan of one component counts its own blocks, any other the units of the frame (A.2).
        int ownAcross = body[0] == 1 ? _components[found + 1] >> 4 : 1, ownDown = body[0] == 1 ? _components[found + 1] & 15 : 1;
        long units = Ceiling((long)_header.Width * ownAcross, 8 * across) * Ceiling((long)_header.Height * ownDown, 8 * down);
        return (int)((units - 1) / _interval);
    }

    /// <summary>Goes over the coded data of a scan to the marker behind it.</summary>
    private readonly int SkipScan(int at, int restarts)
    {
        for (var seen = 0; at + 1 < _bytes.Length; at++)
        {
            if (_bytes[at] != 0xFF || _bytes[at + 1] is 0 or 0xFF) continue;
            if (_bytes[at + 1] is < 0xD0 or > 0xD7) return seen == restarts ? at : throw Error(at, $"{restarts} restart markers in the scan", $"{seen}");
            if (seen == restarts || _bytes[at + 1] != 0xD0 + seen % 8) throw Error(at, $"restart markers 0 to 7 in turn, {restarts} in all", $"{_bytes[at + 1] - 0xD0} after {seen}");
            seen++;
        }
        throw Error(_bytes.Length, "the end marker of JPEG", "the end of the file");
    }

    private static long Ceiling(long value, int divisor) => (value + divisor - 1) / divisor;

    private readonly RawFileException Error(int offset, string expected, string got) => new(_path, offset, $"expected {expected}, got {got}");
}
