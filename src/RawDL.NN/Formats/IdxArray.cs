using System.Runtime.InteropServices;

namespace RawDL.NN;

/// <summary>The element types of an IDX file, with their codes in it.</summary>
public enum IdxType
{
    /// <summary>Unsigned, 8 bits.</summary>
    UInt8 = 0x08,

    /// <summary>Signed, 8 bits.</summary>
    Int8 = 0x09,

    /// <summary>Signed, 16 bits.</summary>
    Int16 = 0x0B,

    /// <summary>Signed, 32 bits.</summary>
    Int32 = 0x0C,

    /// <summary>IEEE 754 binary32.</summary>
    Float32 = 0x0D,

    /// <summary>IEEE 754 binary64.</summary>
    Float64 = 0x0E,
}

/// <summary>An array from an IDX file.</summary>
public sealed class IdxArray
{
    private readonly int[] _dimensions;

    internal IdxArray(IdxType type, int[] dimensions, byte[] data)
    {
        (Type, _dimensions, Data) = (type, dimensions, data);
    }

    /// <summary>The element type.</summary>
    public IdxType Type { get; }

    /// <summary>The extents, outermost first: 1 to 4 of them.</summary>
    public ReadOnlySpan<int> Dimensions => _dimensions;

    /// <summary>The elements, row-major, in the byte order of this machine.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>The bytes of <see cref="Data"/> themselves when they fill an array, as a reader leaves them; else a copy.</summary>
    internal byte[] TakeData() =>
        MemoryMarshal.TryGetArray(Data, out var part) && part.Offset == 0 && part.Count == part.Array!.Length ? part.Array : Data.ToArray();

    /// <summary>Number of elements.</summary>
    public int Count => Data.Length / ElementSize(Type);

    /// <summary>The elements as float32; 32-bit integers and binary64 are rounded to nearest.</summary>
    public float[] ToFloats()
    {
        var result = new float[Count];
        switch (Type)
        {
            case IdxType.UInt8: Convert<byte, float>(result); break;
            case IdxType.Int8: Convert<sbyte, float>(result); break;
            case IdxType.Int16: Convert<short, float>(result); break;
            case IdxType.Int32: Convert<int, float>(result); break;
            case IdxType.Float32: Convert<float, float>(result); break;
            default: Convert<double, float>(result); break;
        }
        return result;
    }

    /// <summary>The elements as integers, as labels are.</summary>
    /// <exception cref="InvalidOperationException">The elements are floats.</exception>
    public int[] ToInts()
    {
        var result = new int[Count];
        switch (Type)
        {
            case IdxType.UInt8: Convert<byte, int>(result); break;
            case IdxType.Int8: Convert<sbyte, int>(result); break;
            case IdxType.Int16: Convert<short, int>(result); break;
            case IdxType.Int32: Convert<int, int>(result); break;
            default: throw new InvalidOperationException($"IdxArray: expected integers, got {Type}.");
        }
        return result;
    }

    /// <summary>Bytes of one element, or 0 for an unknown type.</summary>
    internal static int ElementSize(IdxType type) => type switch
    {
        IdxType.UInt8 or IdxType.Int8 => 1,
        IdxType.Int16 => 2,
        IdxType.Int32 or IdxType.Float32 => 4,
        IdxType.Float64 => 8,
        _ => 0,
    };

    private void Convert<TFrom, TTo>(Span<TTo> destination)
        where TFrom : unmanaged, System.Numerics.INumberBase<TFrom>
        where TTo : unmanaged, System.Numerics.INumberBase<TTo>
    {
        var source = MemoryMarshal.Cast<byte, TFrom>(Data.Span);
        for (var i = 0; i < source.Length; i++) destination[i] = TTo.CreateTruncating(source[i]);
    }
}
