using System.Diagnostics;

namespace RawDL.Cli;

/// <summary>Times collectives of floats. Every rank makes the same calls.</summary>
internal sealed class CollectiveBenchmark(ICommunicator communicator)
{
    private const int FewestRuns = 5, MostRuns = 51, MostCalls = 2000, SmallestBytes = 4, Step = 4;
    private const double SecondsOfRun = 1e-3, SecondsOfRow = 0.25;

    private readonly int _size = communicator.Size;

    /// <summary>all_reduce, reduce_scatter, all_gather and broadcast for 4, 16, 64, … bytes.</summary>
    public List<CollectiveTiming> Run(int mostBytes)
    {
        var timings = new List<CollectiveTiming>();
        // Zeros: sums of sums shall not overflow.
        float[] all = new float[Math.Max(_size, mostBytes / sizeof(float))], part = new float[all.Length / _size];
        double both = 2.0 * (_size - 1) / _size, once = (double)(_size - 1) / _size;
        Sizes("all_reduce", both, 1, count => communicator.AllReduceSum(all.AsSpan(0, count)));
        Sizes("reduce_scatter", once, _size, count => communicator.ReduceScatterSum(all.AsSpan(0, count), part.AsSpan(0, count / _size)));
        Sizes("all_gather", once, _size, count => communicator.AllGather<float>(part.AsSpan(0, count / _size), all.AsSpan(0, count)));
        Sizes("broadcast", 1, 1, count => communicator.Broadcast(all.AsSpan(0, count), 0));
        return timings;

        // What is divided by the ranks is rounded up to the next multiple of them.
        void Sizes(string name, double factor, int multiple, Action<int> call)
        {
            for (long bytes = SmallestBytes; bytes <= mostBytes; bytes *= Step)
            {
                var count = (int)Math.Min(all.Length / multiple * multiple, (bytes / sizeof(float) + multiple - 1) / multiple * multiple);
                if (timings.Count > 0 && timings[^1].Collective == name && timings[^1].Bytes == count * (long)sizeof(float)) continue;
                timings.Add(new CollectiveTiming(name, count * (long)sizeof(float), Measure(() => call(count)), factor));
            }
        }
    }

    /// <summary>Median time of one call among runs of several, on the slowest rank; the same on all ranks.</summary>
    public double Measure(Action call)
    {
        // The first call connects, the next few show how many make a run.
        call();
        var calls = 1;
        var seconds = TimeOf(call, calls);
        while (seconds < SecondsOfRun && calls < MostCalls)
        {
            calls = Math.Min(MostCalls, 2 * calls);
            seconds = TimeOf(call, calls);
        }
        var times = new double[Math.Clamp((int)(SecondsOfRow / seconds), FewestRuns, MostRuns)];
        for (var run = 0; run < times.Length; run++) times[run] = TimeOf(call, calls) / calls;
        return Median.Of(times);
    }

    private double TimeOf(Action call, int calls)
    {
        communicator.Barrier();
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < calls; i++) call();
        var times = new double[_size];
        communicator.AllGather<double>([Stopwatch.GetElapsedTime(began).TotalSeconds], times);
        return times.Max();
    }
}
