using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RawDL.NN;

public sealed partial class SafetensorsFile
{
    /// <summary>Writes a file through <see cref="Durable"/>: the path holds the old content or the new one, whole, at every moment.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors; stored by type, widest first, then by name.</param>
    /// <param name="metadata">Strings to keep with them. Keys of the checksums are refused.</param>
    /// <param name="checksums">Whether to add checksums.</param>
    /// <exception cref="ArgumentException">A name comes twice, a metadata key is reserved, a text is no Unicode, or there are too many tensors or bytes of header.</exception>
    /// <exception cref="IOException">The file could not be saved; see <see cref="Durable.Write(string, Action{Stream}, long)"/>.</exception>
    public static void Write(string path, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string> metadata,
        SafetensorsChecksums checksums = SafetensorsChecksums.Include)
    {
        var content = Compose(tensors, metadata, checksums, out var length);
        Durable.Write(path, stream => WriteTo(stream, content), length);
    }

    /// <summary>The bytes that <see cref="Write"/> would write.</summary>
    /// <exception cref="ArgumentException">As for <see cref="Write"/>, or the file would be longer than 2 GiB.</exception>
    public static byte[] ToBytes(IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string> metadata,
        SafetensorsChecksums checksums = SafetensorsChecksums.Include)
    {
        var content = Compose(tensors, metadata, checksums, out var length);
        if (length > Array.MaxLength) throw new ArgumentException($"SafetensorsFile: expected at most {Array.MaxLength} bytes, got {length}.");
        var bytes = new byte[length];
        using var stream = new MemoryStream(bytes);
        WriteTo(stream, content);
        return bytes;
    }

    private static void WriteTo(Stream stream, ReadOnlyMemory<byte>[] content)
    {
        foreach (var part in content) stream.Write(part.Span);
    }

    /// <summary>The header, its length in front, and then the data of each tensor.</summary>
    private static ReadOnlyMemory<byte>[] Compose(IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string> metadata,
        SafetensorsChecksums checksums, out long length)
    {
        if (tensors.Count > SafetensorsHeader.MaxEntries)
            throw new ArgumentException($"SafetensorsFile: expected at most {SafetensorsHeader.MaxEntries} tensors, got {tensors.Count}.");
        var ordered = tensors.ToArray();
        Array.Sort(ordered, static (x, y) => SafetensorsDtype.Order(y.Dtype) - SafetensorsDtype.Order(x.Dtype) is var order && order != 0
            ? order : string.CompareOrdinal(x.Name, y.Name));
        var header = WriteHeader(ordered, Strings(ordered, metadata, checksums), out var checksumPosition);
        if (checksums == SafetensorsChecksums.Include)
        {
            var value = HeaderChecksum(header.AsSpan(0, SafetensorsHeader.PrefixBytes), header.AsSpan(SafetensorsHeader.PrefixBytes), checksumPosition);
            Encoding.ASCII.GetBytes(Hex(value), header.AsSpan(SafetensorsHeader.PrefixBytes + checksumPosition, 8));
        }

        var content = new ReadOnlyMemory<byte>[ordered.Length + 1];
        content[0] = header;
        length = header.Length;
        for (var i = 0; i < ordered.Length; i++)
        {
            content[i + 1] = ordered[i].Data;
            length += ordered[i].Data.Length;
        }
        return content;
    }

    private static SortedDictionary<string, string> Strings(SafetensorsTensor[] tensors, IReadOnlyDictionary<string, string> metadata, SafetensorsChecksums checksums)
    {
        var strings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in metadata)
        {
            if (key is SafetensorsHeader.FormatKey or SafetensorsHeader.HeaderChecksumKey || key.StartsWith(SafetensorsHeader.TensorChecksumPrefix, StringComparison.Ordinal))
                throw new ArgumentException($"SafetensorsFile: expected metadata without the reserved key {RawFileException.Quote(key)}.");
            strings.Add(Text(key), Text(value));
        }
        if (checksums == SafetensorsChecksums.Omit) return strings;
        strings.Add(SafetensorsHeader.FormatKey, SafetensorsHeader.FormatVersion);
        strings.Add(SafetensorsHeader.HeaderChecksumKey, "00000000");
        foreach (var tensor in tensors) strings[SafetensorsHeader.TensorChecksumPrefix + tensor.Name] = Hex(Crc32C.Compute(tensor.Data.Span));
        return strings;
    }

    private static byte[] WriteHeader(SafetensorsTensor[] tensors, SortedDictionary<string, string> strings, out int checksumPosition)
    {
        checksumPosition = -1;
        var buffer = new ArrayBufferWriter<byte>();
        // The relaxed encoder only leaves letters of other scripts as they are; quotes and control characters are still escaped.
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (strings.Count > 0)
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                foreach (var (key, value) in strings)
                {
                    json.WriteString(key, value);
                    if (key == SafetensorsHeader.HeaderChecksumKey) checksumPosition = (int)(json.BytesCommitted + json.BytesPending) - 9;
                }
                json.WriteEndObject();
            }
            WriteTensors(json, tensors);
            json.WriteEndObject();
        }
        // Spaces at the end let the data begin at a multiple of eight bytes.
        var length = (buffer.WrittenCount + 7) / 8 * 8;
        if (length > SafetensorsHeader.MaxBytes) throw new ArgumentException($"SafetensorsFile: expected a header of at most {SafetensorsHeader.MaxBytes} bytes, got {length}.");
        var header = new byte[SafetensorsHeader.PrefixBytes + length];
        BinaryPrimitives.WriteInt64LittleEndian(header, length);
        header.AsSpan(SafetensorsHeader.PrefixBytes).Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header.AsSpan(SafetensorsHeader.PrefixBytes));
        return header;
    }

    private static void WriteTensors(Utf8JsonWriter json, SafetensorsTensor[] tensors)
    {
        var names = new HashSet<string>();
        var offset = 0L;
        foreach (var tensor in tensors)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"SafetensorsFile: expected each name once, got {RawFileException.Quote(tensor.Name)} twice.");
            json.WriteStartObject(Text(tensor.Name));
            json.WriteString("dtype", tensor.Dtype);
            json.WriteStartArray("shape");
            foreach (var extent in tensor.Extents) json.WriteNumberValue(extent);
            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            offset += tensor.Data.Length;
            json.WriteNumberValue(offset);
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    // The writer would put U+FFFD in the place of half a surrogate pair, and two names could become one.
    private static string Text(string text)
    {
        var consumed = 0;
        for (ReadOnlySpan<char> rest = text; rest.Length > 0; rest = rest[consumed..])
            if (Rune.DecodeFromUtf16(rest, out _, out consumed) != OperationStatus.Done)
                throw new ArgumentException($"SafetensorsFile: expected text without halves of surrogate pairs, got {RawFileException.Quote(text)}.");
        return text;
    }

    private static string Hex(uint value) => value.ToString("x8", CultureInfo.InvariantCulture);
}
