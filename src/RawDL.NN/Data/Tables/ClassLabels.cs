namespace RawDL.NN;

/// <summary>The classes that labels name: texts by name; integers by name too, as classes are often called 0, 1, 2, else by number.</summary>
internal sealed class ClassLabels
{
    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);
    private readonly int _count;

    public ClassLabels(IReadOnlyList<string> names)
    {
        _count = names.Count;
        for (var i = 0; i < names.Count; i++) _byName.TryAdd(names[i], i);
    }

    /// <summary>The class of a row's label.</summary>
    /// <returns>False if there is no such class.</returns>
    public bool TryFind(ColumnValues labels, int row, out int index)
    {
        if (_byName.TryGetValue(labels.Label(row), out index)) return true;
        if (labels.Kind != ColumnKind.Integers || labels.Integers[row] is var number && (number < 0 || number >= _count)) return false;
        index = (int)number;
        return true;
    }
}
