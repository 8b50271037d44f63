using System.Buffers.Binary;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What travels with the tasks of a round: numbers, and the weights of the replicas.</summary>
/// <param name="Id">Of the run: no two runs have the same.</param>
/// <param name="Run">Number of the broadcast with configuration and data.</param>
/// <param name="Start">Number of the broadcast with what the round begins with, or of the round at <paramref name="Source"/>; −1 in an empty round.</param>
/// <param name="Kind">What the round makes of the replicas' work.</param>
/// <param name="Shards">Replicas.</param>
/// <param name="Slices">Parts of the vector, each of which one task adds up.</param>
/// <param name="Weights">Of the replicas; empty for 1.</param>
/// <param name="Source">Where the driver hands out what the round begins with; null where it is a broadcast.</param>
/// <param name="Adders">Where executors add up slices, of which they take turns; null for Spark's own exchange.</param>
internal sealed record RoundCall(Guid Id, long Run, long Start, RoundKind Kind, int Shards, int Slices, float[] Weights, RoundAddress? Source = null, RoundAddress[]? Adders = null)
{
    private const int Fixed = 48;

    internal byte[] Encode()
    {
        var addresses = Source is null ? [] : RoundAddress.Encode([Source, .. Adders ?? []]);
        var bytes = new byte[Fixed + 4 * Weights.Length + addresses.Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Run);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(8), Start);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), Shards);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), Slices);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(24), Weights.Length);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(28), (int)Kind);
        Id.TryWriteBytes(bytes.AsSpan(32));
        for (var i = 0; i < Weights.Length; i++) BinaryPrimitives.WriteSingleBigEndian(bytes.AsSpan(Fixed + 4 * i), Weights[i]);
        addresses.CopyTo(bytes.AsSpan(Fixed + 4 * Weights.Length));
        return bytes;
    }

    /// <exception cref="SparkProtocolException">Other bytes.</exception>
    internal static RoundCall Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Fixed || BinaryPrimitives.ReadInt32BigEndian(bytes[24..]) is var count && (count < 0 || bytes.Length < Fixed + 4L * count))
            throw new SparkProtocolException($"round: expected its numbers, got {bytes.Length} bytes");
        var weights = new float[count];
        for (var i = 0; i < weights.Length; i++) weights[i] = BinaryPrimitives.ReadSingleBigEndian(bytes[(Fixed + 4 * i)..]);
        var (shards, slices) = (BinaryPrimitives.ReadInt32BigEndian(bytes[16..]), BinaryPrimitives.ReadInt32BigEndian(bytes[20..]));
        var kind = BinaryPrimitives.ReadInt32BigEndian(bytes[28..]);
        if (shards < 1 || slices < 1 || kind is < 0 or > 1) throw new SparkProtocolException($"round: expected a replica and a slice at least and kind 0 or 1, got {shards}, {slices} and {kind}");
        var addresses = RoundAddress.Decode(bytes[(Fixed + 4 * count)..]);
        return new RoundCall(new Guid(bytes[32..Fixed]), BinaryPrimitives.ReadInt64BigEndian(bytes), BinaryPrimitives.ReadInt64BigEndian(bytes[8..]), (RoundKind)kind, shards, slices, weights,
            addresses.FirstOrDefault(), addresses.Length > 1 ? addresses[1..] : null);
    }
}
