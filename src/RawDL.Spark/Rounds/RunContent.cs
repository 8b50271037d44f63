using System.Buffers.Binary;
using System.Text;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What all rounds of a run share: its configuration and its data. It travels once to each executor.</summary>
/// <param name="Configuration">The run's.</param>
/// <param name="Data">The run's.</param>
internal sealed record RunContent(TrainingConfiguration Configuration, DatasetPair Data)
{
    private const int Fixed = 4;

    internal static byte[] Encode(TrainingConfiguration configuration, DatasetPair data)
    {
        var json = Encoding.UTF8.GetBytes(configuration.ToJson());
        var packed = PackedData.Encode(data);
        var bytes = new byte[Fixed + json.Length + packed.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, json.Length);
        json.CopyTo(bytes, Fixed);
        packed.CopyTo(bytes, Fixed + json.Length);
        return bytes;
    }

    /// <exception cref="SparkProtocolException">Other bytes.</exception>
    internal static RunContent Decode(ReadOnlyMemory<byte> bytes)
    {
        var length = bytes.Length < Fixed ? -1 : BinaryPrimitives.ReadInt32BigEndian(bytes.Span);
        if (length < 0 || length > bytes.Length - Fixed) throw new SparkProtocolException($"run: expected configuration and data, got {bytes.Length} bytes");
        return new RunContent(TrainingConfiguration.Parse(bytes.Span.Slice(Fixed, length).ToArray()), PackedData.Decode(SafetensorsFile.Parse(bytes[(Fixed + length)..], "data of the run")));
    }
}
