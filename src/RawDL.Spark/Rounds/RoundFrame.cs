using System.Buffers.Binary;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What tasks of a round write: a replica's report, its part of a block, the sum of a block, that the driver has taken it, that it does not reach the driver or an adder, as text, or the address of its own process's adder. A kind and three numbers stand before the bytes.</summary>
internal static class RoundFrame
{
    internal const int Report = 0, Part = 1, Sum = 2, Unreachable = 3, Taken = 4, Adder = 5, Lost = 6;
    private const int Fixed = 16;

    /// <summary>What stands before the bytes of a frame.</summary>
    /// <param name="kind">Report, with the replica's number; Part, with the replica, the block's first element and the number of trainable parameters, the vector's beginning; Sum, with the block's
    /// first element, the number of values and that of distances, which come first; Taken, with the same; Unreachable, Adder and Lost, with the replica's number.</param>
    /// <param name="a">See above.</param>
    /// <param name="b">See above.</param>
    /// <param name="c">See above.</param>
    internal static byte[] Head(int kind, int a, int b = 0, int c = 0)
    {
        var head = new byte[Fixed];
        BinaryPrimitives.WriteInt32BigEndian(head, kind);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(4), a);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(8), b);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(12), c);
        return head;
    }

    /// <exception cref="SparkProtocolException">Other bytes.</exception>
    internal static (int Kind, int A, int B, int C) Read(ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> bytes)
    {
        if (frame.Length < Fixed) throw Refused(frame.Length);
        bytes = frame[Fixed..];
        return (BinaryPrimitives.ReadInt32BigEndian(frame), BinaryPrimitives.ReadInt32BigEndian(frame[4..]), BinaryPrimitives.ReadInt32BigEndian(frame[8..]), BinaryPrimitives.ReadInt32BigEndian(frame[12..]));
    }

    /// <summary>Whether the driver has taken sums of so many elements.</summary>
    internal static bool Cover(IEnumerable<byte[]?> frames, int elements)
    {
        // Attempts and ranks may tell of the same sum.
        var taken = new Dictionary<int, int>();
        foreach (var frame in frames)
            if (Read(frame, out _) is (Taken, var first, var values, _)) taken[first] = values;
        return taken.Values.Sum() == elements;
    }

    internal static RoundSum ReadSum(int first, int values, int distances, ReadOnlySpan<byte> bytes)
    {
        if (first < 0 || values < 0 || distances < 0 || bytes.Length != 4L * values + 8L * distances) throw Refused(bytes.Length);
        return new RoundSum(first, MemoryMarshal.Cast<byte, float>(bytes[(8 * distances)..]).ToArray(), MemoryMarshal.Cast<byte, double>(bytes[..(8 * distances)]).ToArray());
    }

    internal static SparkProtocolException Refused(int length) => new($"round: expected a part of a round, got {length} other bytes");
}
