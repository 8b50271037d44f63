namespace RawDL.NN;

/// <summary>The element types of a safetensors file. A type is its name in the file, such as <c>F32</c>.</summary>
internal static class SafetensorsDtype
{
    // In the format's order, smallest alignment first; a writer sorts by it, descending. After each name, the bits of one element.
    private static readonly (string Name, int Bits)[] s_types =
    [
        ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8), ("F8_E5M2", 8), ("F8_E4M3", 8), ("F8_E8M0", 8),
        ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32),
        ("C64", 64), ("F64", 64), ("I64", 64), ("U64", 64),
    ];

    /// <summary>The place in the format's order, or −1 for an unknown name.</summary>
    internal static int Order(string name)
    {
        for (var i = 0; i < s_types.Length; i++)
            if (s_types[i].Name == name) return i;
        return -1;
    }

    /// <summary>The format's own string for a name, so that a file with many tensors holds one copy, or null for an unknown name.</summary>
    internal static string? Intern(ReadOnlySpan<char> name)
    {
        foreach (var type in s_types)
            if (name.SequenceEqual(type.Name)) return type.Name;
        return null;
    }

    /// <summary>Bytes of a tensor, or −1 when the product overflows 64 bits or does not fill whole bytes.</summary>
    internal static long ByteCount(string name, ReadOnlySpan<long> extents)
    {
        Int128 bits = s_types[Order(name)].Bits;
        // Each factor is below 2^63, and the running product is kept below 2^66, so a step cannot leave 128 bits unseen.
        foreach (var extent in extents)
        {
            bits *= extent;
            if (bits > (Int128)long.MaxValue * 8) return -1;
        }
        return bits % 8 == 0 ? (long)(bits / 8) : -1;
    }
}
