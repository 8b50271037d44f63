using System.CommandLine;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The options of a stream that is scored as it comes, and its run.</summary>
internal sealed class SparkStreamChoice
{
    private const string Messages = "kafka";
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(500);

    private readonly Option<string?> _stream = SparkRows.Text("--stream", "FOLDER", "Under spark-submit: files that appear in this folder are scored, each once.");
    private readonly Option<string?> _format = SparkRows.Text("--stream-format", "FORMAT", "Of the stream: parquet (the default), orc, json, csv, or kafka, whose messages' values are samples.");
    private readonly Option<string?> _schema = SparkRows.Text("--schema", "COLUMNS", "Of the stream's files, as \"id long, pixels binary\".");
    private readonly Option<string?> _checkpoint = SparkRows.Text("--checkpoint", "PLACE", "Where Spark keeps how far the stream is.");
    private readonly Option<bool> _once = new("--once") { Description = "Score what is there now, and end." };

    private readonly Option<string[]> _options = new("--stream-option")
    {
        Description = "Of the stream's source, as kafka.bootstrap.servers=host:9092; may be given several times.",
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result =>
        {
            var pairs = result.Tokens.Select(token => token.Value).ToArray();
            if (Array.Find(pairs, pair => pair.IndexOf('=', StringComparison.Ordinal) < 1) is { } wrong) result.AddError($"--stream-option: expected KEY=VALUE, got {Message.Quote(wrong)}.");
            return pairs;
        },
    };

    public SparkStreamChoice()
    {
        SparkRows.RequireSpark(_once);
        SparkRows.RequireSpark(_options);
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_stream, _format, _options, _schema, _checkpoint, _once]) command.Add(option);
    }

    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_stream) is not null || parsed.GetValue(_format) is not null;

    /// <summary>True for messages, which have columns of their own.</summary>
    public bool IsMessages(ParseResult parsed) => parsed.GetValue(_format) == Messages;

    public string Source(ParseResult parsed) => parsed.GetValue(_stream) ?? Messages;

    public DataFrame Open(ParseResult parsed, SparkSql sql)
    {
        var (folder, schema) = (parsed.GetValue(_stream), parsed.GetValue(_schema));
        if (parsed.GetValue(_checkpoint) is null) throw new UsageException("--stream: expected --checkpoint with a folder for the stream's progress, got none.");
        if (folder is null && !IsMessages(parsed)) throw new UsageException("--stream-format: expected --stream with the folder, got none.");
        if (folder is not null && IsMessages(parsed)) throw new UsageException("--stream: expected no folder for kafka, got one; name the source by --stream-option.");
        if (folder is not null && schema is null) throw new UsageException("--stream: expected --schema with the columns of its files, got none.");
        (string, string)[] options = [.. (parsed.GetValue(_options) ?? []).Select(pair => (pair[..pair.IndexOf('=', StringComparison.Ordinal)], pair[(pair.IndexOf('=', StringComparison.Ordinal) + 1)..]))];
        return sql.ReadStream(parsed.GetValue(_format) ?? "parquet", folder, schema, options);
    }

    /// <summary>Scores until the stream ends (--once), or until a signal or Kill in Spark's UI.</summary>
    public int Run(ParseResult parsed, Session session, DataFrame predictions, string format, string place)
    {
        using var query = predictions.StartStream(format, place, parsed.GetValue(_checkpoint)!, parsed.GetValue(_once) ? StreamTrigger.AvailableNow : StreamTrigger.Continuously);
        session.Say($"Stream: {Message.OneLine(Source(parsed), 200)} to {Message.OneLine(place, 200)}");
        var progress = new StreamProgress(session);
        var ended = false;
        try
        {
            while (!(ended = query.Wait(s_period)) && !Signals.Stop.IsCancellationRequested) progress.Show(query);
            if (!ended) query.Stop();
        }
        catch (JavaException e) when (e.IsCancellation)
        {
            // Spark keeps what is done; the batch that ran is scored again by the next run.
            session.Warn("cancelled in Spark's UI; go on with the same command");
        }
        progress.Show(query);
        session.Emit(json => progress.WriteJson(json, place), text => text.WriteLine(progress.ToText(place)));
        return (int)(Signals.Stop.IsCancellationRequested ? Signals.Code : ExitCode.Ok);
    }
}
