using System.Buffers.Binary;
using System.IO.Compression;

namespace RawDL.NN;

/// <summary>
/// One gzip member in memory (RFC 1952), read forward and checked to its last byte. <see cref="GZipStream"/> takes a file that was cut
/// anywhere for a whole one, so header and trailer are read here and only the deflate stream is left to the library.
/// </summary>
internal sealed class GzipMember : IDisposable
{
    private const int FixedHeader = 10;
    private const int Trailer = 8;
    private const byte HasHeaderChecksum = 2, HasExtra = 4, HasName = 8, HasComment = 16;

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly string _path;
    private readonly LastByteApart _content;
    private readonly DeflateStream _deflate;
    private uint _checksum = uint.MaxValue;
    private uint _length;

    internal GzipMember(ReadOnlyMemory<byte> bytes, string path)
    {
        _bytes = bytes;
        _path = path;
        var start = SkipHeader(bytes.Span);
        _content = new LastByteApart(bytes[start..^Trailer]);
        _deflate = new DeflateStream(_content, CompressionMode.Decompress);
    }

    /// <summary>Whether bytes begin as a gzip member does.</summary>
    internal static bool Recognizes(ReadOnlySpan<byte> bytes) => bytes.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]);

    /// <summary>Reads until the destination is full or the member ends, and returns the number of bytes.</summary>
    internal int Read(Span<byte> destination)
    {
        try
        {
            var count = _deflate.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false);
            _checksum = Crc32.Append(_checksum, destination[..count]);
            _length += (uint)count;
            return count;
        }
        catch (InvalidDataException e)
        {
            throw new RawFileException(_path, null, "expected deflate-compressed data, got other bytes", e);
        }
    }

    /// <summary>
    /// Reads the rest, which must be exactly this long, and checks length and checksum. Memory grows with what the member really holds, not
    /// with what was announced: a small file cannot ask for gigabytes.
    /// </summary>
    internal byte[] ReadToEnd(int expected)
    {
        var data = new byte[Math.Min(expected, Math.Max(_bytes.Length, 4096))];
        var count = Read(data);
        while (count == data.Length && count < expected)
        {
            Array.Resize(ref data, (int)Math.Min(expected, 2L * data.Length));
            count += Read(data.AsSpan(count));
        }
        if (count < expected) throw new RawFileException(_path, null, $"expected {expected} data bytes after decompression, got {count}");
        if (Read(stackalloc byte[1]) != 0) throw new RawFileException(_path, null, $"expected {expected} data bytes after decompression, got more");
        if (_content.Left > 0) throw new RawFileException(_path, null, "expected one gzip member and nothing after it, got further bytes");

        var trailer = _bytes.Span[^Trailer..];
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer) is var checksum && checksum != ~_checksum)
            throw new RawFileException(_path, _bytes.Length - Trailer, $"expected gzip checksum {~_checksum:x8}, got {checksum:x8}");
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]) is var length && length != _length)
            throw new RawFileException(_path, _bytes.Length - 4, $"expected gzip length {_length}, got {length}");
        return data;
    }

    /// <inheritdoc/>
    public void Dispose() => _deflate.Dispose();

    private int SkipHeader(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FixedHeader + Trailer) throw Cut(bytes.Length);
        if (bytes[2] != 8) throw new RawFileException(_path, 2, $"expected gzip method 8, got {bytes[2]}");
        var flags = bytes[3];
        if ((flags & 0xE0) != 0) throw new RawFileException(_path, 3, $"expected gzip flags below 32, got {flags}");
        var end = bytes.Length - Trailer;
        var position = FixedHeader;
        if ((flags & HasExtra) != 0)
        {
            if (position + 2 > end) throw Cut(bytes.Length);
            position += 2 + BinaryPrimitives.ReadUInt16LittleEndian(bytes[position..]);
        }
        for (var flag = HasName; flag <= HasComment; flag *= 2)
        {
            if ((flags & flag) == 0) continue;
            if (position > end || bytes[position..end].IndexOf((byte)0) is var length && length < 0) throw Cut(bytes.Length);
            position += length + 1;
        }
        if ((flags & HasHeaderChecksum) != 0) position += 2;
        return position <= end ? position : throw Cut(bytes.Length);
    }

    private RawFileException Cut(int length) => new(_path, length, "expected a whole gzip member, got the end of the file");

    /// <summary>
    /// Bytes whose last one comes in a read of its own. The library asks for more only while the deflate stream has not ended, so a byte that
    /// is left over lies behind its end; there a second file could hide.
    /// </summary>
    private sealed class LastByteApart(ReadOnlyMemory<byte> bytes) : Stream
    {
        private ReadOnlyMemory<byte> _rest = bytes;

        internal int Left => _rest.Length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            var count = Math.Min(buffer.Length, _rest.Length > 1 ? _rest.Length - 1 : _rest.Length);
            _rest.Span[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
