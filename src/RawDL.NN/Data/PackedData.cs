using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>Training and test samples in one block of safetensors: what travels to ranks that do not see the files. Opens as a data file too.</summary>
/// <remarks>Tensors train.samples and test.samples, U8 (a byte b reads as b/255) or F32, [n, extents of a sample …]; labels I32 [n] or targets F32 [n, targets].
/// Metadata: the names of both parts, and the classes as a JSON array.</remarks>
public static class PackedData
{
    private const string Kind = "rawdl.data", Classes = "classes";
    private static readonly string[] Parts = ["train", "test"];

    /// <summary>Packs both parts.</summary>
    public static byte[] Encode(DatasetPair data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var tensors = new List<SafetensorsTensor>();
        var metadata = new Dictionary<string, string> { [Kind] = "1", [Classes] = WriteClasses(data.Train.ClassNames) };
        foreach (var (part, dataset) in (ReadOnlySpan<(string, Dataset)>)[("train", data.Train), ("test", data.Test)])
        {
            metadata[part] = dataset.Name;
            var extents = new long[dataset.SampleShape.Rank + 1];
            extents[0] = dataset.Count;
            for (var i = 1; i < extents.Length; i++) extents[i] = dataset.SampleShape[i - 1];
            tensors.Add(dataset.Bytes() is { } bytes ? new($"{part}.samples", "U8", extents, bytes) : new($"{part}.samples", "F32", extents, Raw(Samples(dataset))));
            if (dataset.Classes > 0) tensors.Add(new($"{part}.labels", "I32", [dataset.Count], Raw(Labels(dataset))));
            else tensors.Add(new($"{part}.targets", "F32", [dataset.Count, dataset.TargetCount], Raw(Targets(dataset))));
        }
        return SafetensorsFile.ToBytes(tensors, metadata);
    }

    /// <summary>Whether a file holds packed data.</summary>
    public static bool Recognizes(SafetensorsFile file) => file.Metadata.ContainsKey(Kind);

    /// <summary>Unpacks; samples of bytes stay where they are.</summary>
    /// <exception cref="RawFileException">The block does not hold what <see cref="Encode"/> writes. One line.</exception>
    public static DatasetPair Decode(SafetensorsFile file)
    {
        if (!Recognizes(file)) throw new RawFileException(file.Path, null, "expected packed training data, got other tensors");
        var classes = ReadClasses(file);
        var parts = Array.ConvertAll(Parts, part => Open(file, part, classes));
        return new DatasetPair(parts[0], parts[1]);
    }

    private static Dataset Open(SafetensorsFile file, string part, string[] classes)
    {
        var samples = file[$"{part}.samples"];
        var name = file.Metadata.GetValueOrDefault(part) ?? part;
        var extents = samples.Extents;
        var isClassified = classes.Length > 0;
        var answers = file[isClassified ? $"{part}.labels" : $"{part}.targets"];
        if (extents.Length < 2 || extents[0] < 1 || answers.Extents.Length != (isClassified ? 1 : 2) || answers.Extents[0] != extents[0]
            || answers.Dtype != (isClassified ? "I32" : "F32") || samples.Dtype is not ("U8" or "F32") || (samples.Dtype == "U8" && !isClassified))
            throw new RawFileException(file.Path, null, $"expected {part}.samples [n, …] of U8 or F32 and one label or target for each, got [{string.Join(", ", extents.ToArray())}] of {samples.Dtype} and [{string.Join(", ", answers.Extents.ToArray())}] of {answers.Dtype}");
        var shape = new Shape(extents[1..].ToArray().Select(extent => checked((int)extent)).ToArray());
        if (!isClassified) return new FloatDataset(name, shape, samples.ToFloats(), answers.ToFloats(), checked((int)answers.Extents[1]));
        var labels = MemoryMarshal.Cast<byte, int>(answers.Data.Span).ToArray();
        LabelCheck.RunFile(file.Path, labels, classes.Length);
        return samples.Dtype == "U8" ? new ByteDataset(name, shape, samples.Data, labels, classes) : new FloatDataset(name, shape, samples.ToFloats(), labels, classes);
    }

    private static string WriteClasses(IReadOnlyList<string> names) => Encoding.UTF8.GetString(JsonBytes.Of(json =>
    {
        json.WriteStartArray();
        foreach (var name in names) json.WriteStringValue(name);
        json.WriteEndArray();
    }));

    private static string[] ReadClasses(SafetensorsFile file)
    {
        try
        {
            using var json = JsonDocument.Parse(file.Metadata.GetValueOrDefault(Classes) ?? "[]");
            return [.. json.RootElement.EnumerateArray().Select(name => name.GetString() ?? "")];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RawFileException(file.Path, null, $"expected the classes as a JSON array of texts, got: {e.Message}");
        }
    }

    private static float[] Samples(Dataset dataset)
    {
        var size = dataset.SampleShape.Count;
        var all = new float[checked(dataset.Count * (long)size)];
        for (var i = 0; i < dataset.Count; i++) dataset.Read(i, all.AsSpan(i * size, size));
        return all;
    }

    private static int[] Labels(Dataset dataset)
    {
        var labels = new int[dataset.Count];
        for (var i = 0; i < labels.Length; i++) labels[i] = dataset.Label(i);
        return labels;
    }

    private static float[] Targets(Dataset dataset)
    {
        var all = new float[dataset.Count * dataset.TargetCount];
        for (var i = 0; i < dataset.Count; i++) dataset.ReadTarget(i, all.AsSpan(i * dataset.TargetCount, dataset.TargetCount));
        return all;
    }

    private static byte[] Raw<T>(T[] values) where T : unmanaged => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
