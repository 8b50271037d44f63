using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Apache.Arrow;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>A model that executors score rows with. Disposing it frees the model there.</summary>
public sealed class Scoring : IDisposable
{
    private readonly Model _model;
    private readonly SparkBroadcast _broadcast;
    private readonly string _hash;

    /// <summary>Sends the model to the executors that will need it.</summary>
    /// <param name="spark">The application.</param>
    /// <param name="model">On any device; executors compute on theirs.</param>
    public Scoring(SparkContext spark, Model model)
    {
        ArgumentNullException.ThrowIfNull(spark);
        ArgumentNullException.ThrowIfNull(model);
        var bytes = model.ToBytes();
        _model = model;
        _hash = Convert.ToHexString(SHA256.HashData(bytes));
        _broadcast = spark.Broadcast(bytes);
    }

    /// <summary>
    /// The rows with columns more: prediction (int), class (string), probability (double, of the likeliest) and probabilities (array of float), or outputs (array of
    /// float) for a regression. Nothing runs before they are written.
    /// </summary>
    /// <param name="rows">A table, or a stream.</param>
    /// <param name="options">Which columns.</param>
    /// <exception cref="RawFileException">The columns do not fit.</exception>
    public DataFrame Predict(DataFrame rows, ScoringOptions options)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        var columns = ArrowColumns.Of(rows.ArrowSchema);
        var layout = TableLayout.Choose(options.Source, columns, options.LabelColumn, options.Features, LabelNeed.None);
        var kept = options.Keep?.ToArray() ?? [.. columns.Select(column => column.Name).Where(name => !layout.IsSingle || name != layout.Features[0].Name)];
        foreach (var name in PredictionColumns.Names(_model))
            if (kept.Contains(name, StringComparer.OrdinalIgnoreCase)) throw new RawFileException(options.Source, null, $"expected rows without a column '{name}', which the result has, got one; name those to keep by --keep");
        RequireWidth(layout, options);
        using var chosen = Choose(rows, [.. kept, .. layout.Features.Select(column => column.Name)], out var names);
        var passed = kept.Length == 0 ? "" : Passed(rows, kept) + ", ";
        return chosen.Map(Call(ScoreKind.Predict, options, layout, names, kept), passed + PredictionColumns.Ddl(_model));
    }

    /// <summary>The scores over all rows of all partitions.</summary>
    /// <param name="rows">A table with a label.</param>
    /// <param name="options">Which columns.</param>
    /// <returns>The scores, and rows that were left out.</returns>
    /// <exception cref="RawFileException">The columns do not fit.</exception>
    /// <exception cref="JavaException">A task failed; a row that is no sample is named.</exception>
    public (Evaluation Evaluation, long LeftOut) Evaluate(DataFrame rows, ScoringOptions options)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        var layout = TableLayout.Choose(options.Source, ArrowColumns.Of(rows.ArrowSchema), options.LabelColumn, options.Features, LabelNeed.Required);
        var label = layout.Label!.Value;
        if ((label.Kind == ColumnKind.Numbers) != (_model.ClassNames.Count == 0))
            throw new RawFileException(options.Source, null, $"expected {(_model.ClassNames.Count > 0 ? "classes" : "numbers with a fraction")} in column {RawFileException.Quote(label.Name)}, got {label.Describe()}");
        RequireWidth(layout, options);
        using var chosen = Choose(rows, [label.Name, .. layout.Features.Select(column => column.Name)], out var names);
        using var counted = chosen.Map(Call(ScoreKind.Evaluate, options, layout, names, []), ScoreTask.CountsDdl);
        return Sum(counted);
    }

    /// <inheritdoc/>
    public void Dispose() => _broadcast.Dispose();

    // In the order of partitions, so that the loss has the same bits however late each came.
    private (Evaluation, long) Sum(DataFrame counted)
    {
        var parts = new SortedDictionary<int, (long LeftOut, double[] Counts)>();
        var frames = new ArrowFrames(counted.ArrowSchema);
        using var rdd = counted.ToArrow();
        using var served = rdd.Serve();
        while (served.MoveNext())
        {
            using var batch = frames.Decode(served.Current.Span);
            if (batch.Column(0) is not Int32Array splits || batch.Column(1) is not Int64Array leftOut || batch.Column(2) is not BinaryArray counts) throw new SparkProtocolException("score: expected counts, got other columns");
            for (var row = 0; row < batch.Length; row++) parts[splits.GetValue(row) ?? 0] = (leftOut.GetValue(row) ?? 0, MemoryMarshal.Cast<byte, double>(counts.GetBytes(row)).ToArray());
        }
        var tally = new EvaluationTally(_model.ClassNames);
        foreach (var (_, counts) in parts.Values) tally.Add(counts);
        return (tally.Complete(new SoloCommunicator()), parts.Values.Sum(part => part.LeftOut));
    }

    // Columns that are not asked for would travel to the executors' programs all the same.
    private static DataFrame Choose(DataFrame rows, string[] wanted, out string[] names)
    {
        names = [.. wanted.Distinct(StringComparer.Ordinal)];
        return rows.Select(names);
    }

    private static string Passed(DataFrame rows, string[] kept)
    {
        using var some = rows.Select(kept);
        return some.SchemaDdl;
    }

    private void RequireWidth(TableLayout layout, ScoringOptions options)
    {
        if (!layout.IsSingle && layout.Features.Length != _model.SampleShape.Count)
            throw new RawFileException(options.Source, null, $"expected {_model.SampleShape.Count} columns of numbers, or one column of lists or bytes, got {layout.Features.Length} beside the label; name them by --features");
    }

    private SparkCall Call(ScoreKind kind, ScoringOptions options, TableLayout layout, string[] names, string[] kept)
    {
        var command = new ScoreCommand(kind, options.Source, _broadcast.Id, _hash, [.. layout.Features.Select(column => System.Array.IndexOf(names, column.Name))],
            layout.Label is { } label ? System.Array.IndexOf(names, label.Name) : -1, [.. kept.Select(name => System.Array.IndexOf(names, name))], options.BadRows);
        return new SparkCall(ScoreTask.Name, command.Encode()) { Broadcasts = [_broadcast] };
    }
}
