using System.Text.Json;

namespace RawDL.NN;

/// <summary>A name with numbers, as <c>adam</c> with <c>beta1</c>; what is not given takes its default.</summary>
/// <param name="Name">As in the list of names.</param>
/// <param name="Options">Each by its name.</param>
public sealed record NamedOptions(string Name, IReadOnlyDictionary<string, float> Options)
{
    /// <summary>The name with the given numbers.</summary>
    public NamedOptions(string name, params ReadOnlySpan<(string Name, float Value)> options) : this(name, Collect(options)) { }

    /// <summary>The same with one number set.</summary>
    public NamedOptions With(string option, float value) => new(Name, new Dictionary<string, float>(Options) { [option] = value });

    internal static void Write(Utf8JsonWriter json, string key, string name, IReadOnlyList<(string Name, float Value)> options)
    {
        json.WriteStartObject(key);
        json.WriteString("name", name);
        foreach (var (option, value) in options) json.WriteNumber(option, value);
        json.WriteEndObject();
    }

    private static Dictionary<string, float> Collect(ReadOnlySpan<(string Name, float Value)> options)
    {
        var all = new Dictionary<string, float>();
        foreach (var (name, value) in options) all.Add(name, value);
        return all;
    }
}
