using System.Buffers.Binary;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What tasks of a round write: a replica's report, its part of a block, or the sum of a block. A kind and three numbers stand before the bytes.</summary>
internal static class RoundFrame
{
    internal const int Report = 0, Part = 1, Sum = 2;
    private const int Fixed = 16;

    internal static byte[] OfReport(RoundContribution contribution) => Compose(Report, contribution.Rank, 0, 0, contribution.Encode());

    /// <summary>A replica's part of a block.</summary>
    /// <param name="rank">The replica.</param>
    /// <param name="first">First element of the block.</param>
    /// <param name="trainable">Trainable parameters, the vector's beginning.</param>
    /// <param name="values">The part.</param>
    internal static byte[] OfPart(int rank, int first, int trainable, ReadOnlySpan<float> values) => Compose(Part, rank, first, trainable, MemoryMarshal.AsBytes(values));

    internal static byte[] OfSum(RoundSum sum) =>
        Compose(Sum, sum.First, sum.Sum.Length, sum.Distances.Length, [.. MemoryMarshal.AsBytes(sum.Distances.AsSpan()), .. MemoryMarshal.AsBytes(sum.Sum.AsSpan())]);

    /// <exception cref="SparkProtocolException">Other bytes.</exception>
    internal static (int Kind, int A, int B, int C) Read(ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> bytes)
    {
        if (frame.Length < Fixed) throw Refused(frame.Length);
        bytes = frame[Fixed..];
        return (BinaryPrimitives.ReadInt32BigEndian(frame), BinaryPrimitives.ReadInt32BigEndian(frame[4..]), BinaryPrimitives.ReadInt32BigEndian(frame[8..]), BinaryPrimitives.ReadInt32BigEndian(frame[12..]));
    }

    internal static RoundSum ReadSum(int first, int values, int distances, ReadOnlySpan<byte> bytes)
    {
        if (first < 0 || values < 0 || distances < 0 || bytes.Length != 4L * values + 8L * distances) throw Refused(bytes.Length);
        return new RoundSum(first, MemoryMarshal.Cast<byte, float>(bytes[(8 * distances)..]).ToArray(), MemoryMarshal.Cast<byte, double>(bytes[..(8 * distances)]).ToArray());
    }

    internal static SparkProtocolException Refused(int length) => new($"round: expected a part of a round, got {length} other bytes");

    private static byte[] Compose(int kind, int a, int b, int c, ReadOnlySpan<byte> bytes)
    {
        var frame = new byte[Fixed + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, kind);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), a);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(8), b);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(12), c);
        bytes.CopyTo(frame.AsSpan(Fixed));
        return frame;
    }
}
