using System.Buffers.Binary;
using System.Text;

namespace RawDL.NN;

/// <summary>
/// Reads and writes NumPy's npy files, versions 1 to 3. Objects (Python pickles), structured types, text and complex numbers are refused;
/// column-major arrays are turned row-major. Source: NumPy manual, numpy.lib.format.
/// </summary>
public static class NpyFile
{
    private const int MaxHeader = 10_000;  // NumPy's own limit
    private const int GrowthDigits = 21;   // NumPy leaves room for the first extent to grow to this many digits

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a file.</summary>
    /// <exception cref="RawFileException">The file is missing or breaks a rule of the format.</exception>
    /// <exception cref="IOException">The system could not read.</exception>
    public static NpyArray Read(string path) => Parse(InputFile.ReadAll(path), path);

    /// <summary>Reads a whole file from memory.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="path">The name for messages.</param>
    /// <exception cref="RawFileException">The bytes break a rule of the format.</exception>
    public static NpyArray Parse(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.Length < 10) throw new RawFileException(path, bytes.Length, $"expected at least 10 bytes, got {bytes.Length}");
        if (!bytes.StartsWith(Magic)) throw new RawFileException(path, 0, $"expected the bytes 93 'NUMPY', got {Convert.ToHexString(bytes[..6])}");
        var major = bytes[6];
        if (major is 0 or > 3 || bytes[7] != 0) throw new RawFileException(path, 6, $"expected version 1.0, 2.0 or 3.0, got {major}.{bytes[7]}");
        var start = major == 1 ? 10 : 12;
        if (bytes.Length < start) throw new RawFileException(path, bytes.Length, $"expected at least {start} bytes, got {bytes.Length}");
        var headerLength = major == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (headerLength > MaxHeader) throw new RawFileException(path, 8, $"expected a header of at most {MaxHeader} bytes, got {headerLength}");
        if (headerLength > bytes.Length - start) throw new RawFileException(path, 8, $"expected a header within the remaining {bytes.Length - start} bytes, got {headerLength}");

        var header = NpyHeader.Parse(bytes.Slice(start, (int)headerLength), path, start);
        var kind = Kind(header.Descriptor!, path, out var swap);
        var size = NpyArray.ElementSize(kind);
        var shape = Shape(header.Shape!, size, path, out var length);
        var data = bytes[(start + (int)headerLength)..];
        if (data.Length != length) throw new RawFileException(path, start + headerLength, $"expected {length} data bytes for {kind} [{string.Join(", ", shape)}], got {data.Length}");
        var elements = header.FortranOrder == true && shape.Length > 1 ? ToRowMajor(data, shape, size) : data.ToArray();
        if (swap)
            for (var i = 0; i < elements.Length; i += size) elements.AsSpan(i, size).Reverse();
        return new NpyArray(kind, shape, elements);
    }

    /// <summary>Writes a file of version 1.0, byte for byte as NumPy does, through <see cref="Durable"/>.</summary>
    /// <exception cref="IOException">The file could not be saved; see <see cref="Durable.Write(string, Action{Stream}, long)"/>.</exception>
    public static void Write(string path, NpyArray array) => Durable.WriteAllBytes(path, ToBytes(array));

    /// <summary>The bytes that <see cref="Write"/> would write.</summary>
    public static byte[] ToBytes(NpyArray array)
    {
        var size = NpyArray.ElementSize(array.Kind);
        var order = size == 1 ? '|' : '<';
        var shape = array.Shape.Length == 1 ? $"({array.Shape[0]},)" : $"({string.Join(", ", array.Shape.ToArray())})";
        var header = new StringBuilder($"{{'descr': '{order}{array.Kind}', 'fortran_order': False, 'shape': {shape}, }}");
        if (array.Shape.Length > 0) header.Append(' ', GrowthDigits - $"{array.Shape[0]}".Length);
        header.Append(' ', 64 - ((10 + header.Length + 1) % 64)).Append('\n');

        var bytes = new byte[checked(10 + header.Length + array.Data.Length)];
        Magic.CopyTo(bytes);
        bytes[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)header.Length);
        Encoding.ASCII.GetBytes(header.ToString(), bytes.AsSpan(10));
        var data = bytes.AsSpan(10 + header.Length);
        array.Data.Span.CopyTo(data);
        if (!BitConverter.IsLittleEndian)
            for (var i = 0; i < data.Length; i += size) data.Slice(i, size).Reverse();
        return bytes;
    }

    private static string Kind(string descriptor, string path, out bool swap)
    {
        var kind = descriptor.Length == 3 ? descriptor[1..] : "";
        var size = NpyArray.ElementSize(kind);
        var known = size > 0 && (descriptor[0] is '<' or '>' or '=' || (descriptor[0] == '|' && size == 1));
        if (!known) throw new RawFileException(path, null, $"expected a type such as '<f4', '<i8' or '|u1', got {RawFileException.Quote(descriptor)}");
        swap = size > 1 && descriptor[0] == (BitConverter.IsLittleEndian ? '>' : '<');
        return kind;
    }

    private static int[] Shape(long[] extents, int size, string path, out long length)
    {
        var product = (long)size;
        var isEmpty = false;
        var shape = new int[extents.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            // Checked without the zeros, so that none can hide a product that has left 64 bits.
            isEmpty |= extents[i] == 0;
            if (extents[i] > int.MaxValue || (product *= Math.Max(extents[i], 1)) > Array.MaxLength)
                throw new RawFileException(path, null, $"expected at most {Array.MaxLength} data bytes, got more: shape ({string.Join(", ", extents)})");
            shape[i] = (int)extents[i];
        }
        length = isEmpty ? 0 : product;
        return shape;
    }

    private static byte[] ToRowMajor(ReadOnlySpan<byte> source, ReadOnlySpan<int> shape, int size)
    {
        var result = new byte[source.Length];
        Span<int> index = stackalloc int[shape.Length];
        index.Clear();
        for (var target = 0; target < result.Length; target += size)
        {
            // The position of the element in column-major order: the first extent runs fastest.
            var position = 0;
            for (var d = shape.Length - 1; d >= 0; d--) position = (position * shape[d]) + index[d];
            source.Slice(position * size, size).CopyTo(result.AsSpan(target));
            for (var d = shape.Length - 1; d >= 0 && ++index[d] == shape[d]; d--) index[d] = 0;
        }
        return result;
    }
}
