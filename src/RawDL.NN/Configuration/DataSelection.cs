using System.Text.Json;

namespace RawDL.NN;

/// <summary>What of its data a run uses, so that a resume and an evaluation see the same samples. As in <see cref="DataOptions"/>.</summary>
/// <param name="LabelColumn">CSV: the column with the label; null for the last one.</param>
/// <param name="TrainSize">digits: number of training samples; null for the default.</param>
/// <param name="TestSize">digits: number of test samples; null for the default.</param>
public sealed record DataSelection(string? LabelColumn = null, int? TrainSize = null, int? TestSize = null)
{
    internal static DataSelection Read(ConfigurationObject source)
    {
        var selection = new DataSelection(source.String("label_column"), source.OptionalInteger("train_size", 1), source.OptionalInteger("test_size", 1));
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
        json.WriteEndObject();
    }
}
