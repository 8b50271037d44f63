namespace RawDL.NN;

/// <summary>The things of one noun, by name. The default instance of each tells its name, its options and their defaults.</summary>
/// <param name="noun">What messages call it: <c>optimizer</c>.</param>
/// <param name="entries">A default instance, and how to make one of option values in the order of its options.</param>
internal sealed class Choices<T>(string noun, params (T Default, Func<float[], T> Create)[] entries) where T : class, IConfigured
{
    internal IReadOnlyList<string> Names { get; } = Array.ConvertAll(entries, entry => entry.Default.Name);

    internal T Parse(string name, IReadOnlyDictionary<string, float>? options)
    {
        ArgumentNullException.ThrowIfNull(name);
        var index = Array.FindIndex(entries, entry => entry.Default.Name == name);
        if (index < 0) throw Unknown($"{noun}: expected one of", Names, name);
        var (known, create) = (entries[index].Default.Options, entries[index].Create);
        var names = new string[known.Count];
        var values = new float[known.Count];
        for (var i = 0; i < values.Length; i++) (names[i], values[i]) = known[i];
        foreach (var (key, value) in options ?? new Dictionary<string, float>())
        {
            var option = Array.IndexOf(names, key);
            if (option < 0) throw Unknown($"{noun} '{name}': expected options", names, key);
            values[option] = value;
        }
        return create(values);
    }

    private static ArgumentException Unknown(string expected, IReadOnlyList<string> names, string got)
    {
        var nearest = "";
        var best = Math.Max(1, got.Length / 3) + 1;
        foreach (var name in names)
            if (Distance(name, got) is var distance && distance < best) (nearest, best) = (name, distance);
        return new($"{expected} {string.Join(", ", names)}, got {RawFileException.Quote(got)}{(nearest.Length > 0 ? $"; did you mean '{nearest}'?" : ".")}");
    }

    // Levenshtein's edit distance, row by row; a text much longer than the name is not measured.
    private static int Distance(string name, string got)
    {
        if (got.Length > 2 * name.Length + 2) return int.MaxValue;
        Span<int> row = stackalloc int[name.Length + 1];
        for (var j = 0; j < row.Length; j++) row[j] = j;
        for (var i = 0; i < got.Length; i++)
        {
            var diagonal = row[0]++;
            for (var j = 1; j < row.Length; j++)
            {
                var change = diagonal + (char.ToLowerInvariant(got[i]) == name[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[^1];
    }
}
