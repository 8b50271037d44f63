namespace RawDL.NN;

/// <summary>A column of a table of samples, wherever the table lies.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What its values are.</param>
internal readonly record struct TableColumn(string Name, ColumnKind Kind)
{
    /// <summary>The kind in words.</summary>
    public string Describe() => Kind switch
    {
        ColumnKind.Integers => "integers",
        ColumnKind.Numbers => "numbers",
        ColumnKind.Texts => "texts",
        ColumnKind.Bytes => "bytes",
        ColumnKind.Vectors => "lists of numbers",
        _ => "something else",
    };
}

/// <summary>What the values of a column are.</summary>
internal enum ColumnKind
{
    /// <summary>Dates, structures and all else that is neither a sample nor a label.</summary>
    Other,

    /// <summary>Whole numbers.</summary>
    Integers,

    /// <summary>Numbers with a fraction.</summary>
    Numbers,

    /// <summary>Texts.</summary>
    Texts,

    /// <summary>Bytes of a whole sample, of which b reads as b / 255.</summary>
    Bytes,

    /// <summary>Numbers of a whole sample.</summary>
    Vectors,
}
