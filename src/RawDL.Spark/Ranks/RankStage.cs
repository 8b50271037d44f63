using System.Globalization;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>
/// Real MPI ranks inside the tasks of a barrier stage: each task starts one as a child process, task 0 is their process manager. Spark does not run a
/// failed barrier stage again that is the last one of its job, so the driver does, from the last checkpoint that came here.
/// </summary>
/// <param name="spark">The application.</param>
public sealed class RankStage(SparkContext spark)
{
    // SIGTERM, by which ranks are asked to end.
    private const int Terminated = 143;
    private static readonly TimeSpan s_executors = TimeSpan.FromMinutes(1), s_lull = TimeSpan.FromSeconds(15), s_newExecutors = TimeSpan.FromMinutes(2), s_lastWords = TimeSpan.FromSeconds(20);

    /// <summary>Settings of the application that let Spark look for slots each second instead of every 15, for another attempt after an executor was lost.</summary>
    public static IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>
    {
        ["spark.scheduler.barrier.maxConcurrentTasksCheck.interval"] = "1s",
        ["spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures"] = "60",
    };

    /// <summary>Waits for slots for the ranks.</summary>
    /// <param name="wanted">How many; null for one on each slot.</param>
    /// <param name="warn">Told when executors take their time.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <returns>How many.</returns>
    /// <exception cref="CommunicationException">Too few slots, or dynamic allocation. The line names the setting.</exception>
    public int AwaitSlots(int? wanted, Action<string> warn, CancellationToken stop) => new SlotCount(spark).Await(wanted, s_executors, s_lull, warn, stop);

    /// <summary>Trains.</summary>
    /// <param name="work">What.</param>
    /// <param name="stop">Ends the run with a checkpoint.</param>
    /// <exception cref="OperationCanceledException">Stopped, or the job was cancelled, before ranks could say how they ended.</exception>
    /// <exception cref="CommunicationException">The ranks could not begin, or were lost more often than they may.</exception>
    /// <exception cref="IOException">The run folder could not be written.</exception>
    public RankResult Run(RankWork work, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var data = spark.Broadcast(PackedData.Encode(work.Data));
        for (var attempt = 1; ; attempt++)
        {
            if (attempt > 1) new SlotCount(spark).Await(work.Size, s_newExecutors, s_newExecutors, _ => work.Warn("ranks: waiting for executors in the place of lost ones"), stop);
            var (result, lost) = Attempt(work, data, attempt, stop);
            if (result is not null) return result;
            if (attempt > work.Retries) throw new CommunicationException(string.Create(CultureInfo.InvariantCulture, $"ranks: {lost}; gave up after {attempt} attempt{(attempt == 1 ? "" : "s")} (--spark-retries); go on with --resume {work.Folder.Path}"));
            work.Warn(string.Create(CultureInfo.InvariantCulture, $"ranks: {lost}; submitting the stage again, {attempt} of {work.Retries}"));
        }
    }

    private (RankResult? Result, string? Lost) Attempt(RankWork work, SparkBroadcast data, int attempt, CancellationToken stop)
    {
        var state = RankState.Pack(work.Folder, out var step);
        using var broadcast = state is null ? null : spark.Broadcast(state);
        var mirror = new RunMirror(work.Folder, work.Configuration.KeepCheckpoints, work.Trace, work.Committed);
        var (host, address) = spark.DriverAddress();
        using var inbox = new RankInbox(address, mirror, work.Say);
        var payload = new RankPayload(work.Size, work.Words, work.Configuration.ToJson(), work.Folder.Path, data.Id, broadcast?.Id ?? -1, host, inbox.Port, inbox.Token, !spark.IsLocal);
        var group = $"rawdl-ranks-{Guid.NewGuid():N}";
        spark.SetJobGroup(group, string.Create(CultureInfo.InvariantCulture, $"ranks: {work.Configuration.Name} on {work.Size} ranks{(step > 0 ? $", from step {step}" : "")}{(attempt > 1 ? $", attempt {attempt}" : "")}"));
        var call = new SparkCall(RankTask.Name, payload.Encode()) { Broadcasts = broadcast is null ? [data] : [data, broadcast], Stage = SparkStage.Barrier };
        using var stopping = stop.Register(() => Stop(inbox, group));
        try
        {
            var outcome = Submit(call, work.Size);
            return Judge(work, mirror, inbox, outcome, stop);
        }
        catch (JavaException exception)
        {
            // The tasks learn of a cancelled job some seconds later: time for a checkpoint.
            if (exception.IsCancellation) inbox.Stop();
            inbox.AwaitEnd(exception.IsCancellation ? s_lastWords : TimeSpan.FromSeconds(5));
            if (mirror.Failure is { } failure) throw failure;
            if (exception.IsCancellation && inbox.Result is { Length: > 0 } result) return (new RankResult(Terminated, result), null);
            if (exception.IsCancellation || stop.IsCancellationRequested) throw new OperationCanceledException(exception.Message, exception);
            if (IsFinal(exception)) throw;
            return (null, exception.Message);
        }
    }

    private StageOutcome Submit(SparkCall call, int size)
    {
        using var seeds = spark.Parallelize([.. Enumerable.Repeat<byte[]>([], size)], size);
        using var ranks = seeds.Map(call);
        var outcomes = ranks.Collect();
        return outcomes is [{ } first, ..] ? StageOutcome.Decode(first) : throw new SparkProtocolException($"ranks: expected {size} outcomes, got {outcomes.Count}");
    }

    private static (RankResult? Result, string? Lost) Judge(RankWork work, RunMirror mirror, RankInbox inbox, StageOutcome outcome, CancellationToken stop)
    {
        if (outcome.Kind == StageOutcomeKind.Refused) throw new CommunicationException(outcome.Reason);
        if (mirror.Failure is { } failure) throw failure;
        var isWell = outcome.Reason.Length == 0;
        if (isWell && inbox.Result is null) return (null, "the connection to rank 0 was lost");
        if (!isWell && !stop.IsCancellationRequested && (outcome.Code is null or 0 || work.IsWorthRetry(outcome.Code.Value)))
            return (null, outcome.Code is null or 0 ? outcome.Reason : string.Create(CultureInfo.InvariantCulture, $"{outcome.Reason} (exit code {outcome.Code})"));
        return (new RankResult(outcome.Code ?? Terminated, inbox.Result), null);
    }

    private void Stop(RankInbox inbox, string group)
    {
        if (inbox.IsConnected)
        {
            inbox.Stop();
            return;
        }
        inbox.Stop();
        using var monitor = spark.OpenMonitor();
        monitor.CancelJobGroup(group);
    }

    // What Spark says of barrier stages as such, and the program that is not there: the same would come again.
    private static bool IsFinal(JavaException exception) =>
        exception.Message.Contains("SPARK-24819", StringComparison.Ordinal) || exception.Message.Contains("SPARK-24820", StringComparison.Ordinal) || exception.Message.Contains("SPARK-24942", StringComparison.Ordinal)
        || exception.Message.Contains("Cannot run program", StringComparison.Ordinal);
}
