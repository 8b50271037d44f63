using System.Diagnostics;
using System.Globalization;

namespace RawDL.Spark;

/// <summary>How many tasks a cluster runs at the same time: what Spark itself checks before a barrier stage, but asked before, and told in words.</summary>
internal sealed class SlotCount(SparkContext spark)
{
    internal const string DynamicAllocation = "spark.dynamicAllocation.enabled";
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(200), s_settled = TimeSpan.FromSeconds(2);

    /// <summary>Slots at this moment.</summary>
    internal int Now()
    {
        using var profiles = spark.Scala.CallObject("resourceProfileManager");
        using var profile = profiles.CallObject("defaultResourceProfile");
        return spark.Scala.Call("maxNumConcurrentTasks", profile).Int;
    }

    /// <summary>Waits until there are as many as there will be.</summary>
    internal int Settle(TimeSpan patience)
    {
        var capacity = Capacity();
        var (started, grown, slots) = (Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp(), 0);
        while (slots < (capacity ?? int.MaxValue) && (slots == 0 ? Stopwatch.GetElapsedTime(started) < patience : Stopwatch.GetElapsedTime(grown) < s_settled))
        {
            if (Now() is var now && now > slots) (slots, grown) = (now, Stopwatch.GetTimestamp());
            else Thread.Sleep(s_period);
        }
        return slots;
    }

    /// <summary>Waits for so many slots, or without a number for as many as there will be.</summary>
    /// <param name="wanted">The number of ranks, or null.</param>
    /// <param name="patience">How long executors may take to come.</param>
    /// <param name="lull">After how long without another executor no more are expected, where the settings do not say how many there will be.</param>
    /// <param name="warn">Told after two seconds without enough.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <returns>The number of ranks.</returns>
    /// <exception cref="CommunicationException">There are too few, or a setting forbids barrier stages.</exception>
    internal int Await(int? wanted, TimeSpan patience, TimeSpan lull, Action<string> warn, CancellationToken stop)
    {
        if (string.Equals(spark.Setting(DynamicAllocation), "true", StringComparison.OrdinalIgnoreCase))
            throw new CommunicationException($"ranks: expected executors that stay, got {DynamicAllocation}=true; submit with --conf {DynamicAllocation}=false, or use --spark-mode rounds");
        var capacity = Capacity();
        if (wanted > capacity) throw new CommunicationException(Lack(wanted.Value, capacity.Value));
        var (started, grown, slots, warned) = (Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp(), 0, false);
        for (; ; stop.WaitHandle.WaitOne(s_period))
        {
            stop.ThrowIfCancellationRequested();
            if (Now() is var now && now != slots) (slots, grown) = (now, Stopwatch.GetTimestamp());
            var still = slots == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(grown);
            var isOver = Stopwatch.GetElapsedTime(started) >= patience;
            if (slots >= (wanted ?? capacity ?? int.MaxValue)) return wanted ?? slots;
            if (wanted is null && slots > 0 && (isOver || (capacity is null && still >= s_settled))) return slots;
            if (isOver || (capacity is null && still >= lull)) throw new CommunicationException(Lack(wanted ?? 1, slots));
            if (warned || wanted is null || still < s_settled) continue;
            warned = true;
            warn($"{Lack(wanted.Value, slots)}; waiting for further executors");
        }
    }

    /// <summary>Slots of the whole application where its settings say how many executors there will be; null elsewhere.</summary>
    private int? Capacity()
    {
        var master = spark.Master;
        var words = master.Split('[', ',', ']', '*');
        var perTask = Math.Max(1, Number(spark.Setting("spark.task.cpus")) ?? 1);
        if (spark.IsLocal) return Now();
        if (master.StartsWith("local-cluster[", StringComparison.Ordinal) && words is [_, var workers, var cores, ..] && Number(workers) is { } count && Number(cores) is { } each)
            return count * (each / perTask);
        return Number(spark.Setting("spark.executor.instances")) is { } instances && Number(spark.Setting("spark.executor.cores")) is { } own ? instances * (own / perTask) : null;
    }

    private static int? Number(string? text) => int.TryParse(text?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private string Lack(int wanted, int slots)
    {
        var cure = spark.Master.StartsWith("local", StringComparison.Ordinal)
            ? $"--master {(spark.Master.StartsWith("local-cluster", StringComparison.Ordinal) ? $"local-cluster[{wanted},1,1024]" : $"local[{wanted}]")}"
            : $"--num-executors {wanted} (YARN, Kubernetes) or --total-executor-cores {wanted} (standalone), with spark.task.cpus cores for each";
        return string.Create(CultureInfo.InvariantCulture, $"ranks: {wanted} rank{(wanted == 1 ? " needs" : "s need")} as many slots, the cluster has {slots}; submit with {cure}, or train with fewer --shards");
    }
}
