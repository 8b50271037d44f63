using System.Globalization;
using System.Numerics;
using Parquet;
using Parquet.Schema;

namespace RawDL.NN;

/// <summary>
/// One Parquet file, column by column and row group by row group, by the Parquet.Net package. Its typed reading is used alone, which survives trimming.
/// Source: the Apache Parquet format, "Nested encoding", for the levels.
/// </summary>
internal sealed class ParquetTable : IDisposable
{
    private const int MaxValues = 500_000_000;
    private const string SampleKey = "rawdl.sample";

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly ParquetReader _reader;
    private readonly DataField?[] _fields;

    private ParquetTable(string path, FileStream stream, ParquetReader reader)
    {
        (_path, _stream, _reader) = (path, stream, reader);
        var fields = reader.Schema.Fields;
        _fields = [.. fields.Select(field => field is ListField list ? list.Item as DataField : field as DataField)];
        Columns = [.. fields.Select((field, i) => new TableColumn(field.Name, KindOf(_fields[i])))];
        if (reader.CustomMetadata.TryGetValue(SampleKey, out var text)) Sample = ParseShape(text);
    }

    public TableColumn[] Columns { get; }

    public int Groups => _reader.RowGroupCount;

    /// <summary>The shape of a sample, where the file's metadata has it: rawdl.sample = 3,32,32.</summary>
    public Shape? Sample { get; }

    /// <exception cref="RawFileException">The file is missing or damaged.</exception>
    public static ParquetTable Open(string path)
    {
        var stream = new FileStream(InputFile.Open(path, out _), FileAccess.Read, 1 << 16);
        try
        {
            return Guard(path, () => new ParquetTable(path, stream, ParquetReader.CreateAsync(stream).GetAwaiter().GetResult()));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>A column of a row group.</summary>
    public ColumnValues Read(int group, int column)
    {
        var field = _fields[column]!;
        return Guard(_path, () =>
        {
            var rows = _reader.OpenRowGroupReader(group);
            var type = field.ClrType;
            if (type == typeof(float)) return Read<float>(rows, column);
            if (type == typeof(double)) return Read<double>(rows, column);
            if (type == typeof(int)) return Read<int>(rows, column);
            if (type == typeof(long)) return Read<long>(rows, column);
            if (type == typeof(sbyte)) return Read<sbyte>(rows, column);
            if (type == typeof(byte)) return Read<byte>(rows, column);
            if (type == typeof(short)) return Read<short>(rows, column);
            if (type == typeof(ushort)) return Read<ushort>(rows, column);
            if (type == typeof(uint)) return Read<uint>(rows, column);
            if (type == typeof(decimal)) return Read<decimal>(rows, column);
            if (type == typeof(ReadOnlyMemory<char>)) return ReadTexts(rows, field);
            return ReadBytes(rows, field);
        });
    }

    public void Dispose()
    {
        _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _stream.Dispose();
    }

    private static ColumnKind KindOf(DataField? field)
    {
        if (field is null) return ColumnKind.Other;
        var type = field.ClrType;
        var isInteger = type == typeof(int) || type == typeof(long) || type == typeof(sbyte) || type == typeof(byte) || type == typeof(short) || type == typeof(ushort) || type == typeof(uint);
        var isNumber = isInteger || type == typeof(float) || type == typeof(double) || type == typeof(decimal);
        if (field.MaxRepetitionLevel > 0) return isNumber && field.MaxRepetitionLevel == 1 ? ColumnKind.Vectors : ColumnKind.Other;
        if (isNumber) return isInteger ? ColumnKind.Integers : ColumnKind.Numbers;
        return type == typeof(ReadOnlyMemory<char>) ? ColumnKind.Texts : type == typeof(ReadOnlyMemory<byte>) ? ColumnKind.Bytes : ColumnKind.Other;
    }

    private ColumnValues Read<T>(ParquetRowGroupReader rows, int column) where T : struct, INumberBase<T>
    {
        var field = _fields[column]!;
        var (values, present, repeats) = ReadLevels<T>(rows, field);
        if (Columns[column].Kind == ColumnKind.Vectors) return ReadVectors(rows, field, ColumnValues.ToFloats<T>(values), present, repeats);
        var (spread, missing) = Spread(values, present, field);
        return Columns[column].Kind == ColumnKind.Integers ? ColumnValues.OfIntegers(ColumnValues.ToLongs<T>(spread), missing) : ColumnValues.OfNumbers(ColumnValues.ToFloats<T>(spread), missing);
    }

    private ColumnValues ReadTexts(ParquetRowGroupReader rows, DataField field)
    {
        var (values, present, _) = ReadLevels<ReadOnlyMemory<char>>(rows, field);
        var (spread, missing) = Spread(values, present, field);
        return ColumnValues.OfTexts(Array.ConvertAll(spread, text => text.ToString()), missing);
    }

    private ColumnValues ReadBytes(ParquetRowGroupReader rows, DataField field)
    {
        var (values, present, _) = ReadLevels<ReadOnlyMemory<byte>>(rows, field);
        var (spread, missing) = Spread(values, present, field);
        return ColumnValues.OfBytes(spread, missing);
    }

    // Level 0 of repetition begins a row; the highest level of definition is a value, the one below an element without, lower ones an empty list and none.
    private ColumnValues ReadVectors(ParquetRowGroupReader rows, DataField field, float[] values, int[] present, int[] repeats)
    {
        var ends = new int[rows.RowCount];
        var missing = new bool[rows.RowCount];
        var empty = field.MaxDefinitionLevel - (field.IsNullable ? 2 : 1);
        int row = -1, value = 0;
        for (var i = 0; i < present.Length; i++)
        {
            if (repeats[i] == 0) row++;
            if (row < 0 || row >= ends.Length) throw new RawFileException(_path, null, $"expected {ends.Length} lists in a row group of column {RawFileException.Quote(field.Path.ToString())}, got another number");
            if (present[i] == field.MaxDefinitionLevel) value++;
            else if (present[i] != empty) missing[row] = true;
            ends[row] = value;
        }
        if (row != ends.Length - 1) throw new RawFileException(_path, null, $"expected {ends.Length} lists in a row group of column {RawFileException.Quote(field.Path.ToString())}, got {row + 1}");
        return ColumnValues.OfVectors(values, ends, missing);
    }

    private (T[] Values, int[] Present, int[] Repeats) ReadLevels<T>(ParquetRowGroupReader rows, DataField field) where T : struct
    {
        var count = rows.GetMetadata(field)?.MetaData?.NumValues ?? throw new RawFileException(_path, null, $"expected column {RawFileException.Quote(field.Path.ToString())} in every row group, got one without");
        if (count is < 0 or > MaxValues || rows.RowCount is < 0 or > MaxValues) throw new RawFileException(_path, null, $"expected row groups of at most {MaxValues} values, got {count}");
        if (field.MaxRepetitionLevel == 0 && count != rows.RowCount) throw new RawFileException(_path, null, $"expected {rows.RowCount} values in column {RawFileException.Quote(field.Path.ToString())}, got {count}");
        var values = new T[count];
        var present = field.MaxDefinitionLevel > 0 ? new int[count] : [];
        var repeats = field.MaxRepetitionLevel > 0 ? new int[count] : [];
        rows.ReadRawAsync<T>(field, values, field.MaxDefinitionLevel > 0 ? present : (Memory<int>?)null, field.MaxRepetitionLevel > 0 ? repeats : (Memory<int>?)null).AsTask().GetAwaiter().GetResult();
        return (values, present, repeats);
    }

    // Values stand without gaps where some rows have none.
    private static (T[] Values, bool[]? Missing) Spread<T>(T[] values, int[] present, DataField field) where T : struct
    {
        if (present.All(level => level == field.MaxDefinitionLevel)) return (values, null);
        var missing = Array.ConvertAll(present, level => level < field.MaxDefinitionLevel);
        var spread = new T[values.Length];
        var next = 0;
        for (var i = 0; i < spread.Length; i++)
            if (!missing[i]) spread[i] = values[next++];
        return (spread, missing);
    }

    private Shape ParseShape(string text)
    {
        var extents = new List<int>();
        var count = 1L;
        foreach (var part in text.Split(',', Shape.MaxRank))
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var extent) && extent > 0 && (count *= extent) <= MaxValues) extents.Add(extent);
            else throw Wrong();
        return extents.Count < Shape.MaxRank ? new Shape([.. extents]) : throw Wrong();

        RawFileException Wrong() => new(_path, null, $"expected {SampleKey} as 3,32,32, got {RawFileException.Quote(text)}");
    }

    // The package answers damage with exceptions of every kind.
    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (NotImplementedException e)
        {
            throw new RawFileException(path, null, "expected data pages of version 1 for lists, got version 2", e);
        }
        catch (Exception e) when (e is not (RawFileException or OutOfMemoryException or OperationCanceledException))
        {
            throw new RawFileException(path, null, $"expected a Parquet file, got one that cannot be read: {e.Message}", e);
        }
    }
}
