using System.Numerics;
using System.Runtime.InteropServices;

namespace RawDL.NN;

/// <summary>An array from an npy file, or for one.</summary>
public sealed class NpyArray
{
    private readonly int[] _shape;

    internal NpyArray(string kind, int[] shape, byte[] data)
    {
        (Kind, _shape, Data) = (kind, shape, data);
    }

    /// <summary>Letter and bytes of the element type: f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1.</summary>
    public string Kind { get; }

    /// <summary>The extents, outermost first; none for a scalar.</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>The elements, row-major, in the byte order of this machine.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>The bytes of <see cref="Data"/> themselves when they fill an array, as a reader leaves them; else a copy.</summary>
    internal byte[] TakeData() =>
        MemoryMarshal.TryGetArray(Data, out var part) && part.Offset == 0 && part.Count == part.Array!.Length ? part.Array : Data.ToArray();

    /// <summary>Number of elements.</summary>
    public int Count => Data.Length / ElementSize(Kind);

    /// <summary>Copies float32 elements into an array of kind f4.</summary>
    /// <exception cref="ArgumentException">The values do not fill the shape.</exception>
    public static NpyArray Create(ReadOnlySpan<int> shape, ReadOnlySpan<float> values) => Create("f4", shape, values);

    /// <summary>Copies binary64 elements into an array of kind f8.</summary>
    /// <exception cref="ArgumentException">The values do not fill the shape.</exception>
    public static NpyArray Create(ReadOnlySpan<int> shape, ReadOnlySpan<double> values) => Create("f8", shape, values);

    /// <summary>Copies 32-bit integers into an array of kind i4.</summary>
    /// <exception cref="ArgumentException">The values do not fill the shape.</exception>
    public static NpyArray Create(ReadOnlySpan<int> shape, ReadOnlySpan<int> values) => Create("i4", shape, values);

    /// <summary>Copies 64-bit integers into an array of kind i8.</summary>
    /// <exception cref="ArgumentException">The values do not fill the shape.</exception>
    public static NpyArray Create(ReadOnlySpan<int> shape, ReadOnlySpan<long> values) => Create("i8", shape, values);

    /// <summary>Copies bytes into an array of kind u1.</summary>
    /// <exception cref="ArgumentException">The values do not fill the shape.</exception>
    public static NpyArray Create(ReadOnlySpan<int> shape, ReadOnlySpan<byte> values) => Create("u1", shape, values);

    /// <summary>The elements as float32: wider types are rounded to nearest, b1 becomes 0 and 1.</summary>
    public float[] ToFloats() => Convert<float>();

    /// <summary>The elements as binary64: 64-bit integers are rounded to nearest, b1 becomes 0 and 1.</summary>
    public double[] ToDoubles() => Convert<double>();

    /// <summary>The elements as integers, as labels are.</summary>
    /// <exception cref="InvalidOperationException">The elements are floats, or one does not fit 32 bits.</exception>
    public int[] ToInts()
    {
        if (Kind[0] == 'f') throw new InvalidOperationException($"NpyArray: expected integers, got {Kind}.");
        try
        {
            return Convert<int>();
        }
        catch (OverflowException e)
        {
            throw new InvalidOperationException("NpyArray: expected integers of 32 bits, got a larger one.", e);
        }
    }

    /// <summary>Bytes of one element, or 0 for an unknown kind.</summary>
    internal static int ElementSize(string kind) => kind switch
    {
        "b1" or "i1" or "u1" => 1,
        "f2" or "i2" or "u2" => 2,
        "f4" or "i4" or "u4" => 4,
        "f8" or "i8" or "u8" => 8,
        _ => 0,
    };

    private static NpyArray Create<T>(string kind, ReadOnlySpan<int> shape, ReadOnlySpan<T> values) where T : unmanaged
    {
        if (shape.Length > NpyHeader.MaxRank) throw new ArgumentException($"NpyArray: expected at most {NpyHeader.MaxRank} extents, got {shape.Length}.");
        var bytes = (long)ElementSize(kind);
        var isEmpty = false;
        foreach (var extent in shape)
        {
            isEmpty |= extent == 0;
            if (extent < 0 || (bytes *= Math.Max(extent, 1)) > Array.MaxLength) throw Unfilled(shape, values.Length);
        }
        var data = MemoryMarshal.AsBytes(values).ToArray();
        if ((isEmpty ? 0 : bytes) != data.Length) throw Unfilled(shape, values.Length);
        return new NpyArray(kind, shape.ToArray(), data);
    }

    private static ArgumentException Unfilled(ReadOnlySpan<int> shape, int count) =>
        new($"NpyArray: expected values that fill [{string.Join(", ", shape.ToArray())}], got {count}.");

    private TTo[] Convert<TTo>() where TTo : unmanaged, INumberBase<TTo>
    {
        var result = new TTo[Count];
        switch (Kind)
        {
            case "f2": Convert<Half, TTo>(result); break;
            case "f4": Convert<float, TTo>(result); break;
            case "f8": Convert<double, TTo>(result); break;
            case "i1": Convert<sbyte, TTo>(result); break;
            case "i2": Convert<short, TTo>(result); break;
            case "i4": Convert<int, TTo>(result); break;
            case "i8": Convert<long, TTo>(result); break;
            case "u1": Convert<byte, TTo>(result); break;
            case "u2": Convert<ushort, TTo>(result); break;
            case "u4": Convert<uint, TTo>(result); break;
            case "u8": Convert<ulong, TTo>(result); break;
            default:
                for (var i = 0; i < result.Length; i++) result[i] = Data.Span[i] != 0 ? TTo.One : TTo.Zero;
                break;
        }
        return result;
    }

    private void Convert<TFrom, TTo>(Span<TTo> destination)
        where TFrom : unmanaged, INumberBase<TFrom>
        where TTo : unmanaged, INumberBase<TTo>
    {
        var source = MemoryMarshal.Cast<byte, TFrom>(Data.Span);
        for (var i = 0; i < source.Length; i++) destination[i] = TTo.CreateChecked(source[i]);
    }
}
