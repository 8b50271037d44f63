using System.Globalization;
using System.Runtime.InteropServices;
using Sylvan.Data.Csv;

namespace RawDL.NN;

/// <summary>
/// A table in a CSV file (RFC 4180; comma, semicolon, tab or bar, found by itself): one sample a row, numbers in all columns but the label's.
/// Integers and text in the label column are classes, in numeric or ordinal order; numbers of which one has a decimal point or an exponent are the
/// targets of a regression. The first row is a header unless all its cells are numbers.
/// </summary>
internal sealed class CsvTable
{
    private const int MaxColumns = 65_536, MaxRecord = 1 << 20, MaxClasses = 10_000;
    private const int MaxValues = 500_000_000;
    private const NumberStyles Number = NumberStyles.Float;

    private readonly string _path;
    private readonly CsvDataReader _reader;
    private readonly int _columns;
    private readonly string[] _header = [];
    private readonly int _label;
    private readonly List<float> _features = [];
    private readonly List<int> _labels = [];
    private readonly List<string> _texts = [];
    private readonly Dictionary<string, int> _ids = [];
    private int _row = 1;

    private CsvTable(string path, CsvDataReader reader, string? labelColumn)
    {
        (_path, _reader) = (path, reader);
        if (!reader.Read()) throw new RawFileException(path, 0, "expected a header and rows, got none");
        _columns = reader.RowFieldCount;
        if (_columns is < 2 or > MaxColumns) throw new RawFileException(path, null, $"expected 2 to {MaxColumns} columns, got {_columns}");
        var named = false;
        for (var i = 0; i < _columns && !named; i++) named = !float.TryParse(reader.GetFieldSpan(i), Number, CultureInfo.InvariantCulture, out _);
        if (named)
        {
            _header = new string[_columns];
            for (var i = 0; i < _columns; i++) _header[i] = reader.GetFieldSpan(i).Trim().ToString();
        }
        _label = labelColumn is null ? _columns - 1 : Column(labelColumn);
        if (!named) AddRow();
    }

    /// <exception cref="RawFileException">The file is no such table; the row and the column are named.</exception>
    public static FloatDataset Read(string path, string name, string? labelColumn)
    {
        using var handle = InputFile.Open(path, out _);
        using var stream = new FileStream(handle, FileAccess.Read, 1);
        return Parse(stream, path, name, labelColumn);
    }

    internal static FloatDataset Parse(Stream stream, string path, string name, string? labelColumn)
    {
        using var text = new StreamReader(stream, bufferSize: 16 * 1024);
        // Comments cannot be turned off; no line begins with a code that is no character.
        var options = new CsvDataReaderOptions { HasHeaders = false, BufferSize = 32 * 1024, MaxBufferSize = MaxRecord, Comment = '\uFFFF', CsvStyle = CsvStyle.Standard };
        var row = 1;
        try
        {
            using var reader = CsvDataReader.Create(text, options);
            var table = new CsvTable(path, reader, labelColumn);
            for (row = 2; reader.Read(); row++)
            {
                table._row = row;
                table.AddRow();
            }
            return table.Create(name);
        }
        catch (CsvRecordTooLargeException e)
        {
            throw new RawFileException(path, null, $"expected rows of at most {MaxRecord} characters, got a longer one: row {row}", e);
        }
        catch (CsvFormatException e)
        {
            throw new RawFileException(path, null, $"expected rows of CSV, got one with misplaced quotes: row {row}", e);
        }
    }

    private int Column(string label)
    {
        var found = Array.IndexOf(_header, label);
        if (found >= 0 && Array.LastIndexOf(_header, label) != found) throw new RawFileException(_path, null, $"expected one column {RawFileException.Quote(label)}, got several");
        if (found >= 0) return found;
        if (int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= _columns) return number - 1;
        var known = _header.Length > 0 ? string.Join(", ", _header) : "no header";
        throw new RawFileException(_path, null, $"expected the label column {RawFileException.Quote(label)} or a number of 1 to {_columns}, got columns {RawFileException.Quote(known)}");
    }

    private void AddRow()
    {
        var count = _reader.RowFieldCount;
        if (count == 0 || count == 1 && _reader.GetFieldSpan(0).IsEmpty) return;
        if (count != _columns) throw new RawFileException(_path, null, $"expected {_columns} cells as in the first row, got {count} in row {_row}");
        if (_features.Count > MaxValues - _columns) throw new RawFileException(_path, null, $"expected at most {MaxValues} numbers, got more");
        for (var i = 0; i < _columns; i++)
        {
            var cell = _reader.GetFieldSpan(i).Trim();
            if (i == _label) AddLabel(cell);
            else if (float.TryParse(cell, Number, CultureInfo.InvariantCulture, out var value) && float.IsFinite(value)) _features.Add(value);
            else throw Bad(i, "a number", cell);
        }
    }

    private void AddLabel(ReadOnlySpan<char> cell)
    {
        if (cell.IsEmpty) throw Bad(_label, "a label", cell);
        var lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!lookup.TryGetValue(cell, out var id))
        {
            id = _texts.Count;
            _texts.Add(cell.ToString());
            lookup[cell] = id;
        }
        _labels.Add(id);
    }

    private RawFileException Bad(int column, string expected, ReadOnlySpan<char> cell) =>
        new(_path, null, $"expected {expected} in row {_row}, column {(_header.Length > 0 ? RawFileException.Quote(_header[column]) : $"{column + 1}")}, got {RawFileException.Quote(cell.ToString())}");

    private FloatDataset Create(string name)
    {
        if (_labels.Count < 2) throw new RawFileException(_path, null, $"expected at least 2 rows of data, got {_labels.Count}");
        var sample = new Shape(_columns - 1);
        var samples = _features.ToArray();
        bool integers = _texts.TrueForAll(text => IsInteger(text, out _)), numbers = integers || _texts.TrueForAll(text => IsNumber(text, out _));
        if (numbers && !integers)
        {
            var values = _texts.ConvertAll(text => IsNumber(text, out var value) ? value : 0);
            return new FloatDataset(name, sample, samples, _labels.ConvertAll(id => values[id]).ToArray(), 1);
        }
        if (_texts.Count > MaxClasses)
            throw new RawFileException(_path, null, $"expected at most {MaxClasses} classes in the label column, got {_texts.Count}; for a regression write targets with a decimal point");
        var order = new int[_texts.Count];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        if (integers) Array.Sort(_texts.ConvertAll(text => IsInteger(text, out var value) ? value : 0).ToArray(), order);
        else Array.Sort(order, (x, y) => string.CompareOrdinal(_texts[x], _texts[y]));
        var rank = new int[order.Length];
        for (var i = 0; i < order.Length; i++) rank[order[i]] = i;
        foreach (ref var label in CollectionsMarshal.AsSpan(_labels)) label = rank[label];
        return new FloatDataset(name, sample, samples, _labels.ToArray(), Array.ConvertAll(order, id => _texts[id]));
    }

    private static bool IsInteger(string text, out long value) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool IsNumber(string text, out float value) => float.TryParse(text, Number, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);
}
