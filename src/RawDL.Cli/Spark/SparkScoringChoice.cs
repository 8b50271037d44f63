using System.CommandLine;
using System.Diagnostics;
using RawDL.NN;
using RawDL.Spark;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary>The options of scoring by a cluster.</summary>
internal sealed class SparkScoringChoice
{
    private const string Fail = "fail", LeaveOut = "null";

    private readonly Option<string?> _features = SparkRows.Text("--features", "A,B,C", "Under spark-submit: columns of the sample; by default the one of lists or bytes, else all of numbers but the label's.");
    private readonly Option<string?> _badRows = Values.Choice("--on-bad-row",
        "Under spark-submit: a row without a value or of another size fails the job (fail, the default), or gets nulls and counts for nothing (null).", Fail, LeaveOut);

    public SparkScoringChoice() => SparkRows.RequireSpark(_badRows);

    public void AddTo(Command command)
    {
        command.Add(_features);
        command.Add(_badRows);
    }

    public ScoringOptions Options(ParseResult parsed, string source, string? labelColumn) => new()
    {
        Source = Message.OneLine(source, 120),
        Features = List(parsed.GetValue(_features)),
        LabelColumn = labelColumn,
        BadRows = parsed.GetValue(_badRows) == LeaveOut ? BadRows.LeaveOut : BadRows.Fail,
    };

    /// <summary>Names with commas between them.</summary>
    public static string[]? List(string? names) => names?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The scores over all rows that the command line names.</summary>
    public Evaluation Evaluate(ParseResult parsed, Session session, Model model, (string? Name, DataSelection Selection) data)
    {
        var spark = SparkPlace.Require("--sql");
        using var sql = spark.OpenSql();
        var table = SparkPlace.Open(sql, data.Name ?? throw new UsageException("--format: expected --data beside it, got none."), data.Selection.Format);
        using var rows = table.Rows;
        using var scoring = new Scoring(spark, model);
        spark.SetJobDescription($"eval {Message.OneLine(table.Source, 80)}");
        var started = Stopwatch.GetTimestamp();
        var (evaluation, leftOut) = scoring.Evaluate(rows, Options(parsed, table.Source, data.Selection.LabelColumn));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        session.Say(Invariant($"Data: {Message.OneLine(table.Source, 200)}, {evaluation.Count} rows in {seconds:F1} s, {evaluation.Count / seconds:F0} rows/s"));
        if (leftOut > 0) session.Warn($"{leftOut} rows were no samples and count for nothing");
        return evaluation;
    }
}
