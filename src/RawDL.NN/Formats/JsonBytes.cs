using System.Buffers;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>JSON as UTF-8 bytes.</summary>
internal static class JsonBytes
{
    public static byte[] Of(Action<Utf8JsonWriter> write, JsonWriterOptions options = default)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, options)) write(json);
        return buffer.WrittenSpan.ToArray();
    }
}
