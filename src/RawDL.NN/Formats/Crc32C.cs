using System.Buffers.Binary;
using System.Numerics;

namespace RawDL.NN;

/// <summary>CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of bytes; of the ASCII digits 1 to 9 it is E3069283.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of one piece.</summary>
    internal static uint Compute(ReadOnlySpan<byte> bytes) => ~Append(uint.MaxValue, bytes);

    /// <summary>Continues a running state, which starts at all ones and is complemented at the end.</summary>
    internal static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= 8)
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }
        foreach (var b in bytes) state = BitOperations.Crc32C(state, b);
        return state;
    }
}
