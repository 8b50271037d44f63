using System.Buffers.Binary;

namespace RawDL.NN;

/// <summary>
/// Reads IDX files, the format of MNIST: <c>00 00 type rank</c>, one 32-bit big-endian extent for each dimension, and big-endian data.
/// Plain and gzip-compressed files are told apart by their content. The size must match the header exactly, both ways.
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", file formats.
/// </summary>
public static class IdxFile
{
    private const int MaxRank = 4;

    /// <summary>Reads a file.</summary>
    /// <exception cref="RawFileException">The file is missing or breaks a rule of the format.</exception>
    /// <exception cref="IOException">The system could not read.</exception>
    public static IdxArray Read(string path) => Parse(InputFile.ReadAll(path), path);

    /// <summary>Reads a whole file from memory.</summary>
    /// <param name="bytes">The file, plain or gzip-compressed.</param>
    /// <param name="path">The name for messages.</param>
    /// <exception cref="RawFileException">The bytes break a rule of the format.</exception>
    public static IdxArray Parse(ReadOnlyMemory<byte> bytes, string path)
    {
        var compressed = GzipMember.Recognizes(bytes.Span);
        using var member = compressed ? new GzipMember(bytes, path) : null;
        Span<byte> start = stackalloc byte[4 + (4 * MaxRank)];
        Fill(start[..4], bytes.Span, member, 0, path);
        if (start[0] != 0 || start[1] != 0) throw new RawFileException(path, 0, $"expected 0 0 at the start of an IDX file, got {start[0]} {start[1]}");
        var type = (IdxType)start[2];
        var size = IdxArray.ElementSize(type);
        if (size == 0) throw new RawFileException(path, 2, $"expected type 8, 9, 11, 12, 13 or 14, got {start[2]}");
        var rank = start[3];
        if (rank is 0 or > MaxRank) throw new RawFileException(path, 3, $"expected 1 to {MaxRank} dimensions, got {rank}");

        Fill(start.Slice(4, 4 * rank), bytes.Span, member, 4, path);
        var dimensions = new int[rank];
        long product = size;
        var isEmpty = false;
        for (var i = 0; i < rank; i++)
        {
            var extent = BinaryPrimitives.ReadUInt32BigEndian(start[(4 + (4 * i))..]);
            // Checked without the zeros, so that none can hide a product that has left 64 bits.
            isEmpty |= extent == 0;
            if (extent > int.MaxValue || (product *= Math.Max(extent, 1)) > Array.MaxLength)
                throw new RawFileException(path, 4 + (4 * i), $"expected at most {Array.MaxLength} data bytes, got more: dimension {i} is {extent}");
            dimensions[i] = (int)extent;
        }

        var length = isEmpty ? 0 : product;
        var headerLength = 4 + (4 * rank);
        byte[] data;
        if (member is not null) data = member.ReadToEnd((int)length);
        else
        {
            if (bytes.Length - headerLength != length)
                throw new RawFileException(path, null, $"expected {headerLength + length} bytes for [{string.Join(", ", dimensions)}], got {bytes.Length}");
            data = bytes.Span[headerLength..].ToArray();
        }
        ToNative(data, size);
        return new IdxArray(type, dimensions, data);
    }

    private static void Fill(Span<byte> destination, ReadOnlySpan<byte> bytes, GzipMember? member, int offset, string path)
    {
        var count = member is not null ? member.Read(destination) : Math.Min(destination.Length, bytes.Length - offset);
        if (count < destination.Length)
            throw new RawFileException(path, member is null ? offset + count : null, $"expected {destination.Length} header bytes, got the end after {count}");
        if (member is null) bytes.Slice(offset, count).CopyTo(destination);
    }

    private static void ToNative(Span<byte> data, int size)
    {
        if (size == 1 || !BitConverter.IsLittleEndian) return;
        for (var i = 0; i < data.Length; i += size) data.Slice(i, size).Reverse();
    }
}
