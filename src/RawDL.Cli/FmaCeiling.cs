using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL.Cli;

/// <summary>What this machine's multiply-add units can do right now: the yardstick of every other number, measured in the same process.</summary>
internal static class FmaCeiling
{
    // Independent sums hide the latency (4 cycles) of two units. They and two factors must fit the registers: 32 of 512 bits, but 16 of 256 bits.
    // The loops stay functions of their own: inside their caller the sums would lie in memory.
    private const int Sums = 16, FewSums = 12;

    /// <summary>Floating-point operations per second of <paramref name="threads"/> threads, a multiply-add counted as two.</summary>
    /// <param name="threads">Threads that run at the same time.</param>
    /// <param name="iterations">Turns of the loop on each thread; each does <see cref="Sums"/> or <see cref="FewSums"/> vector multiply-adds.</param>
    public static double Measure(int threads, int iterations)
    {
        (Func<int, float> Run, int Width) loop = Vector512.IsHardwareAccelerated ? (Run512, Sums * Vector512<float>.Count)
            : Fma.IsSupported ? (Run256, FewSums * Vector256<float>.Count) : (Run, Sums * Vector<float>.Count);
        using var barrier = new Barrier(threads);
        var seconds = new double[threads];
        var keep = new float[threads];
        var team = new Thread[threads];
        for (var i = 0; i < threads; i++)
        {
            var index = i;
            team[i] = new Thread(() =>
            {
                barrier.SignalAndWait();
                var watch = Stopwatch.StartNew();
                keep[index] = loop.Run(iterations);
                seconds[index] = watch.Elapsed.TotalSeconds;
            });
            team[i].Start();
        }
        foreach (var thread in team) thread.Join();
        GC.KeepAlive(keep);
        return 2.0 * loop.Width * iterations * threads / seconds.Max();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run512(int iterations)
    {
        var x = Vector512.Create(0.999f);
        var y = Vector512.Create(0.001f);
        Vector512<float> s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x, s12 = x, s13 = x, s14 = x, s15 = x;
        for (var i = 0; i < iterations; i++)
        {
            s0 = Vector512.FusedMultiplyAdd(s0, x, y); s1 = Vector512.FusedMultiplyAdd(s1, x, y);
            s2 = Vector512.FusedMultiplyAdd(s2, x, y); s3 = Vector512.FusedMultiplyAdd(s3, x, y);
            s4 = Vector512.FusedMultiplyAdd(s4, x, y); s5 = Vector512.FusedMultiplyAdd(s5, x, y);
            s6 = Vector512.FusedMultiplyAdd(s6, x, y); s7 = Vector512.FusedMultiplyAdd(s7, x, y);
            s8 = Vector512.FusedMultiplyAdd(s8, x, y); s9 = Vector512.FusedMultiplyAdd(s9, x, y);
            s10 = Vector512.FusedMultiplyAdd(s10, x, y); s11 = Vector512.FusedMultiplyAdd(s11, x, y);
            s12 = Vector512.FusedMultiplyAdd(s12, x, y); s13 = Vector512.FusedMultiplyAdd(s13, x, y);
            s14 = Vector512.FusedMultiplyAdd(s14, x, y); s15 = Vector512.FusedMultiplyAdd(s15, x, y);
        }
        return Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11 + s12 + s13 + s14 + s15);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run256(int iterations)
    {
        var x = Vector256.Create(0.999f);
        var y = Vector256.Create(0.001f);
        Vector256<float> s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x;
        for (var i = 0; i < iterations; i++)
        {
            s0 = Fma.MultiplyAdd(s0, x, y); s1 = Fma.MultiplyAdd(s1, x, y); s2 = Fma.MultiplyAdd(s2, x, y); s3 = Fma.MultiplyAdd(s3, x, y);
            s4 = Fma.MultiplyAdd(s4, x, y); s5 = Fma.MultiplyAdd(s5, x, y); s6 = Fma.MultiplyAdd(s6, x, y); s7 = Fma.MultiplyAdd(s7, x, y);
            s8 = Fma.MultiplyAdd(s8, x, y); s9 = Fma.MultiplyAdd(s9, x, y); s10 = Fma.MultiplyAdd(s10, x, y); s11 = Fma.MultiplyAdd(s11, x, y);
        }
        return Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    // Without a fused instruction the runtime would call the C library for each lane; a multiplication and an addition are what the kernels do then.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run(int iterations)
    {
        var x = new Vector<float>(0.999f);
        var y = new Vector<float>(0.001f);
        Vector<float> s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x, s12 = x, s13 = x, s14 = x, s15 = x;
        for (var i = 0; i < iterations; i++)
        {
            s0 = MultiplyAdd(s0, x, y); s1 = MultiplyAdd(s1, x, y); s2 = MultiplyAdd(s2, x, y); s3 = MultiplyAdd(s3, x, y);
            s4 = MultiplyAdd(s4, x, y); s5 = MultiplyAdd(s5, x, y); s6 = MultiplyAdd(s6, x, y); s7 = MultiplyAdd(s7, x, y);
            s8 = MultiplyAdd(s8, x, y); s9 = MultiplyAdd(s9, x, y); s10 = MultiplyAdd(s10, x, y); s11 = MultiplyAdd(s11, x, y);
            s12 = MultiplyAdd(s12, x, y); s13 = MultiplyAdd(s13, x, y); s14 = MultiplyAdd(s14, x, y); s15 = MultiplyAdd(s15, x, y);
        }
        return Vector.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11 + s12 + s13 + s14 + s15);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> MultiplyAdd(Vector<float> a, Vector<float> b, Vector<float> c) => a * b + c;
}
