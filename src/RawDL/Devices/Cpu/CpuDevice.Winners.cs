using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// The inner loops of Conv2dReluMaxPool2dBackward. A run, one row of a kernel, is cut into pieces whose sums stay in registers while winners pass by. Lanes are taps. A piece
// may reach beyond the run: by the weight those sums are of no consequence; by the input the weights there are 0.
public sealed unsafe partial class CpuDevice
{
    // Runs of at most 8 floats, as those of images of one channel, are taken five rows at a time.
    private const int ThinRun = 8, ThinRows = 5;

    // 15, 8 or 4 vectors: with a gradient they fill the registers, or fit the rest best. They are of 256 bits also where 512 are at hand: as wide as the fill of C,
    // and on one multiplier of 512 bits as fast.
    private static int Piece(int left) => left <= 32 ? 32 : left is > 96 and <= 120 ? 120 : 64;

    /// <summary>Floats of room for a run and what its pieces reach beyond it.</summary>
    private static int RunRoom(int run) => Blocks(run, 64) * 64;

    /// <summary>sums[·] += Σ gradientᵢ · x[offsetᵢ + ·] for one run, in order.</summary>
    private static void AddRuns(float* x, int run, int* offsets, float* gradients, int count, float* sums)
    {
        for (int at = 0, length; at < run; at += length)
        {
            length = Piece(run - at);
            if (length == 120) AddRuns120(x + at, offsets, gradients, count, sums + at);
            else if (length == 64) AddRuns64(x + at, offsets, gradients, count, sums + at);
            else AddRuns32(x + at, offsets, gradients, count, sums + at);
        }
    }

    private static bool AreFinite(float* values, int count)
    {
        var i = 0;
        var zeros = Vector256<float>.Zero;
        for (; i <= count - 8; i += 8) zeros += Vector256<float>.Zero * Vector256.Load(values + i);
        var sum = Vector256.Sum(zeros);
        for (; i < count; i++) sum += 0f * values[i];
        return sum == 0f;
    }

    // The meaning of AddRuns; and its way where a gradient is not finite, which times the zeros behind a run would not be 0.
    private static void AddRunsExactly(float* x, int run, int* offsets, float* gradients, int count, float* sums)
    {
        for (var i = 0; i < count; i++)
            for (var k = 0; k < run; k++) sums[k] += gradients[i] * x[offsets[i] + k];
    }

    // Up to five runs of one vector, one image row below the other; even and odd winners have sums of their own, so that no sum waits for itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddThinRuns(float* x, nint stride, int rows, int* offsets, float* gradients, int count, float* sums, int room)
    {
        nint r1 = rows > 1 ? stride : 0, r2 = rows > 2 ? 2 * stride : 0, r3 = rows > 3 ? 3 * stride : 0, r4 = rows > 4 ? 4 * stride : 0;
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default;
        Vector256<float> t0 = default, t1 = default, t2 = default, t3 = default, t4 = default;
        nint i = 0;
        for (; i < count - 1; i += 2)
        {
            var from = x + offsets[i];
            var gradient = Vector256.Create(gradients[i]);
            s0 = Fma.MultiplyAdd(gradient, Vector256.Load(from), s0);
            s1 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r1), s1);
            s2 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r2), s2);
            s3 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r3), s3);
            s4 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r4), s4);
            from = x + offsets[i + 1];
            gradient = Vector256.Create(gradients[i + 1]);
            t0 = Fma.MultiplyAdd(gradient, Vector256.Load(from), t0);
            t1 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r1), t1);
            t2 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r2), t2);
            t3 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r3), t3);
            t4 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r4), t4);
        }
        if (i < count)
        {
            var from = x + offsets[i];
            var gradient = Vector256.Create(gradients[i]);
            s0 = Fma.MultiplyAdd(gradient, Vector256.Load(from), s0);
            s1 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r1), s1);
            s2 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r2), s2);
            s3 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r3), s3);
            s4 = Fma.MultiplyAdd(gradient, Vector256.Load(from + r4), s4);
        }
        Put(s0 + t0, sums, Store.Add);
        if (rows > 1) Put(s1 + t1, sums + room, Store.Add);
        if (rows > 2) Put(s2 + t2, sums + 2 * room, Store.Add);
        if (rows > 3) Put(s3 + t3, sums + 3 * room, Store.Add);
        if (rows > 4) Put(s4 + t4, sums + 4 * room, Store.Add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRuns120(float* x, int* offsets, float* gradients, int count, float* sums)
    {
        Vector256<float> s0 = Vector256.Load(sums), s1 = Vector256.Load(sums + 8), s2 = Vector256.Load(sums + 16), s3 = Vector256.Load(sums + 24);
        Vector256<float> s4 = Vector256.Load(sums + 32), s5 = Vector256.Load(sums + 40), s6 = Vector256.Load(sums + 48), s7 = Vector256.Load(sums + 56);
        Vector256<float> s8 = Vector256.Load(sums + 64), s9 = Vector256.Load(sums + 72), s10 = Vector256.Load(sums + 80), s11 = Vector256.Load(sums + 88);
        Vector256<float> s12 = Vector256.Load(sums + 96), s13 = Vector256.Load(sums + 104), s14 = Vector256.Load(sums + 112);
        for (nint i = 0; i < count; i++)
        {
            var from = x + offsets[i];
            var gradient = Vector256.Create(gradients[i]);
            s0 = Fma.MultiplyAdd(gradient, Vector256.Load(from), s0);
            s1 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 8), s1);
            s2 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 16), s2);
            s3 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 24), s3);
            s4 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 32), s4);
            s5 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 40), s5);
            s6 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 48), s6);
            s7 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 56), s7);
            s8 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 64), s8);
            s9 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 72), s9);
            s10 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 80), s10);
            s11 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 88), s11);
            s12 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 96), s12);
            s13 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 104), s13);
            s14 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 112), s14);
        }
        s0.Store(sums);
        s1.Store(sums + 8);
        s2.Store(sums + 16);
        s3.Store(sums + 24);
        s4.Store(sums + 32);
        s5.Store(sums + 40);
        s6.Store(sums + 48);
        s7.Store(sums + 56);
        s8.Store(sums + 64);
        s9.Store(sums + 72);
        s10.Store(sums + 80);
        s11.Store(sums + 88);
        s12.Store(sums + 96);
        s13.Store(sums + 104);
        s14.Store(sums + 112);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRuns64(float* x, int* offsets, float* gradients, int count, float* sums)
    {
        Vector256<float> s0 = Vector256.Load(sums), s1 = Vector256.Load(sums + 8), s2 = Vector256.Load(sums + 16), s3 = Vector256.Load(sums + 24);
        Vector256<float> s4 = Vector256.Load(sums + 32), s5 = Vector256.Load(sums + 40), s6 = Vector256.Load(sums + 48), s7 = Vector256.Load(sums + 56);
        for (nint i = 0; i < count; i++)
        {
            var from = x + offsets[i];
            var gradient = Vector256.Create(gradients[i]);
            s0 = Fma.MultiplyAdd(gradient, Vector256.Load(from), s0);
            s1 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 8), s1);
            s2 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 16), s2);
            s3 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 24), s3);
            s4 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 32), s4);
            s5 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 40), s5);
            s6 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 48), s6);
            s7 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 56), s7);
        }
        s0.Store(sums);
        s1.Store(sums + 8);
        s2.Store(sums + 16);
        s3.Store(sums + 24);
        s4.Store(sums + 32);
        s5.Store(sums + 40);
        s6.Store(sums + 48);
        s7.Store(sums + 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRuns32(float* x, int* offsets, float* gradients, int count, float* sums)
    {
        Vector256<float> s0 = Vector256.Load(sums), s1 = Vector256.Load(sums + 8), s2 = Vector256.Load(sums + 16), s3 = Vector256.Load(sums + 24);
        for (nint i = 0; i < count; i++)
        {
            var from = x + offsets[i];
            var gradient = Vector256.Create(gradients[i]);
            s0 = Fma.MultiplyAdd(gradient, Vector256.Load(from), s0);
            s1 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 8), s1);
            s2 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 16), s2);
            s3 = Fma.MultiplyAdd(gradient, Vector256.Load(from + 24), s3);
        }
        s0.Store(sums);
        s1.Store(sums + 8);
        s2.Store(sums + 16);
        s3.Store(sums + 24);
    }
}
