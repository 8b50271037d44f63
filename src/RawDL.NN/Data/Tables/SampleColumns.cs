namespace RawDL.NN;

/// <summary>The samples of some rows of a table.</summary>
/// <param name="columns">Of the sample, in its order.</param>
/// <param name="layout">What they are.</param>
internal sealed class SampleColumns(IReadOnlyList<ColumnValues> columns, TableLayout layout)
{
    /// <summary>Values of a sample in this row.</summary>
    public int Count(int row) => layout.IsSingle ? columns[0].Count(row) : columns.Count;

    /// <summary>What is wrong with a row, or null.</summary>
    /// <param name="row">Among these.</param>
    /// <param name="number">As messages name it.</param>
    /// <param name="count">Values that a sample has.</param>
    public string? Fault(int row, long number, int count)
    {
        for (var i = 0; i < columns.Count; i++)
            if (columns[i].IsMissing(row)) return Fault(i, number, layout.IsSingle ? "values" : "a number", "null");
        if (Count(row) != count) return layout.IsSingle ? Fault(0, number, $"{count} values", $"{Count(row)}") : $"expected {count} columns of numbers, got {columns.Count}";
        if (layout.IsSingle && columns[0].Kind == ColumnKind.Bytes) return null;
        if (layout.IsSingle)
        {
            foreach (var value in columns[0].Vector(row))
                if (!float.IsFinite(value)) return Fault(0, number, "finite numbers", $"{value}");
            return null;
        }
        for (var i = 0; i < columns.Count; i++)
            if (!float.IsFinite(columns[i].Number(row))) return Fault(i, number, "a finite number", $"{columns[i].Number(row)}");
        return null;
    }

    /// <summary>A row's sample in raw units; a byte b reads as b / 255.</summary>
    public void Read(int row, Span<float> sample)
    {
        if (!layout.IsSingle)
            for (var i = 0; i < sample.Length; i++) sample[i] = columns[i].Number(row);
        else if (columns[0].Kind == ColumnKind.Bytes) ByteDataset.ToUnit(columns[0].Bytes(row), sample);
        else columns[0].Vector(row).CopyTo(sample);
    }

    /// <summary>A row's sample of bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int row) => columns[0].Bytes(row);

    private string Fault(int column, long number, string expected, string got) => $"expected {expected} in row {number}, column {RawFileException.Quote(layout.Features[column].Name)}, got {got}";
}
