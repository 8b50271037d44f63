namespace RawDL.NN;

/// <summary>CRC-32 of gzip and PNG (reflected polynomial 0xEDB88320); of the ASCII digits 1 to 9 it is CBF43926.</summary>
internal static class Crc32
{
    private static readonly uint[] s_table = MakeTable();

    /// <summary>The checksum of one piece.</summary>
    internal static uint Compute(ReadOnlySpan<byte> bytes) => ~Append(uint.MaxValue, bytes);

    /// <summary>Continues a running state, which starts at all ones and is complemented at the end.</summary>
    internal static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes) state = s_table[(byte)(state ^ b)] ^ (state >> 8);
        return state;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            table[i] = value;
        }
        return table;
    }
}
