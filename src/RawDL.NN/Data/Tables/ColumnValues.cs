using System.Numerics;
using System.Runtime.InteropServices;

namespace RawDL.NN;

/// <summary>The values of a column in some rows. A row without a value, or with a list that lacks one, is marked.</summary>
internal sealed class ColumnValues
{
    private readonly bool[]? _missing;

    private ColumnValues(ColumnKind kind, int rows, bool[]? missing) => (Kind, Rows, _missing) = (kind, rows, missing);

    public ColumnKind Kind { get; }

    public int Rows { get; }

    public long[] Integers { get; private init; } = [];

    public float[] Numbers { get; private init; } = [];

    public string[] Texts { get; private init; } = [];

    private ReadOnlyMemory<byte>[] Blocks { get; init; } = [];

    private ReadOnlyMemory<float> Elements { get; init; }

    private int[] Ends { get; init; } = [];

    public static ColumnValues OfIntegers(long[] values, bool[]? missing) => new(ColumnKind.Integers, values.Length, missing) { Integers = values };

    public static ColumnValues OfNumbers(float[] values, bool[]? missing) => new(ColumnKind.Numbers, values.Length, missing) { Numbers = values };

    public static ColumnValues OfTexts(string[] values, bool[]? missing) => new(ColumnKind.Texts, values.Length, missing) { Texts = values };

    public static ColumnValues OfBytes(ReadOnlyMemory<byte>[] values, bool[]? missing) => new(ColumnKind.Bytes, values.Length, missing) { Blocks = values };

    /// <param name="elements">Those of all rows one after the other.</param>
    /// <param name="ends">Where each row's end.</param>
    /// <param name="missing">Rows without a list, or with an element missing.</param>
    public static ColumnValues OfVectors(ReadOnlyMemory<float> elements, int[] ends, bool[]? missing) =>
        new(ColumnKind.Vectors, ends.Length, missing) { Elements = elements, Ends = ends };

    /// <summary>Numbers of any type as floats.</summary>
    public static float[] ToFloats<T>(ReadOnlySpan<T> values) where T : struct, INumberBase<T>
    {
        if (typeof(T) == typeof(float)) return MemoryMarshal.Cast<T, float>(values).ToArray();
        var floats = new float[values.Length];
        for (var i = 0; i < floats.Length; i++) floats[i] = float.CreateTruncating(values[i]);
        return floats;
    }

    /// <summary>Integers of any type as long ones.</summary>
    public static long[] ToLongs<T>(ReadOnlySpan<T> values) where T : struct, INumberBase<T>
    {
        var longs = new long[values.Length];
        for (var i = 0; i < longs.Length; i++) longs[i] = long.CreateSaturating(values[i]);
        return longs;
    }

    public bool IsMissing(int row) => _missing is not null && _missing[row];

    public ReadOnlySpan<byte> Bytes(int row) => Blocks[row].Span;

    public ReadOnlySpan<float> Vector(int row) => Elements.Span[(row == 0 ? 0 : Ends[row - 1])..Ends[row]];

    /// <summary>Values of a row that belong to a sample.</summary>
    public int Count(int row) => Kind switch { ColumnKind.Bytes => Blocks[row].Length, ColumnKind.Vectors => Vector(row).Length, _ => 1 };

    /// <summary>The value of a row of numbers.</summary>
    public float Number(int row) => Kind == ColumnKind.Integers ? Integers[row] : Numbers[row];

    /// <summary>A label as text.</summary>
    public string Label(int row) => Kind == ColumnKind.Texts ? Texts[row] : Integers[row].ToString(System.Globalization.CultureInfo.InvariantCulture);
}
