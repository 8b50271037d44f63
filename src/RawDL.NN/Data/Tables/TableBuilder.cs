using System.Buffers;

namespace RawDL.NN;

/// <summary>Collects the rows of a table into a data set. What is wrong with a row is told with its file, its number from 1 and the column.</summary>
/// <param name="layout">Of the table, with a label.</param>
/// <param name="options">The shape of a sample and the classes, where they are known.</param>
/// <param name="badRows">What becomes of a row that is no sample.</param>
internal sealed class TableBuilder(TableLayout layout, DataOptions options, BadRows badRows = BadRows.Fail)
{
    private const int MaxClasses = 65_536, MaxValues = 500_000_000, SmallestSide = 4;
    private static readonly string[] s_imageNames = ["pixels", "image", "images"];

    private readonly TableLayout _layout = layout;
    private readonly DataOptions _options = options;
    private readonly ClassLabels? _known = options.ClassNames is { Count: > 0 } names ? new ClassLabels(names) : null;
    private readonly ArrayBufferWriter<float> _values = new();
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly List<int> _labels = [];
    private readonly List<float> _targets = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<(string Text, string Source, long Row)> _texts = [];
    private Shape? _sample;

    public TableLayout Layout => _layout;

    /// <summary>Rows that were no samples.</summary>
    public long LeftOut { get; private set; }

    private ColumnKind LabelKind => _layout.Label!.Value.Kind;

    private bool IsBytes => _layout.Features[0].Kind == ColumnKind.Bytes && LabelKind != ColumnKind.Numbers;

    private int Count => LabelKind == ColumnKind.Numbers ? _targets.Count : _labels.Count;

    /// <summary>Adds rows.</summary>
    /// <param name="source">What they come from, for messages.</param>
    /// <param name="before">Rows of the source that were added before.</param>
    /// <param name="values">The columns of <see cref="TableLayout.Columns"/>.</param>
    public void Add(string source, long before, IReadOnlyList<ColumnValues> values)
    {
        var samples = new SampleColumns([.. values.Skip(1)], _layout);
        for (var row = 0; row < values[0].Rows; row++)
        {
            var number = before + row + 1;
            _sample ??= ShapeOf(samples.Count(row), source);
            var size = _sample.Value.Count;
            if ((long)Count * size > (IsBytes ? Array.MaxLength : MaxValues) - size) throw new RawFileException(source, null, $"expected at most {(IsBytes ? Array.MaxLength : MaxValues)} values, got more");
            if ((samples.Fault(row, number, size) ?? AddLabel(source, number, values[0], row)) is { } fault)
            {
                if (badRows == BadRows.Fail) throw new RawFileException(source, null, fault);
                LeftOut++;
                continue;
            }
            if (IsBytes)
            {
                _bytes.Write(samples.Bytes(row));
                continue;
            }
            samples.Read(row, _values.GetSpan(size)[..size]);
            _values.Advance(size);
        }
    }

    /// <summary>The data set of one table, split, or of two.</summary>
    /// <exception cref="RawFileException">A part is too small, or the parts do not fit each other.</exception>
    public static DatasetPair Finish(string source, string name, TableBuilder train, TableBuilder? test, DataOptions options)
    {
        var smallest = test is null ? 2 : 1;
        if (train.Count < smallest) throw new RawFileException(source, null, $"expected at least {smallest} rows, got {train.Count}");
        if (test is null) return DatasetPair.Split(train.Create(name, train.Classes(null)), options.TestFraction, options.Seed);
        if (test.Count == 0) throw new RawFileException(source, null, "expected at least one row for the test, got 0");
        if (test._sample != train._sample) throw new RawFileException(source, null, $"expected test samples {train._sample} as for training, got {test._sample}");
        var classes = train.Classes(test);
        return new DatasetPair(train.Create(name + "/train", classes), test.Create(name + "/test", classes));
    }

    /// <summary>The rows as they are, at least one.</summary>
    public Dataset Whole(string name) => Create(name, Classes(null));

    /// <summary>Whether there are rows.</summary>
    public bool IsEmpty => Count == 0;

    private Shape ShapeOf(int count, string source)
    {
        if (_options.Sample is { } given) return given;
        if (count == 0) throw new RawFileException(source, null, $"expected values in column {RawFileException.Quote(_layout.Features[0].Name)}, got none");
        var isImage = _layout.Features[0].Kind == ColumnKind.Bytes || _layout.IsSingle && s_imageNames.Contains(_layout.Features[0].Name, StringComparer.OrdinalIgnoreCase);
        foreach (var channels in (int[])[1, 3])
            if (isImage && count % channels == 0 && (int)Math.Round(Math.Sqrt(count / channels)) is var side && side >= SmallestSide && side * side * channels == count)
                return new Shape(channels, side, side);
        return new Shape(count);
    }

    // What is wrong with a label, or null.
    private string? AddLabel(string source, long number, ColumnValues labels, int row)
    {
        if (labels.IsMissing(row)) return Fault("a label", "null");
        if (labels.Kind == ColumnKind.Numbers)
        {
            if (!float.IsFinite(labels.Numbers[row])) return Fault("a finite number", $"{labels.Numbers[row]}");
            _targets.Add(labels.Numbers[row]);
            return null;
        }
        var id = 0;
        if (_known is not null)
        {
            if (!_known.TryFind(labels, row, out id)) return Fault($"one of {_options.ClassNames!.Count} classes", RawFileException.Quote(labels.Label(row)));
        }
        else if (labels.Kind == ColumnKind.Integers)
        {
            if (labels.Integers[row] is < 0 or >= MaxClasses) return Fault($"a class of 0 to {MaxClasses - 1}", $"{labels.Integers[row]}");
            id = (int)labels.Integers[row];
        }
        else if (!_ids.TryGetValue(labels.Texts[row], out id))
        {
            if (_ids.Count == MaxClasses) return Fault($"at most {MaxClasses} classes", "another one");
            _ids[labels.Texts[row]] = id = _ids.Count;
            _texts.Add((labels.Texts[row], source, number));
        }
        _labels.Add(id);
        return null;

        string Fault(string expected, string got) => $"expected {expected} in row {number}, column {RawFileException.Quote(_layout.Label!.Value.Name)}, got {got}";
    }

    private IReadOnlyList<string> Classes(TableBuilder? test)
    {
        if (LabelKind == ColumnKind.Numbers) return [];
        if (_known is not null) return _options.ClassNames!;
        if (LabelKind == ColumnKind.Integers) return Dataset.NumberedClasses(_labels.Concat(test?._labels ?? []).Max() + 1);
        return [.. _texts.Select(text => text.Text).Order(StringComparer.Ordinal)];
    }

    private Dataset Create(string name, IReadOnlyList<string> classes)
    {
        var sample = _sample!.Value;
        if (LabelKind == ColumnKind.Numbers) return new FloatDataset(name, sample, _values.WrittenSpan.ToArray(), [.. _targets], 1);
        if (_ids.Count > 0) Rank(classes);
        return IsBytes ? new ByteDataset(name, sample, _bytes.WrittenMemory, [.. _labels], classes) : new FloatDataset(name, sample, _values.WrittenSpan.ToArray(), [.. _labels], classes);
    }

    // From the order of appearance to that of the names.
    private void Rank(IReadOnlyList<string> classes)
    {
        var names = new ClassLabels(classes);
        var texts = ColumnValues.OfTexts([.. _texts.Select(text => text.Text)], null);
        var ranks = new int[_texts.Count];
        for (var id = 0; id < ranks.Length; id++)
            if (!names.TryFind(texts, id, out ranks[id]))
                throw new RawFileException(_texts[id].Source, null, $"expected a class that is among the training rows too in row {_texts[id].Row}, column {RawFileException.Quote(_layout.Label!.Value.Name)}, got {RawFileException.Quote(_texts[id].Text)}");
        for (var i = 0; i < _labels.Count; i++) _labels[i] = ranks[_labels[i]];
    }
}
