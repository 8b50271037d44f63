using System.CommandLine;
using System.Diagnostics;
using RawDL.NN;
using RawDL.Spark;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary><c>rawdl predict</c> under spark-submit: rows of a table or of a stream go in, the same rows with predictions come out.</summary>
internal sealed class SparkPrediction
{
    private static readonly string[] s_modes = ["errorifexists", "overwrite", "append", "ignore"];

    private readonly SparkRows _rows = new();
    private readonly SparkScoringChoice _scoring = new();
    private readonly SparkStreamChoice _stream = new();
    private readonly Option<string?> _data = SparkRows.Text("--data", "PLACE", "Under spark-submit: files with rows, of --format (parquet by default).");
    private readonly Option<string?> _label = SparkRows.Text("--label-column", "COLUMN", "Under spark-submit: a column of numbers that is no part of the sample; 'label' by default.");
    private readonly Option<string?> _to = SparkRows.Text("--to", "PLACE", "Under spark-submit: the folder for the predictions.");
    private readonly Option<string?> _toTable = SparkRows.Text("--to-table", "NAME", "Under spark-submit: the table for the predictions.");
    private readonly Option<string?> _toFormat = SparkRows.Text("--to-format", "FORMAT", "Under spark-submit: how they are written; parquet by default.");
    private readonly Option<string?> _toMode = Values.Choice("--to-mode", "Under spark-submit: what happens to predictions that are there already; errorifexists by default.", s_modes);
    private readonly Option<string?> _keep = SparkRows.Text("--keep", "A,B,C", "Under spark-submit: columns that pass through; by default all but a sample of one column.");

    public SparkPrediction() => SparkRows.RequireSpark(_toMode);

    public void AddTo(Command command)
    {
        command.Add(_data);
        _rows.AddTo(command);
        _stream.AddTo(command);
        foreach (var option in (Option[])[_to, _toTable, _toFormat, _toMode, _keep, _label]) command.Add(option);
        _scoring.AddTo(command);
    }

    /// <summary>True where rows are named rather than files.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_data) is not null || _rows.IsGiven(parsed) || _stream.IsGiven(parsed);

    public int Run(ParseResult parsed, Session session, Model model)
    {
        if (_stream.IsGiven(parsed) && _rows.Name(parsed, parsed.GetValue(_data)) is not null) throw new UsageException("--stream: expected no other rows beside it, got some.");
        if (_stream.IsGiven(parsed)) return Stream(parsed, session, model);
        var name = _rows.Name(parsed, parsed.GetValue(_data)) ?? throw new UsageException("--format: expected --data beside it, got none.");
        var (place, table) = (parsed.GetValue(_to), parsed.GetValue(_toTable));
        if (place is null == table is null) throw new UsageException($"--to: expected either --to or --to-table, got {(place is null ? "neither" : "both")}.");
        var spark = SparkPlace.Require("--to");
        using var sql = spark.OpenSql();
        var source = SparkPlace.Open(sql, name, _rows.Format(parsed));
        using var rows = source.Rows;
        using var scoring = new Scoring(spark, model);
        using var predictions = scoring.Predict(rows, Options(parsed, source.Source));
        var (format, mode) = (parsed.GetValue(_toFormat) ?? "parquet", parsed.GetValue(_toMode) ?? s_modes[0]);
        spark.SetJobDescription($"predict {Message.OneLine(source.Source, 80)}");
        var started = Stopwatch.GetTimestamp();
        if (table is not null) predictions.WriteTable(table, mode, format);
        else predictions.Write(format, place!, mode);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        using var written = table is not null ? sql.Table(table) : sql.Read(format, place!);
        Report(session, table ?? place!, written.Count(), seconds);
        return (int)ExitCode.Ok;
    }

    private int Stream(ParseResult parsed, Session session, Model model)
    {
        var place = parsed.GetValue(_to) ?? throw new UsageException("--stream: expected --to with the folder for the predictions, got none.");
        foreach (var option in (Option[])[_toTable, _toMode])
            if (parsed.GetResult(option) is { Implicit: false }) throw new UsageException($"{option.Name}: expected no stream beside it, got one.");
        var spark = SparkPlace.Require("--stream");
        using var sql = spark.OpenSql();
        using var rows = _stream.Open(parsed, sql);
        using var scoring = new Scoring(spark, model);
        var options = Options(parsed, _stream.Source(parsed));
        // A message of Kafka has its sample in the value; the key passes through.
        if (_stream.IsMessages(parsed) && options.Features is null) options = options with { Features = ["value"] };
        using var predictions = scoring.Predict(rows, options);
        return _stream.Run(parsed, session, predictions, parsed.GetValue(_toFormat) ?? "parquet", place);
    }

    private ScoringOptions Options(ParseResult parsed, string source) =>
        _scoring.Options(parsed, source, parsed.GetValue(_label)) with { Keep = SparkScoringChoice.List(parsed.GetValue(_keep)) };

    private static void Report(Session session, string place, long rows, double seconds) => session.Emit(
        json =>
        {
            json.WriteStartObject();
            json.WriteString("to", place);
            json.WriteNumber("rows", rows);
            json.WriteNumber("seconds", Math.Round(seconds, 3));
            json.WriteNumber("rows_per_second", Math.Round(rows / seconds, 1));
            json.WriteEndObject();
        },
        text => text.WriteLine(Invariant($"{rows} rows in {place}, {seconds:F1} s, {rows / seconds:F0} rows/s")));
}
