using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>The model as a file: parameters as named float32 tensors in safetensors, and the description as JSON in its metadata.</summary>
public sealed partial class Model
{
    internal const string DescriptionKey = "rawdl.model";
    private const int MaximumClasses = 100_000;

    /// <summary>Saves the model so that it survives a crash; any safetensors reader opens the file.</summary>
    /// <exception cref="IOException">The file could not be saved; an older one is unchanged.</exception>
    public void Save(string path) => SafetensorsFile.Write(path, ToTensors(), new Dictionary<string, string> { [DescriptionKey] = Describe() });

    /// <summary>Opens a model or a checkpoint.</summary>
    /// <param name="path">A file of <see cref="Save"/>.</param>
    /// <param name="device">Holds the parameters; the caller disposes the model.</param>
    /// <exception cref="RawFileException">The file is damaged, or no model of this program.</exception>
    /// <exception cref="IOException">The system could not read.</exception>
    public static Model Load(string path, Device device) => Load(SafetensorsFile.Read(path), device);

    /// <summary>As <see cref="Save"/> writes it, in memory.</summary>
    internal byte[] ToBytes() => SafetensorsFile.ToBytes(ToTensors(), new Dictionary<string, string> { [DescriptionKey] = Describe() });

    internal static Model Load(SafetensorsFile file, Device device)
    {
        if (!file.Metadata.TryGetValue(DescriptionKey, out var text))
            throw new RawFileException(file.Path, null, $"expected metadata '{DescriptionKey}' of a model saved by rawdl, got a file without");
        try
        {
            using var document = JsonDocument.Parse(text);
            var model = Read(document.RootElement, device, file);
            try
            {
                model.CopyFrom(file);
                return model;
            }
            catch
            {
                model.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is JsonException or ConfigurationException or ArgumentException or InvalidOperationException or OverflowException)
        {
            throw new RawFileException(file.Path, null, $"expected a valid description in '{DescriptionKey}', got: {e.Message}", e);
        }
    }

    /// <summary>Takes the values of a file of the same network.</summary>
    /// <exception cref="RawFileException">A tensor is missing or has another number of elements.</exception>
    internal void CopyFrom(SafetensorsFile file)
    {
        var values = new float[Parameters.Count];
        foreach (var parameter in Parameters.Parameters)
            file[parameter.Name].CopyTo(values.AsSpan(Parameters.Offset(parameter), parameter.Shape.Count));
        Parameters.CopyFrom(values);
    }

    // Before any memory is taken: a few bytes of description can ask for terabytes.
    private static void RequireTensors(SafetensorsFile file, Layer network)
    {
        foreach (var parameter in network.AllParameters())
        {
            var tensor = file[parameter.Name];
            if (!tensor.HasShape(parameter.Shape))
                throw new RawFileException(file.Path, null, $"expected tensor {RawFileException.Quote(parameter.Name)} {parameter.Shape}, got [{string.Join(", ", tensor.Extents.ToArray())}]");
        }
    }

    internal List<SafetensorsTensor> ToTensors()
    {
        var values = Parameters.Values.ToArray();
        var tensors = new List<SafetensorsTensor>();
        foreach (var parameter in Parameters.Parameters)
            tensors.Add(SafetensorsTensor.Create(parameter.Name, parameter.Shape, values.AsSpan(Parameters.Offset(parameter), parameter.Shape.Count)));
        return tensors;
    }

    /// <summary>Everything but the values, as JSON.</summary>
    internal string Describe() => Encoding.UTF8.GetString(JsonBytes.Of(json =>
    {
        json.WriteStartObject();
        json.WriteIntegers("sample", SampleShape.ToArray());
        json.WriteStartArray("classes");
        foreach (var name in ClassNames) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteNumber("targets", TargetCount);
        WriteNumbers(json, "mean", Normalization.Mean);
        WriteNumbers(json, "std", Normalization.Std);
        json.WriteString("parameters_sha256", Parameters.Sha256());
        json.WritePropertyName("configuration");
        Configuration.WriteJson(json);
        json.WriteEndObject();
    }));

    private static Model Read(JsonElement element, Device device, SafetensorsFile file)
    {
        var source = new ConfigurationObject(DescriptionKey, element);
        var sample = new Shape(source.Integers("sample", 1, Shape.MaxRank - 1) ?? throw source.Fail("expected 'sample'", "none"));
        var classes = source.Take("classes") is { ValueKind: JsonValueKind.Array } array && array.GetArrayLength() <= MaximumClasses ? array : throw source.Fail("expected 'classes', an array", "none");
        var names = new List<string>();
        foreach (var name in classes.EnumerateArray()) names.Add(name.GetString() ?? "");
        var targets = source.Integer("targets", 0, 0, Array.MaxLength);
        var normalization = new Normalization(Numbers(source, "mean"), Numbers(source, "std"));
        source.String("parameters_sha256");
        var configuration = TrainingConfiguration.Read(source.Take("configuration") ?? throw source.Fail("expected 'configuration'", "none"));
        source.End();
        return new Model(configuration, sample, names, targets, normalization, device, file);
    }

    private static float[] Numbers(ConfigurationObject source, string key)
    {
        if (source.Take(key) is not { ValueKind: JsonValueKind.Array } array) throw source.Fail($"expected '{key}', an array of numbers", "none");
        var numbers = new float[array.GetArrayLength()];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = array[i].ValueKind == JsonValueKind.Number && array[i].TryGetSingle(out var number) && float.IsFinite(number)
                ? number : throw source.Fail($"expected {key} as finite numbers", array[i].GetRawText());
        }
        return numbers;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, float[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
