using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Which columns are scored, and what the result has.</summary>
public sealed record ScoringOptions
{
    /// <summary>What messages call the rows.</summary>
    public string Source { get; init; } = "rows";

    /// <summary>Columns of the sample; null for the one of lists or bytes, else all of numbers but the label's.</summary>
    public IReadOnlyList<string>? Features { get; init; }

    /// <summary>The label's column; null for that called label.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>Columns that pass through; null for all but a sample of one column.</summary>
    public IReadOnlyList<string>? Keep { get; init; }

    /// <summary>What becomes of rows that are no samples. A prediction keeps them, with nulls.</summary>
    public BadRows BadRows { get; init; }
}
