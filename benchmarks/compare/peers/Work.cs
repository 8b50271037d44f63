using System.Diagnostics;

namespace RawDL.Peers;

/// <summary>Something to time, set up once and run many times.</summary>
/// <param name="amount">Units of one run: floating-point operations, or images.</param>
/// <param name="run">One run; it has ended when this returns.</param>
/// <param name="owned">Freed with the work, the last first.</param>
internal sealed class Work(double amount, Action run, params IDisposable[] owned) : IDisposable
{
    // A clock costs about 25 ns, so short runs are timed in blocks of this length.
    private const double Block = 200e-6;
    private const int FewestBlocks = 5;

    /// <summary>Runs for a while, so that the runtime compiles it well and the threads are awake.</summary>
    public void WarmUp(double seconds)
    {
        var watch = Stopwatch.StartNew();
        do run();
        while (watch.Elapsed.TotalSeconds < seconds);
    }

    /// <summary>Units per second at the median time of blocks of runs, over <paramref name="seconds"/> or a little longer.</summary>
    public double Rate(double seconds)
    {
        var runs = (int)Math.Clamp(Block / Time(1), 1, 10_000);
        List<double> times = [];
        for (var watch = Stopwatch.StartNew(); times.Count < FewestBlocks || watch.Elapsed.TotalSeconds < seconds;) times.Add(Time(runs));
        times.Sort();
        return amount * runs / times[times.Count / 2];
    }

    public void Dispose()
    {
        foreach (var item in owned.Reverse()) item.Dispose();
    }

    private double Time(int runs)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < runs; i++) run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
