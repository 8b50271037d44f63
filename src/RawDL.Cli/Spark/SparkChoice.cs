using System.CommandLine;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The options that say how a Spark application trains.</summary>
internal sealed class SparkChoice
{
    private const string Rounds = "rounds", Ranks = "ranks";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Option<string?> _mode = Values.Choice("--spark-mode",
        "Under spark-submit: rounds (the default; each round is a job whose tasks may be lost and retried) or ranks (MPI ranks inside a barrier stage).", Rounds, Ranks);

    private readonly Option<int?> _shards = Values.Integer("--shards", "Under spark-submit: replicas that train together, as -n of mpiexec; by default one for each task that the cluster can run at a time.", 1, 100_000);
    private readonly Option<int?> _retries = Values.Integer("--spark-retries", "ranks: how often the stage is submitted again, from the last checkpoint, after a rank was lost; 3 by default.", 0, 1000);

    public SparkChoice()
    {
        foreach (var option in (Option[])[_mode, _shards, _retries]) SparkRows.RequireSpark(option);
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_mode, _shards, _retries]) command.Add(option);
    }

    /// <summary>Ranks, else rounds.</summary>
    public bool IsRanks(ParseResult parsed) => parsed.GetValue(_mode) == Ranks;

    /// <summary>Replicas as the command line has them, or null.</summary>
    public int? Shards(ParseResult parsed) => parsed.GetValue(_shards);

    /// <summary>Rounds on the cluster's executors.</summary>
    public SparkRounds OpenRounds(ParseResult parsed, Session session, SparkContext spark, TrainingConfiguration configuration, DatasetPair data)
    {
        var slots = spark.WaitForSlots(s_patience);
        var shards = Shards(parsed) ?? Math.Max(1, slots);
        session.Say($"Spark {spark.Version} on {spark.Master}, {spark.ApplicationId}: rounds of {shards} replica{(shards == 1 ? "" : "s")}, {slots} at a time.");
        return new SparkRounds(spark, configuration, data, shards, slots) { Warned = session.Warn };
    }

    /// <summary>How often a failed stage of ranks is submitted again.</summary>
    public int Retries(ParseResult parsed) => parsed.GetValue(_retries) ?? 3;
}
