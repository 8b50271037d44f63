using System.CommandLine;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The options that name rows which Spark reads.</summary>
internal sealed class SparkRows
{
    private const int MaximumLength = 1 << 20;

    private readonly Option<string?> _sql = Text("--sql", "QUERY", "Under spark-submit: the rows of a query, such as \"select label, pixels from t order by id\".");
    private readonly Option<string?> _table = Text("--table", "NAME", "Under spark-submit: the rows of a table of the catalog, such as a Hive table.");
    private readonly Option<string?> _format = Text("--format", "FORMAT", "Under spark-submit: read --data as a table of parquet, orc, csv, json or another format that Spark knows.");

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_sql, _table, _format]) command.Add(option);
    }

    /// <summary>An option with a text for Spark, which only spark-submit can take.</summary>
    public static Option<string?> Text(string name, string helpName, string help)
    {
        var option = Values.Text(name, helpName, help, text =>
        {
            if (text.Length is 0 or > MaximumLength) throw new ArgumentException($"{name[2..]}: expected a text of 1 to {MaximumLength} characters, got {text.Length}.");
        });
        RequireSpark(option);
        return option;
    }

    public static void RequireSpark(Option option) => option.Validators.Add(result =>
    {
        // A rank inside a task of Spark gets the words of its driver, and the data as a file.
        if (!result.Implicit && SparkJob.Current is null && Environment.GetEnvironmentVariable(RankChild.DataVariable) is null) result.AddError($"{option.Name}: expected spark-submit, got another launcher.");
    });

    /// <summary>The place of the rows as these options have it, else that of --data, or null.</summary>
    /// <exception cref="UsageException">Several name one.</exception>
    public string? Name(ParseResult parsed, string? data)
    {
        var (query, table) = (parsed.GetValue(_sql), parsed.GetValue(_table));
        (string Option, string? Value)[] all = [("--data", data), ("--sql", query), ("--table", table)];
        if (all.Where(one => one.Value is not null).Skip(1).FirstOrDefault() is { Option: { } second }) throw new UsageException($"{second}: expected one of --data, --sql and --table, got several.");
        return query is not null ? SparkPlace.OfSql(query) : table is not null ? SparkPlace.OfTable(table) : data;
    }

    /// <summary>True where rows are named, rather than files that this program reads itself.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_sql) is not null || parsed.GetValue(_table) is not null || parsed.GetValue(_format) is not null;

    /// <summary>The format of files.</summary>
    public string? Format(ParseResult parsed) => parsed.GetValue(_format);
}
