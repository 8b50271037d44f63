using System.Buffers.Binary;
using System.Text;

namespace RawDL.Peers;

/// <summary>Lets a shared library built by GCC 13 load where the C++ runtime is that of GCC 12, as in Debian 12. What such a library needs of the newer one is often a single
/// function of no parameters and no result, by which that runtime opens its streams late; the older one does it itself. The reference is pointed at floor of
/// the C library, which does nothing to anybody, and the version that went with it at another one of the same file.</summary>
/// <remarks>Source of the layout: the ELF-64 object file format, and the Linux Standard Base on symbol versions.</remarks>
internal static class OlderRuntime
{
    private const string Function = "_ZSt21ios_base_library_initv", Harmless = "floor", Version = "GLIBCXX_3.4.32", Older = "GLIBCXX_3.4.30";
    private const int DynamicSymbols = 11, SymbolVersions = 0x6fffffff, NeededVersions = 0x6ffffffe;
    private const int SymbolSize = 24, AnyVersion = 1;

    /// <summary>Changes the file if it needs that; done twice, the second time does nothing.</summary>
    public static void Fit(string path)
    {
        var file = File.ReadAllBytes(path);
        var (symbols, symbolBytes, strings) = Section(file, DynamicSymbols);
        var versions = Section(file, SymbolVersions).Offset;
        int function = -1, harmless = -1;
        for (var i = 0; i < symbolBytes / SymbolSize; i++)
        {
            var name = Name(file, strings + Int(file, symbols + i * SymbolSize));
            if (name == Function) function = i;
            if (name == Harmless) harmless = i;
        }
        if (function < 0 || harmless < 0) return;
        file.AsSpan(symbols + harmless * SymbolSize, sizeof(int)).CopyTo(file.AsSpan(symbols + function * SymbolSize));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(versions + 2 * function), AnyVersion);
        int wanted = -1, older = -1;
        var (needed, _, names) = Section(file, NeededVersions);
        // Files one after the other, each with its versions: hash (4), flags (2), number (2), name (4), distance to the next (4).
        for (int of = needed, next = 1; next != 0; of += next)
        {
            next = Int(file, of + 12);
            for (int at = of + Int(file, of + 8), step = 1; step != 0; at += step)
            {
                step = Int(file, at + 12);
                var name = Name(file, names + Int(file, at + 8));
                if (name == Version) wanted = at;
                if (name == Older) older = at;
            }
        }
        if (wanted < 0 || older < 0) return;
        file.AsSpan(older, 4).CopyTo(file.AsSpan(wanted));
        file.AsSpan(older + 8, 4).CopyTo(file.AsSpan(wanted + 8));
        // Beside it and then in its place: the old one may be open elsewhere.
        File.WriteAllBytes(path + ".new", file);
        File.Move(path + ".new", path, overwrite: true);
    }

    // Offset and length of the first section of a type, and the offset of the strings that it names.
    private static (int Offset, int Length, int Strings) Section(byte[] file, int type)
    {
        int headers = Int(file, 0x28), size = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(0x3a)), count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(0x3c));
        for (var i = 0; i < count; i++)
        {
            var header = headers + i * size;
            if (Int(file, header + 4) == type) return (Int(file, header + 0x18), Int(file, header + 0x20), Int(file, headers + Int(file, header + 0x28) * size + 0x18));
        }
        throw new NotSupportedException($"no section of type {type:x}");
    }

    private static int Int(byte[] file, int offset) => BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(offset));

    private static string Name(byte[] file, int offset) => Encoding.ASCII.GetString(file.AsSpan(offset)[..file.AsSpan(offset).IndexOf((byte)0)]);
}
