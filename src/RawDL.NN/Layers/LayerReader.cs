namespace RawDL.NN;

/// <summary>From the objects of a configuration to layers: one line per type.</summary>
internal static class LayerReader
{
    private const int MaximumDepth = 16;

    private static readonly string[] Types =
    [
        "linear", "conv2d", "max_pool2d", "average_pool2d", "global_average_pool", "batch_norm", "local_response_norm", "layer_norm", "dropout",
        "flatten", "zero_pad", "residual", "sequential", .. Activation.Names,
    ];

    /// <summary>The layers of an array, or null when the key is missing.</summary>
    /// <exception cref="ConfigurationException">An unknown type or key, or a value out of range; the message names the layer.</exception>
    public static Layer[]? ReadAll(ConfigurationObject source, string key)
    {
        if (source.Objects(key) is not { } objects) return null;
        if (source.Place.Split('[').Length > MaximumDepth) throw source.Fail($"expected layers at most {MaximumDepth} deep", "more");
        return [.. objects.ConvertAll(Read)];
    }

    private static Layer Read(ConfigurationObject source)
    {
        var type = source.String("type") ?? throw source.Fail("expected 'type'", "none");
        var name = source.String("name") ?? "";
        if (name.Length > 64 || name.AsSpan().ContainsAnyExcept(NameCharacters)) throw source.Fail("expected a name of at most 64 letters, digits, _ and -", RawFileException.Quote(name));
        source.Place += name.Length > 0 ? $" '{name}' ({RawFileException.Quote(type).Trim('\'')})" : $" ({RawFileException.Quote(type).Trim('\'')})";
        Layer layer = type switch
        {
            "linear" => Linear.Read(source),
            "conv2d" => Conv2d.Read(source),
            "max_pool2d" => MaxPool2d.Read(source),
            "average_pool2d" => AveragePool2d.Read(source),
            "global_average_pool" => new GlobalAveragePool(),
            "batch_norm" => BatchNorm.Read(source),
            "local_response_norm" => LocalResponseNorm.Read(source),
            "layer_norm" => LayerNorm.Read(source),
            "dropout" => Dropout.Read(source),
            "flatten" => new Flatten(),
            "zero_pad" => ZeroPad.Read(source),
            "residual" => Residual.Read(source),
            "sequential" => Sequential.Read(source),
            _ => ReadActivation(source, type),
        };
        layer.Name = name;
        source.End();
        return layer;
    }

    private static Activation ReadActivation(ConfigurationObject source, string type)
    {
        var options = new Dictionary<string, float>();
        foreach (var key in (ReadOnlySpan<string>)["slope", "alpha"])
            if (source.OptionalNumber(key, 0) is { } value) options.Add(key, value);
        return Activation.TryParse(source.Place, type, options) ?? throw source.Fail($"expected type as one of {string.Join(", ", Types)}", RawFileException.Quote(type));
    }

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}
