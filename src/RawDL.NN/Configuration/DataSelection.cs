using System.Text.Json;

namespace RawDL.NN;

/// <summary>What of its data a run uses, so that a resume and an evaluation see the same samples. As in <see cref="DataOptions"/>.</summary>
/// <param name="LabelColumn">CSV: the column with the label; null for the last one.</param>
/// <param name="TrainSize">digits: number of training samples; null for the default.</param>
/// <param name="TestSize">digits: number of test samples; null for the default.</param>
public sealed record DataSelection(string? LabelColumn = null, int? TrainSize = null, int? TestSize = null)
{
    /// <summary>Tables: the shape of one sample; null for what the table says.</summary>
    public Shape? Sample { get; init; }

    /// <summary>Spark: the format of files that are read as a table, such as parquet or orc; null for files that this program reads itself.</summary>
    public string? Format { get; init; }

    /// <summary>Spark: the query of the test rows; null to split.</summary>
    public string? TestSql { get; init; }

    internal static DataSelection Read(ConfigurationObject source)
    {
        var selection = new DataSelection(source.String("label_column"), source.OptionalInteger("train_size", 1), source.OptionalInteger("test_size", 1))
        {
            Sample = source.Integers("sample", 1, Shape.MaxRank - 1) is { } extents ? TrainingConfiguration.Checked("sample", () => new Shape(extents)) : null,
            Format = source.String("format"),
            TestSql = source.String("test_sql"),
        };
        source.End();
        return selection;
    }

    internal void Write(Utf8JsonWriter json)
    {
        if (this == new DataSelection()) return;
        json.WriteStartObject("data_options");
        if (LabelColumn is not null) json.WriteString("label_column", LabelColumn);
        if (TrainSize is { } train) json.WriteNumber("train_size", train);
        if (TestSize is { } test) json.WriteNumber("test_size", test);
        if (Sample is { } sample) json.WriteIntegers("sample", sample.ToArray());
        if (Format is not null) json.WriteString("format", Format);
        if (TestSql is not null) json.WriteString("test_sql", TestSql);
        json.WriteEndObject();
    }
}
