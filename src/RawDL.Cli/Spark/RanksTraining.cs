using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary><c>rawdl train --spark-mode ranks</c> on the driver: the ranks are this program, and their training is that of mpiexec.</summary>
internal static class RanksTraining
{
    // What the driver says itself, in its own place.
    private static readonly string[] OwnLines = ["Run: ", "Next: "];

    // How a rank computes and speaks is for the ranks; what is trained is in the configuration.
    private static readonly string[] RankOptions = ["--device", "--threads", "--gemm", "--precision", "--quiet", "--verbose"];

    public static int Run(ParseResult parsed, Session session, SparkContext spark, SparkChoice choice, TrainingConfiguration configuration, DatasetPair data, RunFolder folder, RemoteFolder? remote, string? trace, CancellationToken stop)
    {
        var stage = new RankStage(spark);
        var size = stage.AwaitSlots(choice.Shards(parsed), session.Warn, stop);
        DistributedTraining.Require(configuration, size);
        session.Say($"Ranks: {size} in a barrier stage of {spark.ApplicationId}");
        var result = stage.Run(new RankWork
        {
            Size = size,
            Words = Words(parsed, trace is not null),
            Configuration = configuration,
            Data = data,
            Folder = folder,
            Committed = remote is null ? null : remote.Mirror,
            Trace = trace,
            Retries = choice.Retries(parsed),
            IsWorthRetry = IsWorthRetry,
            Say = line => Tell(session, line),
            Warn = session.Warn,
        }, stop);
        remote?.Mirror();
        if (result.Code == (int)ExitCode.Ok || IsInterrupt(result.Code)) Report(session, folder, remote?.Path ?? folder.Path, result);
        return !IsInterrupt(result.Code) ? result.Code : (int)(stop.IsCancellationRequested ? Signals.Code : ExitCode.RunAgain);
    }

    private static void Tell(Session session, string line)
    {
        // Without -q the ranks leave the choice of lines to this side.
        if (!OwnLines.Any(own => line.StartsWith(own, StringComparison.Ordinal))) session.Error.WriteLine(line);
    }

    private static bool IsInterrupt(int code) => code is (int)ExitCode.Terminated or (int)ExitCode.Interrupted;

    // Lost peers and killed processes; what a rank finds wrong with its data or itself, it would find again.
    private static bool IsWorthRetry(int code) => code is (int)ExitCode.Communication or > 128;

    private static List<string> Words(ParseResult parsed, bool traces)
    {
        List<string> words = ["train", "--resume", RankWork.RunPlace, "--json"];
        if (traces) words.AddRange("--trace", $"{RankWork.RunPlace}/{RankWork.TraceName}");
        foreach (var result in parsed.CommandResult.Children.OfType<OptionResult>().Where(result => !result.Implicit && RankOptions.Contains(result.Option.Name)))
        {
            words.Add(result.Option.Name);
            words.AddRange(result.Tokens.Select(token => token.Value));
        }
        // A task has its cores, whatever else the machine has.
        if (!words.Contains("--threads")) words.AddRange("--threads", RankWork.CpusPlace);
        return words;
    }

    private static void Report(Session session, RunFolder folder, string path, RankResult result)
    {
        if (result.Output.IsEmpty) return;
        using var summary = JsonDocument.Parse(result.Output);
        var isOver = result.Code == (int)ExitCode.Ok;
        session.Emit(summary.RootElement.WriteTo, text =>
        {
            if (isOver) text.Write(File.ReadAllText(folder.ReportPath));
        });
        if (isOver) session.Say($"Next: rawdl eval {path}, rawdl predict {path} FILE");
    }
}
