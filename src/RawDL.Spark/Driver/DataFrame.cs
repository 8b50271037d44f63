using System.Text.Json;
using Apache.Arrow;

namespace RawDL.Spark;

/// <summary>Rows with named columns, spread over the cluster.</summary>
public sealed class DataFrame : IDisposable
{
    private readonly SparkSql _sql;

    internal DataFrame(SparkSql sql, JavaObject java) => (_sql, Java) = (sql, java);

    internal JavaObject Java { get; }

    /// <summary>Spark's own description of the columns, as JSON.</summary>
    public string SchemaJson
    {
        get
        {
            using var schema = Java.CallObject("schema");
            return schema.Call("json").Text;
        }
    }

    /// <summary>Names of the columns.</summary>
    public string[] Columns
    {
        get
        {
            using var schema = JsonDocument.Parse(SchemaJson);
            return [.. schema.RootElement.GetProperty("fields").EnumerateArray().Select(column => column.GetProperty("name").GetString() ?? "")];
        }
    }

    /// <summary>The columns as Arrow batches carry them.</summary>
    public Schema ArrowSchema
    {
        get
        {
            using var configuration = _sql.Session.CallObject("conf");
            return SparkSchema.ToArrow(SchemaJson, configuration.Call("get", "spark.sql.session.timeZone").Text);
        }
    }

    /// <summary>The columns in Spark's own words, as <see cref="Map"/> takes them.</summary>
    public string SchemaDdl
    {
        get
        {
            using var schema = Java.CallObject("schema");
            return schema.Call("toDDL").Text;
        }
    }

    /// <summary>Some of the columns.</summary>
    public DataFrame Select(params IReadOnlyList<string> columns)
    {
        using var others = _sql.Spark.Sequence([.. columns.Skip(1).Select(name => (JavaValue)Quote(name))]);
        return new DataFrame(_sql, Java.CallObject("select", Quote(columns[0]), others));
    }

    /// <summary>Number of rows.</summary>
    public long Count() => Java.Call("count").Long;

    /// <summary>Another number of partitions, by a shuffle.</summary>
    public DataFrame Repartition(int partitions) => new(_sql, Java.CallObject("repartition", partitions));

    /// <summary>Makes it known to SQL under a name.</summary>
    public void CreateView(string name) => Java.CallVoid("createOrReplaceTempView", name);

    /// <summary>Arrow batches of at most spark.sql.execution.arrow.maxRecordsPerBatch rows, one per element; <see cref="ArrowFrames"/> with <see cref="ArrowSchema"/> reads them.</summary>
    public Rdd ToArrow() => new(_sql.Spark, Java.CallObject("toArrowBatchRdd"));

    /// <summary>A JSON text per row. Slow; for small results.</summary>
    public Rdd ToJson()
    {
        using var texts = Java.CallObject("toJSON");
        using var java = texts.CallObject("toJavaRDD");
        return Rdd.Of(_sql.Spark, java);
    }

    /// <summary>A task on each partition that reads and writes Arrow batches.</summary>
    /// <param name="call">The task.</param>
    /// <param name="schema">Columns of the result as in DDL: <c>id long, score double</c>. The task writes them in this order and type.</param>
    public DataFrame Map(SparkCall call, string schema)
    {
        var jvm = _sql.Spark.Jvm;
        var version = _sql.Spark.Version;
        using var function = _sql.Spark.SqlFunction(call);
        using var type = jvm.Static($"{SparkSql.Package}types.StructType", "fromDDL", schema).Object;
        using var none = _sql.Spark.List();
        ReadOnlySpan<JavaValue> arguments = [call.Task, function, type, TaskHeader.MapInArrow, true, none, none];
        using var user = jvm.New($"{SparkSql.Package}execution.python.UserDefinedPythonFunction", version.IsAtLeast(4, 3) ? arguments : arguments[..5]);
        using var column = Apply(user);
        var barrier = call.Stage == SparkStage.Barrier;
        if (version.IsAtLeast(4, 0)) return new DataFrame(_sql, Java.CallObject("mapInArrow", column, barrier, JavaValue.Null));
        using var expression = column.CallObject("expr");
        return new DataFrame(_sql, version.IsAtLeast(3, 5) ? Java.CallObject("pythonMapInArrow", expression, barrier) : Java.CallObject("pythonMapInArrow", expression));
    }

    /// <summary>Writes files, or other places that Spark knows.</summary>
    /// <param name="format">parquet, orc, csv, json, or another.</param>
    /// <param name="path">The folder.</param>
    /// <param name="mode">overwrite, append, ignore or errorifexists.</param>
    /// <param name="options">Of the format.</param>
    public void Write(string format, string path, string mode = "errorifexists", params ReadOnlySpan<(string Key, string Value)> options)
    {
        using var writer = Writer(format, mode, options);
        writer.CallVoid("save", path);
    }

    /// <summary>Writes a table of the catalog, such as a Hive table.</summary>
    public void WriteTable(string name, string mode = "errorifexists", string? format = null)
    {
        using var writer = Writer(format, mode, []);
        writer.CallVoid("saveAsTable", name);
    }

    /// <summary>Starts a query that writes rows of a stream as they come, each exactly once.</summary>
    /// <param name="format">parquet, orc, csv or json.</param>
    /// <param name="path">The folder.</param>
    /// <param name="checkpoint">Where Spark keeps how far it is.</param>
    /// <param name="trigger">When batches start.</param>
    public StreamingQuery StartStream(string format, string path, string checkpoint, StreamTrigger trigger)
    {
        using var writer = Java.CallObject("writeStream");
        writer.CallVoid("format", format);
        writer.CallVoid("option", "checkpointLocation", checkpoint);
        const string Triggers = $"{SparkSql.Package}streaming.Trigger";
        using var when = (trigger == StreamTrigger.AvailableNow ? _sql.Spark.Jvm.Static(Triggers, "AvailableNow") : _sql.Spark.Jvm.Static(Triggers, "ProcessingTime", 0L)).Object;
        writer.CallVoid("trigger", when);
        return new StreamingQuery(writer.CallObject("start", path));
    }

    /// <inheritdoc/>
    public void Dispose() => Java.Dispose();

    private JavaObject Apply(JavaObject function)
    {
        var columns = Columns.Select(name => Java.CallObject("col", Quote(name))).ToList();
        try
        {
            using var sequence = _sql.Spark.Sequence([.. columns.Select(column => (JavaValue)column)]);
            return function.CallObject("apply", sequence);
        }
        finally
        {
            columns.ForEach(column => column.Dispose());
        }
    }

    private static string Quote(string column) => $"`{column.Replace("`", "``", StringComparison.Ordinal)}`";

    private JavaObject Writer(string? format, string mode, ReadOnlySpan<(string Key, string Value)> options)
    {
        var writer = Java.CallObject("write");
        writer.CallVoid("mode", mode);
        if (format is not null) writer.CallVoid("format", format);
        foreach (var (key, value) in options) writer.CallVoid("option", key, value);
        return writer;
    }
}
