using RawDL.NN;

namespace RawDL.Spark;

/// <summary>The rows of a DataFrame, and what messages call them.</summary>
/// <param name="Source">A query, a table's name or a place.</param>
/// <param name="Rows">Columns are chosen as in a Parquet file.</param>
public sealed record SparkTable(string Source, DataFrame Rows)
{
    /// <summary>Brings all rows to the driver, in the order of partitions, as many partitions at a time as the cluster has slots. Use ORDER BY for an order that stays.</summary>
    /// <param name="spark">The application.</param>
    /// <param name="name">Of the data set.</param>
    /// <param name="train">The rows to train on, or all.</param>
    /// <param name="test">Those of the test; null to split.</param>
    /// <param name="options">The label's column, the shape of a sample, the classes, the split.</param>
    /// <exception cref="RawFileException">A row is no sample; it and the column are named.</exception>
    /// <exception cref="JavaException">Spark could not read.</exception>
    public static DatasetPair Collect(SparkContext spark, string name, SparkTable train, SparkTable? test, DataOptions options)
    {
        var first = train.Read(spark, null, options);
        return TableBuilder.Finish(train.Source, name, first, test?.Read(spark, first.Layout, options), options);
    }

    private TableBuilder Read(SparkContext spark, TableLayout? layout, DataOptions options)
    {
        layout ??= TableLayout.Choose(Source, ArrowColumns.Of(Rows.ArrowSchema), options.LabelColumn, null, LabelNeed.Required);
        var builder = new TableBuilder(layout, options);
        using var chosen = Rows.Select([.. layout.Columns.Select(column => column.Name)]);
        var schema = chosen.ArrowSchema;
        layout.Locate(Source, ArrowColumns.Of(schema));
        var frames = new ArrowFrames(schema);
        using var batches = chosen.ToArrow();
        var (partitions, step, before) = (batches.Partitions, Math.Max(1, spark.DefaultParallelism), 0L);
        for (var first = 0; first < partitions; first += step)
        {
            options.Cancel.ThrowIfCancellationRequested();
            using var served = batches.Serve([.. Enumerable.Range(first, Math.Min(step, partitions - first))]);
            while (served.MoveNext())
            {
                using var batch = frames.Decode(served.Current.Span);
                builder.Add(Source, before, [.. batch.Arrays.Select(ArrowColumns.Read)]);
                before += batch.Length;
            }
        }
        return builder;
    }
}
