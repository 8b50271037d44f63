using System.Numerics;
using Apache.Arrow;
using Apache.Arrow.Types;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Columns of Arrow batches as those of a table of samples. Bytes stay where they are.</summary>
internal static class ArrowColumns
{
    internal static TableColumn[] Of(Schema schema) => [.. schema.FieldsList.Select(field => new TableColumn(field.Name, KindOf(field.DataType)))];

    internal static ColumnValues Read(IArrowArray array) => array switch
    {
        Int8Array values => Integers(values),
        Int16Array values => Integers(values),
        Int32Array values => Integers(values),
        Int64Array values => Integers(values),
        BooleanArray values => ColumnValues.OfIntegers([.. Enumerable.Range(0, values.Length).Select(row => values.GetValue(row) == true ? 1L : 0L)], Missing(values)),
        FloatArray values => ColumnValues.OfNumbers(values.Values.ToArray(), Missing(values)),
        DoubleArray values => ColumnValues.OfNumbers(ColumnValues.ToFloats(values.Values), Missing(values)),
        StringArray values => ColumnValues.OfTexts([.. Enumerable.Range(0, values.Length).Select(row => values.GetString(row) ?? "")], Missing(values)),
        BinaryArray values => Blocks(values),
        ListArray values => Vectors(values),
        _ => throw new SparkProtocolException($"Arrow column: expected numbers, texts, bytes or lists of numbers, got {array.Data.DataType.Name}"),
    };

    private static ColumnKind KindOf(IArrowType type) => type switch
    {
        Int8Type or Int16Type or Int32Type or Int64Type or BooleanType => ColumnKind.Integers,
        FloatType or DoubleType => ColumnKind.Numbers,
        StringType => ColumnKind.Texts,
        BinaryType => ColumnKind.Bytes,
        ListType { ValueDataType: Int8Type or Int16Type or Int32Type or Int64Type or FloatType or DoubleType } => ColumnKind.Vectors,
        _ => ColumnKind.Other,
    };

    private static ColumnValues Integers<T>(PrimitiveArray<T> values) where T : struct, INumberBase<T> => ColumnValues.OfIntegers(ColumnValues.ToLongs(values.Values), Missing(values));

    private static ColumnValues Blocks(BinaryArray values)
    {
        var blocks = new ReadOnlyMemory<byte>[values.Length];
        var offsets = values.ValueOffsets;
        var bytes = values.ValueBuffer.Memory;
        for (var row = 0; row < blocks.Length; row++) blocks[row] = bytes[offsets[row]..offsets[row + 1]];
        return ColumnValues.OfBytes(blocks, Missing(values));
    }

    private static ColumnValues Vectors(ListArray lists)
    {
        var elements = lists.Values switch
        {
            FloatArray values => values.Values.ToArray(),
            DoubleArray values => ColumnValues.ToFloats(values.Values),
            Int8Array values => ColumnValues.ToFloats(values.Values),
            Int16Array values => ColumnValues.ToFloats(values.Values),
            Int32Array values => ColumnValues.ToFloats(values.Values),
            Int64Array values => ColumnValues.ToFloats(values.Values),
            _ => throw new SparkProtocolException($"Arrow column: expected lists of numbers, got lists of {lists.Values.Data.DataType.Name}"),
        };
        var offsets = lists.ValueOffsets;
        var (first, ends) = (offsets.Length > 0 ? offsets[0] : 0, new int[lists.Length]);
        for (var row = 0; row < ends.Length; row++) ends[row] = offsets[row + 1] - first;
        var missing = Missing(lists);
        if (lists.Values.NullCount > 0)
        {
            missing ??= new bool[lists.Length];
            for (var row = 0; row < ends.Length; row++)
                for (var i = offsets[row]; i < offsets[row + 1]; i++) missing[row] |= lists.Values.IsNull(i);
        }
        return ColumnValues.OfVectors(elements.AsMemory(first), ends, missing);
    }

    private static bool[]? Missing(IArrowArray array)
    {
        if (array.NullCount == 0) return null;
        var missing = new bool[array.Length];
        for (var row = 0; row < missing.Length; row++) missing[row] = array.IsNull(row);
        return missing;
    }
}
