namespace RawDL.NN;

/// <summary>How <see cref="Datasets"/> finds, loads and splits data.</summary>
public sealed record DataOptions
{
    /// <summary>Where data sets lie, a folder each, or the folder of one set; null for <c>$RAWDL_DATA</c> and the user's cache alone.</summary>
    public string? Directory { get; init; }

    /// <summary>CSV and tables: the column with the label, by its name or by its number from 1; null for the last one of a CSV file, and for "label" in other tables.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>
    /// Tables: the shape of one sample; null for that of the file's metadata (rawdl.sample), else [1, n, n] or [3, n, n] where a column of bytes, or of lists called
    /// pixels or image, has so many values, else [F].
    /// </summary>
    public Shape? Sample { get; init; }

    /// <summary>Tables: the classes that labels name, such as those of a model; null to take them from the labels.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>digits: number of training samples; null for the default.</summary>
    public int? TrainSize { get; init; }

    /// <summary>digits: number of test samples; null for the default.</summary>
    public int? TestSize { get; init; }

    /// <summary>Seed of the split and of the drawn digits.</summary>
    public ulong Seed { get; init; }

    /// <summary>Part held out when a source has one part only, in (0, 1).</summary>
    public float TestFraction { get; init; } = 0.2f;

    /// <summary>Whether a set of the catalog that is not found may be downloaded.</summary>
    public bool Download { get; init; } = true;

    /// <summary>Gets one line about anything a user may want to know, such as where files come from.</summary>
    public Action<string>? Say { get; init; }

    /// <summary>Gets the state of a download, at most a few times per megabyte.</summary>
    public IProgress<DownloadProgress>? Progress { get; init; }

    /// <summary>Stops a download.</summary>
    public CancellationToken Cancel { get; init; }
}
