using System.Buffers.Binary;
using System.Globalization;

namespace RawDL.NN;

/// <summary>Whether a written file carries checksums.</summary>
public enum SafetensorsChecksums
{
    /// <summary>A CRC-32C for each tensor and one for the header, as metadata. Other readers ignore them.</summary>
    Include,

    /// <summary>None: the plain format.</summary>
    Omit,
}

/// <summary>
/// Named tensors and string metadata in the safetensors format: eight bytes of header length, a JSON header, and data. A file names no type,
/// function or path, and reading it runs nothing. See https://github.com/huggingface/safetensors, section Format.
/// </summary>
/// <remarks>
/// The format has no checksums, so RawDL keeps them in the metadata, where other readers pass over them:
/// <list type="bullet">
/// <item><c>rawdl.crc32c.NAME</c>: CRC-32C of the bytes of tensor NAME, eight small hexadecimal digits;</item>
/// <item><c>rawdl.header.crc32c</c>: CRC-32C of all bytes before the data, the length included, with these eight digits themselves read as zeros;</item>
/// <item><c>rawdl.format</c>: the version, 1. A file with this key must have all the checksums.</item>
/// </list>
/// Each checksum that is present is checked. One flipped bit can hide at most one of the keys; the others then miss it, so any flipped bit
/// of such a file is found, in the data, in the header and in the length.
/// </remarks>
public sealed partial class SafetensorsFile
{
    private readonly Dictionary<string, SafetensorsTensor> _byName;

    private SafetensorsFile(string path, IReadOnlyDictionary<string, string> metadata, SafetensorsTensor[] tensors)
    {
        Path = path;
        Metadata = metadata;
        Tensors = tensors;
        _byName = new Dictionary<string, SafetensorsTensor>(tensors.Length);
        foreach (var tensor in tensors) _byName.Add(tensor.Name, tensor);
    }

    /// <summary>The file, as the user gave it.</summary>
    public string Path { get; }

    /// <summary>The metadata, checksums included.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The tensor of this name.</summary>
    /// <exception cref="RawFileException">There is none.</exception>
    public SafetensorsTensor this[string name] =>
        Find(name) ?? throw new RawFileException(Path, null, $"expected a tensor {RawFileException.Quote(name)}, got none of this name");

    /// <summary>The tensor of this name, or null.</summary>
    public SafetensorsTensor? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads and checks a file of any length; each tensor may have up to 2³¹ − 57 bytes. Memory: the file, and about 750 bytes for each of at most 65,536 names.</summary>
    /// <exception cref="RawFileException">The file breaks a rule of the format, or a checksum differs.</exception>
    /// <exception cref="IOException">The system could not read.</exception>
    public static SafetensorsFile Read(string path)
    {
        using var handle = InputFile.Open(path, out var length);
        if (length < SafetensorsHeader.PrefixBytes) throw TooShort(path, length);
        var prefix = new byte[SafetensorsHeader.PrefixBytes];
        InputFile.ReadExactly(handle, prefix, 0, path);
        var json = GC.AllocateUninitializedArray<byte>(SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), length, path));
        InputFile.ReadExactly(handle, json, prefix.Length, path);
        var start = prefix.Length + json.Length;
        var header = SafetensorsHeader.Parse(json, length - start, path);
        CheckHeader(header, prefix, json, path);

        var tensors = new SafetensorsTensor[header.Entries.Count];
        for (var i = 0; i < tensors.Length; i++)
        {
            var entry = header.Entries[i];
            if (entry.End - entry.Begin > Array.MaxLength)
                throw new RawFileException(path, start + entry.Begin, $"expected at most {Array.MaxLength} bytes in tensor {RawFileException.Quote(entry.Name)}, got {entry.End - entry.Begin}");
            var data = GC.AllocateUninitializedArray<byte>((int)(entry.End - entry.Begin));
            InputFile.ReadExactly(handle, data, start + entry.Begin, path);
            tensors[i] = Tensor(header, entry, data, start, path);
        }
        return new SafetensorsFile(path, header.Metadata, tensors);
    }

    /// <summary>As <see cref="Read"/>, over bytes in memory, which the tensors share.</summary>
    /// <param name="bytes">A whole file.</param>
    /// <param name="path">The name for messages.</param>
    /// <exception cref="RawFileException">The bytes break a rule of the format, or a checksum differs.</exception>
    public static SafetensorsFile Parse(ReadOnlyMemory<byte> bytes, string path)
    {
        if (bytes.Length < SafetensorsHeader.PrefixBytes) throw TooShort(path, bytes.Length);
        var prefix = bytes.Span[..SafetensorsHeader.PrefixBytes];
        var json = bytes.Span.Slice(prefix.Length, SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), bytes.Length, path));
        var start = prefix.Length + json.Length;
        var header = SafetensorsHeader.Parse(json, bytes.Length - start, path);
        CheckHeader(header, prefix, json, path);

        var tensors = new SafetensorsTensor[header.Entries.Count];
        for (var i = 0; i < tensors.Length; i++)
        {
            var entry = header.Entries[i];
            tensors[i] = Tensor(header, entry, bytes[(start + (int)entry.Begin)..(start + (int)entry.End)], start, path);
        }
        return new SafetensorsFile(path, header.Metadata, tensors);
    }

    private static RawFileException TooShort(string path, long length) =>
        new(path, length, $"expected at least {SafetensorsHeader.PrefixBytes} bytes, got {length}");

    private static void CheckHeader(SafetensorsHeader header, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> json, string path)
    {
        if (header.ChecksumPosition is var position && position >= 0)
        {
            var actual = HeaderChecksum(prefix, json, position);
            if (Parse(header, SafetensorsHeader.HeaderChecksumKey, path) is var expected && expected != actual)
                throw new RawFileException(path, 0, $"expected a header with CRC-32C {expected:x8}, got {actual:x8}: the file is damaged");
        }
        if (!header.Metadata.TryGetValue(SafetensorsHeader.FormatKey, out var version)) return;
        if (version != SafetensorsHeader.FormatVersion)
            throw new RawFileException(path, null, $"expected {SafetensorsHeader.FormatKey} {SafetensorsHeader.FormatVersion}, got {RawFileException.Quote(version)}");
        if (header.ChecksumPosition < 0)
            throw new RawFileException(path, null, $"expected metadata '{SafetensorsHeader.HeaderChecksumKey}' beside '{SafetensorsHeader.FormatKey}', got none");
    }

    private static SafetensorsTensor Tensor(SafetensorsHeader header, SafetensorsHeader.Entry entry, ReadOnlyMemory<byte> data, long start, string path)
    {
        if (Parse(header, SafetensorsHeader.TensorChecksumPrefix + entry.Name, path) is { } expected)
        {
            var actual = Crc32C.Compute(data.Span);
            if (actual != expected)
                throw new RawFileException(path, start + entry.Begin, $"expected CRC-32C {expected:x8} in tensor {RawFileException.Quote(entry.Name)}, got {actual:x8}: the file is damaged");
        }
        else if (header.Metadata.ContainsKey(SafetensorsHeader.FormatKey))
            throw new RawFileException(path, null, $"expected a checksum in the metadata for tensor {RawFileException.Quote(entry.Name)}, got none");
        return new SafetensorsTensor(entry.Name, entry.Dtype, entry.Extents, data, path);
    }

    private static uint? Parse(SafetensorsHeader header, string key, string path)
    {
        if (!header.Metadata.TryGetValue(key, out var text)) return null;
        // One way to write a value: were capital letters read too, the flipped bit between 'a' and 'A' would go unseen.
        if (uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && Hex(value) == text) return value;
        throw new RawFileException(path, null, $"expected 8 small hexadecimal digits in metadata {RawFileException.Quote(key)}, got {RawFileException.Quote(text)}");
    }

    private static uint HeaderChecksum(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> json, int position)
    {
        var state = Crc32C.Append(uint.MaxValue, prefix);
        state = Crc32C.Append(state, json[..position]);
        state = Crc32C.Append(state, "00000000"u8);
        return ~Crc32C.Append(state, json[(position + 8)..]);
    }
}
