using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RawDL.Mpi;

namespace RawDL.Benchmarks;

/// <summary>
/// Sums of float vectors over two ranks, in place, as compare/allreduce/allreduce.c does them: 5 batches to warm up, then the median of 40.
/// Prints bytes and microseconds per call. With that file as a shared library, its batches and ours alternate in this process, and its figure comes first.
/// </summary>
internal static unsafe class AllReduceTiming
{
    private const int Batches = 40;
    private const int WarmUp = 5;
    private const int Largest = 64 << 20;

    public static int Run(string? library) => Mpi.Mpi.Run(new MpiOptions { ThreadLevel = MpiThreadLevel.Single }, world =>
    {
        var values = (float*)NativeMemory.AlignedAlloc(Largest, 64);
        new Span<float>(values, Largest / sizeof(float)).Clear();
        // The compiler optimises what was called often, where it gets a core: ranks that wait in MPI leave it none.
        for (var i = 0; i < 20; i++)
        {
            Batch(world, new Span<float>(values, 1), 100);
            Thread.Sleep(100);
        }
        var theirs = library is null ? null : (delegate* unmanaged[Cdecl]<float*, int, int, double>)NativeLibrary.GetExport(NativeLibrary.Load(library), "batch");
        double[] times = new double[Batches], theirTimes = new double[Batches];
        for (long bytes = 4; bytes <= Largest; bytes *= 4)
        {
            var calls = (int)Math.Clamp((32L << 20) / bytes, 1, 2000);
            var span = new Span<float>(values, (int)(bytes / sizeof(float)));
            for (var i = -WarmUp; i < Batches; i++)
            {
                if (theirs is not null) theirTimes[Math.Max(i, 0)] = theirs(values, span.Length, calls);
                times[Math.Max(i, 0)] = Batch(world, span, calls);
            }
            Array.Sort(times);
            Array.Sort(theirTimes);
            if (world.Rank != 0) continue;
            var before = library is null ? "" : string.Create(CultureInfo.InvariantCulture, $" {theirTimes[Batches / 2]:F3}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytes}{before} {times[Batches / 2]:F3}"));
        }
        NativeMemory.AlignedFree(values);
        return 0;
    });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Batch(ICommunicator world, Span<float> values, int calls)
    {
        world.Barrier();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < calls; i++) world.AllReduceSum(values);
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / calls;
    }
}
