using System.Text.Encodings.Web;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>What several layers write alike.</summary>
internal static class ConfigurationJson
{
    /// <summary>For people, in a file and not in a web page: signs stand as they are.</summary>
    public static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void WritePair(this Utf8JsonWriter json, string name, (int Height, int Width) pair)
    {
        if (pair.Height == pair.Width)
        {
            json.WriteNumber(name, pair.Height);
            return;
        }
        json.WriteIntegers(name, [pair.Height, pair.Width]);
    }

    public static void WriteIntegers(this Utf8JsonWriter json, string name, ReadOnlySpan<int> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    public static void WriteInitializer(this Utf8JsonWriter json, string name, Initializer initializer)
    {
        if (initializer.Option is not var (option, value))
        {
            json.WriteString(name, initializer.Name);
            return;
        }
        json.WriteStartObject(name);
        json.WriteString("name", initializer.Name);
        json.WriteNumber(option, value);
        json.WriteEndObject();
    }

    public static void WriteActivation(this Utf8JsonWriter json, Activation? activation)
    {
        if (activation is null) return;
        if (activation.Parameter is null)
        {
            json.WriteString("activation", activation.Type);
            return;
        }
        json.WriteStartObject("activation");
        json.WriteString("type", activation.Type);
        activation.WriteOptions(json);
        json.WriteEndObject();
    }

    public static void WriteLayers(this Utf8JsonWriter json, string name, IReadOnlyList<Layer> layers)
    {
        json.WriteStartArray(name);
        foreach (var layer in layers) layer.WriteJson(json);
        json.WriteEndArray();
    }

    /// <summary>The initializer of a key.</summary>
    /// <exception cref="ConfigurationException">Unknown name or option.</exception>
    public static Initializer Initializer(this ConfigurationObject source, string key, Initializer fallback)
    {
        if (source.Named(key) is not var (name, options)) return fallback;
        try
        {
            return NN.Initializer.Parse(name, options);
        }
        catch (ArgumentException e)
        {
            throw new ConfigurationException($"{source.Place}: {e.Message}", e);
        }
    }

    /// <summary>The activation that a layer applies to its result, or null.</summary>
    /// <exception cref="ConfigurationException">Unknown name or option.</exception>
    public static Activation? Activation(this ConfigurationObject source)
    {
        if (source.Named("activation", "type") is not var (name, options)) return null;
        return name == "identity" && options.Count == 0 ? null : NN.Activation.Parse(source.Place, name, options);
    }
}
