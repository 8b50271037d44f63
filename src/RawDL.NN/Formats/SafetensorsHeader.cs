using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace RawDL.NN;

/// <summary>The checked header of a safetensors file: metadata, and tensors in the order of their bytes.</summary>
internal sealed class SafetensorsHeader
{
    internal const string MetadataKey = "__metadata__";
    internal const string FormatKey = "rawdl.format";
    internal const string HeaderChecksumKey = "rawdl.header.crc32c";
    internal const string TensorChecksumPrefix = "rawdl.crc32c.";
    internal const string FormatVersion = "1";
    internal const int PrefixBytes = 8;
    internal const int MaxBytes = 100_000_000;

    // An entry of a few bytes costs about two hundred on the heap; the limit keeps a hostile header from multiplying its size.
    internal const int MaxEntries = 65_536;
    internal const int MaxRank = 32;

    private readonly string _path;
    private readonly List<Entry> _entries = [];
    private readonly HashSet<string> _names = [];

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>A tensor's place: bytes <c>Begin</c> to <c>End</c> of the data section.</summary>
    internal readonly record struct Entry(string Name, string Dtype, long[] Extents, long Begin, long End);

    internal IReadOnlyList<Entry> Entries => _entries;

    internal Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Where the eight digits of the header's own checksum stand in the JSON, or −1.</summary>
    internal int ChecksumPosition { get; private set; } = -1;

    /// <summary>Checks the length prefix of a file against its length and returns the header's length.</summary>
    internal static int CheckLength(ulong headerLength, long fileLength, string path)
    {
        if (headerLength > MaxBytes) throw new RawFileException(path, 0, $"expected a header of at most {MaxBytes} bytes, got {headerLength}");
        if (headerLength > (ulong)(fileLength - PrefixBytes))
            throw new RawFileException(path, 0, $"expected a header within the {fileLength - PrefixBytes} bytes that follow its length, got {headerLength}");
        return (int)headerLength;
    }

    /// <summary>Parses the JSON and checks that the tensors fill the data section exactly.</summary>
    /// <exception cref="RawFileException">The header breaks a rule of the format; the checks run in the order of the format's list.</exception>
    internal static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string path)
    {
        if (!Utf8.IsValid(json)) throw new RawFileException(path, PrefixBytes, "expected a header in UTF-8, got other bytes");
        if (json.IsEmpty || json[0] != '{') throw new RawFileException(path, PrefixBytes, $"expected '{{' at the start of the header, got {(json.IsEmpty ? "nothing" : $"byte {json[0]}")}");
        var header = new SafetensorsHeader(path);
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 4 });
        try
        {
            header.ReadRoot(ref reader);
        }
        catch (JsonException e)
        {
            throw new RawFileException(path, PrefixBytes + reader.BytesConsumed, "expected a header of valid JSON with at most 4 levels, got other text", e);
        }
        catch (InvalidOperationException e)
        {
            // A string with half of a surrogate pair, written as an escape, is valid UTF-8 and valid JSON but no text.
            throw header.Error(ref reader, "text", "an escape that is no character", e);
        }
        header.CheckPlaces(dataLength);
        return header;
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        reader.Read();
        var hasMetadata = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (name != MetadataKey)
            {
                if (_entries.Count == MaxEntries) throw Error(ref reader, $"at most {MaxEntries} tensors", "more");
                if (!_names.Add(name)) throw Error(ref reader, "each tensor once", $"{RawFileException.Quote(name)} twice");
                _entries.Add(ReadTensor(ref reader, name));
                continue;
            }
            if (hasMetadata) throw Error(ref reader, "each key once", $"'{MetadataKey}' twice");
            hasMetadata = true;
            ReadMetadata(ref reader);
        }
        // After the closing brace only white space may follow: the reader throws on anything else.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw Error(ref reader, $"an object in '{MetadataKey}'", Found(ref reader));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Error(ref reader, $"a string for metadata {RawFileException.Quote(key)}", Found(ref reader));
            if (Metadata.Count == MaxEntries) throw Error(ref reader, $"at most {MaxEntries} metadata keys", "more");
            if (!Metadata.TryAdd(key, reader.GetString()!)) throw Error(ref reader, "each metadata key once", $"{RawFileException.Quote(key)} twice");
            if (key != HeaderChecksumKey) continue;
            if (reader.ValueSpan.Length != 8 || reader.ValueIsEscaped) throw Error(ref reader, $"8 digits for metadata '{key}'", $"{reader.ValueSpan.Length} bytes");
            ChecksumPosition = (int)reader.TokenStartIndex + 1;
        }
    }

    private Entry ReadTensor(ref Utf8JsonReader reader, string name)
    {
        var quoted = RawFileException.Quote(name);
        string? dtype = null;
        long[]? extents = null, offsets = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw Error(ref reader, $"an object for tensor {quoted}", Found(ref reader));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"u8) && dtype is null) dtype = ReadDtype(ref reader, quoted);
            else if (reader.ValueTextEquals("shape"u8) && extents is null) extents = ReadNumbers(ref reader, MaxRank, $"shape of tensor {quoted}");
            else if (reader.ValueTextEquals("data_offsets"u8) && offsets is null) offsets = ReadNumbers(ref reader, 2, $"data_offsets of tensor {quoted}");
            else throw Error(ref reader, $"dtype, shape and data_offsets once each in tensor {quoted}", RawFileException.Quote(reader.GetString()!));
        }
        if (dtype is null || extents is null || offsets is null)
            throw Error(ref reader, $"dtype, shape and data_offsets in tensor {quoted}", "no " + (dtype is null ? "dtype" : extents is null ? "shape" : "data_offsets"));
        if (offsets.Length != 2) throw Error(ref reader, $"2 data_offsets in tensor {quoted}", $"{offsets.Length}");
        return new Entry(name, dtype, extents, offsets[0], offsets[1]);
    }

    private string ReadDtype(ref Utf8JsonReader reader, string quoted)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String) throw Error(ref reader, $"a string for the dtype of tensor {quoted}", Found(ref reader));
        var text = reader.GetString()!;
        return SafetensorsDtype.Intern(text) ?? throw Error(ref reader, $"a dtype of the format in tensor {quoted}", RawFileException.Quote(text));
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, int limit, string what)
    {
        Span<long> numbers = stackalloc long[MaxRank];
        var count = 0;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray) throw Error(ref reader, $"an array for {what}", Found(ref reader));
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (count == limit) throw Error(ref reader, $"at most {limit} numbers in {what}", "more");
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan[0] == '-' || !reader.TryGetInt64(out numbers[count]))
                throw Error(ref reader, $"whole numbers of 0 to 2^63 - 1 in {what}", Found(ref reader));
            count++;
        }
        return numbers[..count].ToArray();
    }

    private void CheckPlaces(long dataLength)
    {
        foreach (var entry in _entries)
        {
            var bytes = SafetensorsDtype.ByteCount(entry.Dtype, entry.Extents);
            if (bytes < 0) throw Error(entry, "a size of whole bytes below 2^63", $"{entry.Dtype} [{string.Join(", ", entry.Extents)}]");
            if (entry.Begin > entry.End) throw Error(entry, "data_offsets in ascending order", $"[{entry.Begin}, {entry.End}]");
            if (entry.End > dataLength) throw Error(entry, $"data_offsets within the {dataLength} data bytes", $"[{entry.Begin}, {entry.End}]");
            if (entry.End - entry.Begin != bytes) throw Error(entry, $"{bytes} bytes for {entry.Dtype} [{string.Join(", ", entry.Extents)}]", $"{entry.End - entry.Begin}");
        }
        _entries.Sort(static (x, y) => x.Begin != y.Begin ? x.Begin.CompareTo(y.Begin) : x.End.CompareTo(y.End));
        var next = 0L;
        foreach (var entry in _entries)
        {
            if (entry.Begin != next) throw Error(entry, $"data from byte {next} on", $"{(entry.Begin > next ? "a hole" : "an overlap")}: they begin at byte {entry.Begin}");
            next = entry.End;
        }
        if (next != dataLength) throw new RawFileException(_path, null, $"expected {next} data bytes, got {dataLength}");
    }

    private static string Found(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Number => Encoding.ASCII.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 40)]),
        JsonTokenType.StartArray => "an array",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "text",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    private RawFileException Error(ref Utf8JsonReader reader, string expected, string got, Exception? inner = null) =>
        new(_path, PrefixBytes + reader.TokenStartIndex, $"expected {expected}, got {got}", inner);

    private RawFileException Error(Entry entry, string expected, string got) =>
        new(_path, null, $"expected {expected} in tensor {RawFileException.Quote(entry.Name)}, got {got}");
}
