using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// How matrix products pack: blocks of A by rows of a tile, B by strips as wide as a tile or, where half of the last one would be empty, as one vector.
public sealed unsafe partial class CpuDevice
{
    private static void PackLeft(in MatMulJob problem, float* a, int rows, int depth, int height, float* target)
    {
        for (var row = 0; row < rows; row += height)
            if (problem.ARow == 1 && height == 6 && row + 6 <= rows) PackSix(a + row, problem.AStep, depth, target + row * depth);
            else Pack(a + row * problem.ARow, Math.Min(height, rows - row), problem.ARow, depth, problem.AStep, height, target + row * depth);
    }

    // Six neighbours of each k as eight: the surplus is overwritten by the next, and the last ones are taken alone.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackSix(float* a, nint step, int depth, float* target)
    {
        for (var k = 1; k < depth; k++, a += step, target += 6) Vector256.Load(a).Store(target);
        Vector128.Load(a).Store(target);
        target[4] = a[4];
        target[5] = a[5];
    }

    private static void PackStrips<TLanes, TVector>(in MatMulJob problem, int k, int depth, int column, int columns, float* panel)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var width = 2 * TLanes.Count;
        var b = problem.B + k * problem.BStep + column * problem.BColumn;
        var packed = 0;
        if (problem.BColumn == 1)
        {
            for (; packed <= columns - 4 * width; packed += 4 * width)
                PackFourStrips<TLanes, TVector>(b + packed, problem.BStep, depth, panel + packed * depth);
            for (; packed <= columns - width; packed += width) PackStrip<TLanes, TVector>(b + packed, problem.BStep, depth, panel + packed * depth);
        }
        for (; packed < columns; packed += width)
        {
            var lanes = Math.Min(width, columns - packed);
            var taken = lanes <= TLanes.Count ? TLanes.Count : width;
            float* from = b + packed * problem.BColumn, to = panel + packed * depth;
            // Lanes that nobody wants get what lies behind, as long as that is still B.
            var whole = problem.BColumn != 1 ? 0 : (int)Math.Clamp(problem.Inner - k - Blocks(column + packed + taken - problem.Columns, (int)problem.BStep), 0, depth);
            if (taken == width) PackStrip<TLanes, TVector>(from, problem.BStep, whole, to);
            else
                for (var row = 0; row < whole; row++) TLanes.Store(TLanes.Load(from + row * problem.BStep), to + row * taken);
            Pack(from + whole * problem.BStep, lanes, problem.BColumn, depth - whole, problem.BStep, taken, to + whole * taken);
        }
    }

    // Four strips side by side, row by row, so that rows are read in long pieces.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackFourStrips<TLanes, TVector>(float* b, nint step, int depth, float* panel)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        nint next = 2 * TLanes.Count * depth;
        for (var k = 0; k < depth; k++, b += step, panel += 2 * TLanes.Count)
        {
            TVector l0 = TLanes.Load(b), r0 = TLanes.Load(b + TLanes.Count), l1 = TLanes.Load(b + 2 * TLanes.Count), r1 = TLanes.Load(b + 3 * TLanes.Count);
            TVector l2 = TLanes.Load(b + 4 * TLanes.Count), r2 = TLanes.Load(b + 5 * TLanes.Count);
            TVector l3 = TLanes.Load(b + 6 * TLanes.Count), r3 = TLanes.Load(b + 7 * TLanes.Count);
            TLanes.Store(l0, panel);
            TLanes.Store(r0, panel + TLanes.Count);
            TLanes.Store(l1, panel + next);
            TLanes.Store(r1, panel + next + TLanes.Count);
            TLanes.Store(l2, panel + 2 * next);
            TLanes.Store(r2, panel + 2 * next + TLanes.Count);
            TLanes.Store(l3, panel + 3 * next);
            TLanes.Store(r3, panel + 3 * next + TLanes.Count);
        }
    }

    // Two vectors of each row, four rows at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackStrip<TLanes, TVector>(float* b, nint step, int depth, float* panel)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        var k = 0;
        for (; k <= depth - 4; k += 4, b += 4 * step, panel += 8 * TLanes.Count)
        {
            TVector l0 = TLanes.Load(b), r0 = TLanes.Load(b + TLanes.Count), l1 = TLanes.Load(b + step), r1 = TLanes.Load(b + step + TLanes.Count);
            TVector l2 = TLanes.Load(b + 2 * step), r2 = TLanes.Load(b + 2 * step + TLanes.Count);
            TVector l3 = TLanes.Load(b + 3 * step), r3 = TLanes.Load(b + 3 * step + TLanes.Count);
            TLanes.Store(l0, panel);
            TLanes.Store(r0, panel + TLanes.Count);
            TLanes.Store(l1, panel + 2 * TLanes.Count);
            TLanes.Store(r1, panel + 3 * TLanes.Count);
            TLanes.Store(l2, panel + 4 * TLanes.Count);
            TLanes.Store(r2, panel + 5 * TLanes.Count);
            TLanes.Store(l3, panel + 6 * TLanes.Count);
            TLanes.Store(r3, panel + 7 * TLanes.Count);
        }
        for (; k < depth; k++, b += step, panel += 2 * TLanes.Count)
        {
            TLanes.Store(TLanes.Load(b), panel);
            TLanes.Store(TLanes.Load(b + TLanes.Count), panel + TLanes.Count);
        }
    }

    // target[j, r] = block[r, j] + bias[r], or floor where that is less: four columns of four rows are turned in registers, the rest one by one.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Turn(float* block, nint stride, int rows, int columns, float* bias, float floor, float* target, nint targetStride)
    {
        for (var r = 0; r < rows; r += 4, block += 4 * stride, target += 4)
        {
            if (r + 4 > rows)
            {
                for (var j = 0; j < columns; j++)
                    for (var l = 0; l < rows - r; l++)
                    {
                        var sum = block[l * stride + j] + (bias == null ? 0f : bias[r + l]);
                        target[j * targetStride + l] = sum < floor ? floor : sum;
                    }
                return;
            }
            var least = Vector128.Create(floor);
            var added = bias == null ? default : Vector128.Load(bias + r);
            var i = 0;
            for (; i <= columns - 4 && Sse.IsSupported; i += 4)
            {
                Vector128<float> r0 = Vector128.Load(block + i), r1 = Vector128.Load(block + stride + i);
                Vector128<float> r2 = Vector128.Load(block + 2 * stride + i), r3 = Vector128.Load(block + 3 * stride + i);
                Vector128<float> t0 = Sse.UnpackLow(r0, r1), t1 = Sse.UnpackLow(r2, r3), t2 = Sse.UnpackHigh(r0, r1), t3 = Sse.UnpackHigh(r2, r3);
                var to = target + i * targetStride;
                NotBelow(Sse.MoveLowToHigh(t0, t1) + added, least).Store(to);
                NotBelow(Sse.MoveHighToLow(t1, t0) + added, least).Store(to + targetStride);
                NotBelow(Sse.MoveLowToHigh(t2, t3) + added, least).Store(to + 2 * targetStride);
                NotBelow(Sse.MoveHighToLow(t3, t2) + added, least).Store(to + 3 * targetStride);
            }
            for (; i < columns; i++)
                NotBelow(Vector128.Create(block[i], block[stride + i], block[2 * stride + i], block[3 * stride + i]) + added, least).Store(target + i * targetStride);
        }
    }

    // x < least ? least : x; NaN survives.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> NotBelow(Vector128<float> x, Vector128<float> least) => Vector128.ConditionalSelect(Vector128.LessThan(x, least), least, x);
}
