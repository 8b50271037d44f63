namespace RawDL.Spark;

/// <summary>The session for SQL and DataFrames.</summary>
public sealed class SparkSql : IDisposable
{
    internal const string Package = "org.apache.spark.sql.";

    internal SparkSql(SparkContext spark)
    {
        Spark = spark;
        using var builder = spark.Jvm.Static($"{Package}{(spark.Version.IsAtLeast(4, 0) ? "classic." : "")}SparkSession", "builder").Object;
        if (spark.Setting("spark.sql.catalogImplementation") == "hive") builder.CallVoid("enableHiveSupport");
        Session = builder.CallObject("getOrCreate");
    }

    internal SparkContext Spark { get; }

    internal JavaObject Session { get; }

    /// <summary>Runs a statement, or prepares a query.</summary>
    public DataFrame Query(string sql) => new(this, Session.CallObject("sql", sql));

    /// <summary>A table or view of the catalog, such as a Hive table.</summary>
    public DataFrame Table(string name) => new(this, Session.CallObject("table", name));

    /// <summary>Reads files.</summary>
    /// <param name="format">parquet, orc, csv, json, text, or any other that Spark knows.</param>
    /// <param name="path">A file or folder.</param>
    /// <param name="schema">Columns as in DDL: <c>id long, label int</c>; null to take those of the files.</param>
    /// <param name="options">Of the format.</param>
    public DataFrame Read(string format, string path, string? schema = null, params ReadOnlySpan<(string Key, string Value)> options)
    {
        using var reader = Session.CallObject("read");
        return new DataFrame(this, Load(reader, format, path, schema, options));
    }

    /// <summary>Reads files as they appear in a folder, for <see cref="DataFrame.StartStream"/>.</summary>
    /// <param name="format">As in <see cref="Read"/>, or another streaming source.</param>
    /// <param name="path">The folder; null for a source that has none.</param>
    /// <param name="schema">Columns as in DDL; null for a source that has its own.</param>
    /// <param name="options">Of the source.</param>
    public DataFrame ReadStream(string format, string? path, string? schema, params ReadOnlySpan<(string Key, string Value)> options)
    {
        using var reader = Session.CallObject("readStream");
        return new DataFrame(this, Load(reader, format, path, schema, options));
    }

    /// <inheritdoc/>
    public void Dispose() => Session.Dispose();

    private static JavaObject Load(JavaObject reader, string format, string? path, string? schema, ReadOnlySpan<(string Key, string Value)> options)
    {
        reader.CallVoid("format", format);
        foreach (var (key, value) in options) reader.CallVoid("option", key, value);
        if (schema is not null) reader.CallVoid("schema", schema);
        return path is null ? reader.CallObject("load") : reader.CallObject("load", path);
    }
}
