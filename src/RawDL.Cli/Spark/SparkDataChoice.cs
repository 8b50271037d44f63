using System.CommandLine;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The options that choose data which Spark reads.</summary>
internal sealed class SparkDataChoice
{
    private readonly SparkRows _rows = new();
    private readonly Option<string?> _testSql = SparkRows.Text("--test-sql", "QUERY", "Under spark-submit: the rows of the test; without it some are held out.");
    private readonly Option<Shape?> _sample = Values.Shape("--sample", "Parquet and other tables: the shape of one sample, as 1,28,28.");

    public void AddTo(Command command)
    {
        _rows.AddTo(command);
        command.Add(_testSql);
        command.Add(_sample);
    }

    /// <summary>The data's name as these options have it, or null.</summary>
    /// <exception cref="UsageException">Several name it.</exception>
    public string? Name(ParseResult parsed, string? data) => _rows.Name(parsed, data);

    /// <summary>True where the command line names rows, rather than files that this program reads itself.</summary>
    public bool NamesRows(ParseResult parsed) => _rows.IsGiven(parsed);

    /// <summary>What of the data is used, as the command line has it, else as it was.</summary>
    public DataSelection Select(ParseResult parsed, DataSelection selection, DataSelection? kept) => selection with
    {
        Sample = parsed.GetValue(_sample) ?? kept?.Sample,
        Format = _rows.Format(parsed) ?? kept?.Format,
        TestSql = parsed.GetValue(_testSql) ?? kept?.TestSql,
    };

    /// <summary>Opens data wherever it lies: rows through Spark, files of other machines by a copy, all else as without Spark.</summary>
    public static DatasetPair Open(string name, DataSelection selection, DataOptions options)
    {
        options = options with { Sample = selection.Sample ?? options.Sample };
        if (!SparkPlace.IsQuery(name) && selection.Format is null)
        {
            using var local = SparkFiles.Local(name);
            return Datasets.Open(local.Path, options);
        }
        var spark = SparkPlace.Require(SparkPlace.IsQuery(name) ? "--sql" : "--format");
        using var sql = spark.OpenSql();
        var train = SparkPlace.Open(sql, name, selection.Format);
        using var rows = train.Rows;
        var test = selection.TestSql is { } query ? SparkPlace.Open(sql, SparkPlace.OfSql(query), null) : null;
        using var testRows = test?.Rows;
        spark.SetJobDescription($"reading {Message.OneLine(train.Source, 80)}");
        var data = SparkTable.Collect(spark, SparkPlace.IsQuery(name) ? "rows" : Path.GetFileNameWithoutExtension(name.TrimEnd('/')), train, test, options);
        options.Say?.Invoke($"Spark: read {data.Train.Count + data.Test.Count} rows of {Message.OneLine(train.Source, 200)}");
        return data;
    }
}
