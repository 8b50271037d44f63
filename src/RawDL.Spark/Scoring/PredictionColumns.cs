using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What a model says of the rows of a batch, as columns: prediction, class, probability and probabilities, or the outputs of a regression.</summary>
internal sealed class PredictionColumns
{
    private static readonly ListType s_list = new(new Field("element", FloatType.Default, nullable: true));
    private readonly IReadOnlyList<string> _classes;
    private readonly int _width;
    private readonly float[] _values;
    private readonly bool[] _missing;

    internal PredictionColumns(Model model, int rows)
    {
        (_classes, _width) = (model.ClassNames, model.PredictionWidth);
        (_values, _missing) = (new float[checked(rows * _width)], new bool[rows]);
    }

    /// <summary>Names of the columns that every result has.</summary>
    internal static string[] Names(Model model) => model.ClassNames.Count > 0 ? ["prediction", "class", "probability", "probabilities"] : ["outputs"];

    /// <summary>The columns as Spark declares them.</summary>
    internal static string Ddl(Model model) => model.ClassNames.Count > 0 ? "prediction INT, class STRING, probability DOUBLE, probabilities ARRAY<FLOAT>" : "outputs ARRAY<FLOAT>";

    internal void Set(int row, ReadOnlySpan<float> values) => values.CopyTo(_values.AsSpan(row * _width));

    internal void SetMissing(int row) => _missing[row] = true;

    internal List<IArrowArray> Create()
    {
        var rows = _missing.Length;
        var (nulls, bitmap) = Bitmap();
        var offsets = new int[rows + 1];
        for (var row = 0; row <= rows; row++) offsets[row] = row * _width;
        var floats = new FloatArray(Buffer(_values), ArrowBuffer.Empty, _values.Length, 0, 0);
        var lists = new ListArray(s_list, rows, Buffer(offsets), floats, bitmap, nulls);
        if (_classes.Count == 0) return [lists];
        var predictions = new int[rows];
        var probabilities = new double[rows];
        var names = new StringArray.Builder().Reserve(rows);
        for (var row = 0; row < rows; row++)
        {
            var values = _values.AsSpan(row * _width, _width);
            predictions[row] = Likeliest(values);
            probabilities[row] = values[predictions[row]];
            if (_missing[row]) names.AppendNull();
            else names.Append(_classes[predictions[row]]);
        }
        return [new Int32Array(Buffer(predictions), bitmap, rows, nulls, 0), names.Build(), new DoubleArray(Buffer(probabilities), bitmap, rows, nulls, 0), lists];
    }

    internal static List<Field> Fields(Model model) => model.ClassNames.Count > 0
        ? [new("prediction", Int32Type.Default, true), new("class", StringType.Default, true), new("probability", DoubleType.Default, true), new("probabilities", s_list, true)]
        : [new("outputs", s_list, true)];

    // The first among equals; a NaN never wins.
    private static int Likeliest(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
            if (values[i] > values[best] || (float.IsNaN(values[best]) && !float.IsNaN(values[i]))) best = i;
        return best;
    }

    private static ArrowBuffer Buffer<T>(T[] values) where T : unmanaged => new(MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private (int Nulls, ArrowBuffer Bits) Bitmap()
    {
        var nulls = _missing.Count(missing => missing);
        if (nulls == 0) return (0, ArrowBuffer.Empty);
        var bits = new byte[(_missing.Length + 7) / 8];
        for (var row = 0; row < _missing.Length; row++)
            if (!_missing[row]) bits[row / 8] |= (byte)(1 << (row % 8));
        return (nulls, new ArrowBuffer(bits));
    }
}
