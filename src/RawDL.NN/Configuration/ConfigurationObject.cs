using System.Globalization;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>One JSON object while it is read: every key is taken once, and what is left over at the end is unknown.</summary>
internal sealed class ConfigurationObject
{
    private readonly Dictionary<string, JsonElement> _left = [];
    private readonly List<string> _known = [];

    /// <summary>Opens an object.</summary>
    /// <param name="place">How messages name it: <c>optimizer</c>, <c>layers[2] (conv2d)</c>.</param>
    /// <param name="element">The value; not an object is an error.</param>
    /// <exception cref="ConfigurationException">Not an object, or a key stands twice.</exception>
    public ConfigurationObject(string place, JsonElement element)
    {
        Place = place;
        if (element.ValueKind != JsonValueKind.Object) throw Fail("expected an object {…}", Text(element));
        foreach (var property in element.EnumerateObject())
            if (!_left.TryAdd(property.Name, property.Value)) throw Fail("expected each key once", $"{RawFileException.Quote(property.Name)} twice");
    }

    /// <summary>How messages name the object.</summary>
    public string Place { get; set; }

    /// <summary>The value of a key as it stands, or null.</summary>
    public JsonElement? Take(string key)
    {
        _known.Add(key);
        return _left.Remove(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public int Integer(string key, int fallback, int minimum, int maximum = int.MaxValue) => OptionalInteger(key, minimum, maximum) ?? fallback;

    public int? OptionalInteger(string key, int minimum, int maximum = int.MaxValue)
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= minimum && number <= maximum) return number;
        throw Fail($"expected {key} as an integer {Range(minimum, maximum)}", Text(value));
    }

    public int RequiredInteger(string key, int minimum) =>
        OptionalInteger(key, minimum) ?? throw Fail($"expected '{key}', an integer >= {minimum}", "none");

    /// <summary>A finite number in [minimum, maximum].</summary>
    public float Number(string key, float fallback, float minimum, float maximum = float.MaxValue) => OptionalNumber(key, minimum, maximum) ?? fallback;

    public float? OptionalNumber(string key, float minimum, float maximum = float.MaxValue)
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out var number) && number >= minimum && number <= maximum) return number;
        throw Fail(string.Create(CultureInfo.InvariantCulture, $"expected {key} as a number from {minimum} to {maximum}"), Text(value));
    }

    public ulong? Seed(string key)
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var number)) return number;
        throw Fail($"expected {key} as an integer >= 0", Text(value));
    }

    public bool Flag(string key, bool fallback)
    {
        if (Take(key) is not { } value) return fallback;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Fail($"expected {key} as true or false", Text(value));
    }

    public string? String(string key)
    {
        if (Take(key) is not { } value) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Fail($"expected {key} as a string", Text(value));
    }

    public T Choice<T>(string key, T fallback, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        if (String(key) is not { } text) return fallback;
        var names = new List<string>();
        foreach (var (name, value) in choices)
        {
            if (name == text) return value;
            names.Add(name);
        }
        throw Fail($"expected {key} as one of {string.Join(", ", names)}", RawFileException.Quote(text));
    }

    /// <summary>One integer for both axes, or [height, width].</summary>
    public (int Height, int Width) Pair(string key, (int, int) fallback, int minimum) => Pair(key, minimum) ?? fallback;

    public (int Height, int Width)? Pair(string key, int minimum)
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var both) && both >= minimum) return (both, both);
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2
            && value[0].ValueKind == JsonValueKind.Number && value[0].TryGetInt32(out var height) && height >= minimum
            && value[1].ValueKind == JsonValueKind.Number && value[1].TryGetInt32(out var width) && width >= minimum)
        {
            return (height, width);
        }
        throw Fail($"expected {key} as an integer >= {minimum} or [height, width]", Text(value));
    }

    /// <summary>The integers of an array, or null.</summary>
    public int[]? Integers(string key, int minimum, int maximumLength)
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > maximumLength) throw Refused(value);
        var numbers = new int[value.GetArrayLength()];
        for (var i = 0; i < numbers.Length; i++)
            if (value[i].ValueKind != JsonValueKind.Number || !value[i].TryGetInt32(out numbers[i]) || numbers[i] < minimum) throw Refused(value);
        return numbers;

        ConfigurationException Refused(JsonElement got) => Fail($"expected {key} as at most {maximumLength} integers >= {minimum}", Text(got));
    }

    /// <summary>The object of a key, or null.</summary>
    public ConfigurationObject? Object(string key) => Take(key) is { } value ? new ConfigurationObject(Inside(key), value) : null;

    /// <summary>A name with options: <c>"adam"</c>, or <c>{"name": "adam", "beta1": 0.8}</c>, each option a number.</summary>
    public (string Name, Dictionary<string, float> Options)? Named(string key, string nameKey = "name")
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.String) return (value.GetString()!, []);
        var inner = new ConfigurationObject(Inside(key), value);
        var name = inner.String(nameKey) ?? throw inner.Fail($"expected '{nameKey}'", "none");
        var options = new Dictionary<string, float>();
        foreach (var option in inner._left)
        {
            if (option.Value.ValueKind != JsonValueKind.Number || !option.Value.TryGetSingle(out var number))
                throw inner.Fail($"expected {RawFileException.Quote(option.Key)} as a number", Text(option.Value));
            options.Add(option.Key, number);
        }
        return (name, options);
    }

    /// <summary>The objects of an array, or null.</summary>
    public List<ConfigurationObject>? Objects(string key)
    {
        if (Take(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array) throw Fail($"expected {key} as an array of objects", Text(value));
        var objects = new List<ConfigurationObject>();
        foreach (var element in value.EnumerateArray()) objects.Add(new ConfigurationObject($"{Inside(key)}[{objects.Count}]", element));
        return objects;
    }

    /// <summary>Refuses the keys that nobody took.</summary>
    public void End()
    {
        foreach (var key in _left.Keys)
            throw Fail($"expected one of the keys {string.Join(", ", _known)}", RawFileException.Quote(key));
    }

    public ConfigurationException Fail(string expected, string got) => new($"{(Place.Length > 0 ? Place : "configuration")}: {expected}, got {got}.");

    private string Inside(string key) => Place.Length > 0 ? $"{Place}.{key}" : key;

    private static string Range(int minimum, int maximum) => maximum == int.MaxValue ? $">= {minimum}" : $"from {minimum} to {maximum}";

    private static string Text(JsonElement value)
    {
        var text = value.GetRawText();
        return RawFileException.Quote(text.Length > 60 ? text[..60] + "…" : text);
    }
}
