using System.Globalization;

namespace RawDL.NN;

/// <summary>Which columns of a table are the label and the sample.</summary>
/// <param name="Label">Integers from 0 or texts are classes, numbers with a fraction are targets; null where none is asked for.</param>
/// <param name="Features">One column of lists or bytes, or a column of numbers for each value.</param>
internal sealed record TableLayout(TableColumn? Label, TableColumn[] Features)
{
    private const string Usual = "label";
    private const int MaxColumns = 65_536, Shown = 12;

    /// <summary>The label's column and those of the sample, in the order in which they are read.</summary>
    public IEnumerable<TableColumn> Columns => Label is { } label ? [label, .. Features] : Features;

    /// <summary>True for one column of lists or bytes.</summary>
    public bool IsSingle => Features[0].Kind is ColumnKind.Vectors or ColumnKind.Bytes;

    /// <summary>
    /// Chooses by name and kind. The label is the given column, else that called label. The sample is the only column of lists or bytes, else all columns but
    /// the label's, which must then be numbers.
    /// </summary>
    /// <param name="source">What the table is called in messages.</param>
    /// <param name="columns">Of the table.</param>
    /// <param name="label">By name or by number from 1; null for the usual name.</param>
    /// <param name="features">Columns of the sample by name; null to choose.</param>
    /// <param name="need">Whether the table must have a label.</param>
    /// <exception cref="RawFileException">The columns do not fit; they are named.</exception>
    public static TableLayout Choose(string source, IReadOnlyList<TableColumn> columns, string? label, IReadOnlyList<string>? features, LabelNeed need)
    {
        if (columns.Count is 0 or > MaxColumns) throw new RawFileException(source, null, $"expected 1 to {MaxColumns} columns, got {columns.Count}");
        var at = label is not null ? Find(source, columns, label) ?? Number(source, columns, label) : Find(source, columns, Usual);
        if (at is null && need == LabelNeed.Required)
            throw new RawFileException(source, null, $"expected a column '{Usual}', or another one by --label-column, got {List(columns)}");
        if (need == LabelNeed.Required && columns[at!.Value].Kind is not (ColumnKind.Integers or ColumnKind.Numbers or ColumnKind.Texts))
            throw new RawFileException(source, null, $"expected integers, texts or numbers in column {RawFileException.Quote(columns[at.Value].Name)}, got {columns[at.Value].Describe()}");
        TableColumn[] sample = features is null
            ? Sample(source, [.. columns.Where((_, i) => i != at)])
            : [.. features.Select(name => columns[Find(source, columns, name) ?? throw new RawFileException(source, null, $"expected a column {RawFileException.Quote(name)}, got {List(columns)}")])];
        if (sample.Length > 1) Array.ForEach(sample, column => RequireNumber(source, column));
        else if (sample[0].Kind is ColumnKind.Texts or ColumnKind.Other) RequireNumber(source, sample[0]);
        return new TableLayout(need == LabelNeed.Required ? columns[at!.Value] : null, sample);
    }

    /// <summary>Where the columns of this layout are in another table of the same kind.</summary>
    /// <exception cref="RawFileException">One is missing, or of another kind.</exception>
    public int[] Locate(string source, IReadOnlyList<TableColumn> columns) => [.. Columns.Select(wanted =>
    {
        var found = Find(source, columns, wanted.Name);
        if (found is { } at && columns[at].Kind == wanted.Kind) return at;
        throw new RawFileException(source, null, $"expected a column {RawFileException.Quote(wanted.Name)} of {wanted.Describe()}, got {(found is { } other ? columns[other].Describe() : List(columns))}");
    })];

    private static TableColumn[] Sample(string source, TableColumn[] columns)
    {
        var whole = Array.FindAll(columns, column => column.Kind is ColumnKind.Vectors or ColumnKind.Bytes);
        if (whole.Length > 1) throw new RawFileException(source, null, $"expected one column of lists or bytes, got {List(whole)}");
        if (whole.Length == 1) return whole;
        return columns.Length > 0 ? columns : throw new RawFileException(source, null, "expected columns of numbers, lists or bytes beside the label, got none");
    }

    private static void RequireNumber(string source, TableColumn column)
    {
        if (column.Kind is not (ColumnKind.Integers or ColumnKind.Numbers))
            throw new RawFileException(source, null, $"expected numbers in column {RawFileException.Quote(column.Name)}, or one column of lists or bytes, got {column.Describe()}");
    }

    // As Spark does: the same name in other letters is the same column, unless there is an exact one.
    private static int? Find(string source, IReadOnlyList<TableColumn> columns, string name)
    {
        foreach (var comparison in (StringComparison[])[StringComparison.Ordinal, StringComparison.OrdinalIgnoreCase])
        {
            var found = Enumerable.Range(0, columns.Count).Where(i => string.Equals(columns[i].Name, name, comparison)).ToArray();
            if (found.Length > 1) throw new RawFileException(source, null, $"expected one column {RawFileException.Quote(name)}, got {found.Length}");
            if (found.Length == 1) return found[0];
        }
        return null;
    }

    private static int Number(string source, IReadOnlyList<TableColumn> columns, string label) =>
        int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= columns.Count
            ? number - 1
            : throw new RawFileException(source, null, $"expected the label column {RawFileException.Quote(label)} or a number of 1 to {columns.Count}, got {List(columns)}");

    private static string List(IReadOnlyList<TableColumn> columns) =>
        $"columns {string.Join(", ", columns.Take(Shown).Select(column => column.Name))}{(columns.Count > Shown ? $" and {columns.Count - Shown} more" : "")}";
}

/// <summary>Whether a table must have a label.</summary>
internal enum LabelNeed
{
    /// <summary>A label, if there is one, is no part of the sample.</summary>
    None,

    /// <summary>To train or to score.</summary>
    Required,
}
