using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>Where rows or files lie that Spark reads: a query, a table of the catalog, or a place of a file system of Hadoop.</summary>
internal static class SparkPlace
{
    private const string Sql = "sql:", Table = "table:", LocalFile = "file:", Separator = "://";

    /// <summary>A query as the name of data.</summary>
    public static string OfSql(string query) => Sql + query;

    /// <summary>A table as the name of data.</summary>
    public static string OfTable(string name) => Table + name;

    /// <summary>True for rows that only Spark can read.</summary>
    public static bool IsQuery(string name) => name.StartsWith(Sql, StringComparison.Ordinal) || name.StartsWith(Table, StringComparison.Ordinal);

    /// <summary>True for a place with a scheme, as hdfs://host/folder; file: is this machine's own.</summary>
    public static bool IsRemote(string path) => path.IndexOf(Separator, StringComparison.Ordinal) is > 1 and var end && path.AsSpan(0, end).IndexOfAny('/', '\\') < 0 && !IsLocal(path);

    /// <summary>A path of this machine, without its scheme.</summary>
    public static string WithoutScheme(string path) => IsLocal(path) && Uri.TryCreate(path, UriKind.Absolute, out var uri) ? uri.LocalPath : path;

    /// <summary>The application; one line if there is none.</summary>
    /// <exception cref="UsageException">spark-submit did not start the program.</exception>
    public static SparkContext Require(string what) => SparkJob.Current?.Context ?? throw new UsageException($"{what}: expected spark-submit, got another launcher.");

    /// <summary>Opens rows.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="name">A query, a table or a place.</param>
    /// <param name="format">Of files: parquet, orc, csv, json or another.</param>
    public static SparkTable Open(SparkSql sql, string name, string? format)
    {
        if (name.StartsWith(Sql, StringComparison.Ordinal)) return new SparkTable(name[Sql.Length..], sql.Query(name[Sql.Length..]));
        if (name.StartsWith(Table, StringComparison.Ordinal)) return new SparkTable(name[Table.Length..], sql.Table(name[Table.Length..]));
        (string, string)[] options = format == "csv" ? [("header", "true"), ("inferSchema", "true")] : [];
        return new SparkTable(name, sql.Read(format ?? "parquet", name, null, options));
    }

    private static bool IsLocal(string path) => path.StartsWith(LocalFile, StringComparison.OrdinalIgnoreCase) && path.Length > LocalFile.Length && path[LocalFile.Length] == '/';
}
