using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void MaxPool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y, Tensor argmax)
    {
        var job = new PoolJob(geometry, Pointer(x), Pointer(y), Integers(argmax));
        _team.Run(job.PlaneChunks, &MaxPool2dForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void MaxPool2dBackward(in Pool2dGeometry geometry, Tensor argmax, Tensor dy, Tensor dx)
    {
        var job = new PoolJob(geometry, Pointer(dx), Pointer(dy), Integers(argmax));
        _team.Run(job.PlaneChunks, &MaxPool2dBackwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void AveragePool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y)
    {
        var job = new PoolJob(geometry, Pointer(x), Pointer(y), null, PoolRows(geometry));
        _team.Run(job.PlaneChunks, &AveragePool2dForwardChunk, &job);
    }

    /// <inheritdoc/>
    protected internal override void AveragePool2dBackward(in Pool2dGeometry geometry, Tensor dy, Tensor dx)
    {
        var job = new PoolJob(geometry, Pointer(dx), Pointer(dy), null, PoolRows(geometry));
        _team.Run(job.PlaneChunks, &AveragePool2dBackwardChunk, &job);
    }

    private const int PoolRowsSlot = 7;

    // A row of an image between its paddings, as far as its windows reach, and what eight windows may read or write beyond.
    private static int PoolRowLength(in Pool2dGeometry g) => Math.Max(g.PaddingWidth + g.InWidth, (g.OutWidth - 1) * g.StrideWidth + g.KernelWidth) + g.KernelWidth + 32;

    // Two for each thread.
    private float* PoolRows(in Pool2dGeometry g) => Scratch(PoolRowsSlot, 2 * Threads * PoolRowLength(g));

    // Chunks are whole planes. In stands for x and dx, Out for y and dy.
    private readonly struct PoolJob(Pool2dGeometry geometry, float* input, float* output, int* argmax, float* rows = null)
    {
        public readonly Pool2dGeometry Geometry = geometry;
        public readonly float* In = input, Out = output;
        public readonly int* Argmax = argmax;

        public float* OwnRows => rows + 2 * (nint)WorkerTeam.ThreadIndex * PoolRowLength(Geometry);

        public int InPlane => Geometry.InHeight * Geometry.InWidth;
        public int OutPlane => Geometry.OutHeight * Geometry.OutWidth;
        public int PlanesPerChunk => Math.Max(1, ChunkLength / Math.Max(1, InPlane));
        public int PlaneChunks => Blocks(Geometry.Planes, PlanesPerChunk);
        public int LastPlane(int chunk) => Math.Min(Geometry.Planes, (chunk + 1) * PlanesPerChunk);

        // The first window that lies inside the image from left to right; and where the last eight of them may begin: nowhere without 256-bit vectors.
        public readonly int FirstInside = Blocks(geometry.PaddingWidth, geometry.StrideWidth);
        public readonly int LastEight = Avx2.IsSupported && geometry.StrideWidth <= 2 && geometry.InWidth + geometry.PaddingWidth - geometry.KernelWidth - 7 * geometry.StrideWidth is >= 0 and var room
            ? Math.Min(geometry.OutWidth - 8, room / geometry.StrideWidth) : -1;

        // Windows clipped to the image.
        public (int Start, int End) Rows(int i) => Clip(i * Geometry.StrideHeight - Geometry.PaddingHeight, Geometry.KernelHeight, Geometry.InHeight);
        public (int Start, int End) Columns(int j) => Clip(j * Geometry.StrideWidth - Geometry.PaddingWidth, Geometry.KernelWidth, Geometry.InWidth);
        private static (int, int) Clip(int start, int length, int extent) => (Math.Max(0, start), Math.Min(extent, start + length));
    }

    private static void MaxPool2dForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(PoolJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var pairs = Sse.IsSupported && g is { KernelHeight: 2, KernelWidth: 2, StrideHeight: 2, StrideWidth: 2, PaddingHeight: 0, PaddingWidth: 0 };
        for (var plane = chunk * job.PlanesPerChunk; plane < job.LastPlane(chunk); plane++)
        {
            var x = job.In + (nint)plane * job.InPlane;
            var y = job.Out + (nint)plane * job.OutPlane;
            var argmax = job.Argmax + (nint)plane * job.OutPlane;
            for (var i = 0; i < g.OutHeight; i++, y += g.OutWidth, argmax += g.OutWidth)
            {
                var (top, bottom) = job.Rows(i);
                for (var j = pairs ? MaxPoolPairs(x, top * g.InWidth, g.InWidth, g.OutWidth, y, argmax) : 0; j < g.OutWidth; j++)
                {
                    if (j == job.FirstInside && !pairs) j = MaxPoolEights(job, x, top, bottom, y, argmax);
                    if (j == g.OutWidth) break;
                    var (left, right) = job.Columns(j);
                    var best = top * g.InWidth + left;
                    for (var row = top; row < bottom; row++)
                        for (var at = row * g.InWidth + left; at < row * g.InWidth + right; at++)
                            // Not "<=": NaN wins, and the first NaN stays.
                            if (!(x[at] <= x[best]) && x[best] == x[best]) best = at;
                    y[j] = x[best];
                    argmax[j] = best;
                }
            }
        }
    }

    // Windows that lie inside the image from left to right, eight at a time: lanes are windows. The last eight may do some again. Returns the first one that is not done.
    private static int MaxPoolEights(in PoolJob job, float* x, int top, int bottom, float* y, int* argmax)
    {
        ref readonly var g = ref job.Geometry;
        var (j, last) = (job.FirstInside, job.LastEight);
        var reachesEnd = last >= j && last == g.OutWidth - 8;
        var lanes = Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7) * g.StrideWidth;
        for (; j <= last || (reachesEnd && j < g.OutWidth); j += 8)
        {
            j = Math.Min(j, last);
            var at = top * g.InWidth + j * g.StrideWidth - g.PaddingWidth;
            var index = lanes + Vector256.Create(at);
            var best = Eight(x + at, g.StrideWidth);
            for (var row = top; row < bottom; row++, at += g.InWidth)
                for (var v = row == top ? 1 : 0; v < g.KernelWidth; v++) Contest(Eight(x + at + v, g.StrideWidth), lanes + Vector256.Create(at + v), ref best, ref index);
            best.Store(y + j);
            index.Store(argmax + j);
        }
        return j;
    }

    // x[0], x[stride], … x[7 · stride], and no more is read.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Eight(float* x, int stride) => stride == 1 ? Vector256.Load(x)
        : Avx2.Permute4x64(Avx.Shuffle(Vector256.Load(x), Vector256.Load(x + 7), 0xD8).AsDouble(), 0xD8).AsSingle();

    // Windows of 2 by 2, four at a time: lanes are windows, their columns the even and the odd elements. Returns the number of windows done.
    private static int MaxPoolPairs(float* x, int start, int inWidth, int outWidth, float* y, int* argmax)
    {
        var j = 0;
        var even = Vector128.Create(0, 2, 4, 6);
        for (; j <= outWidth - 4; j += 4)
        {
            var at = start + 2 * j;
            var best = Sse.Shuffle(Sse.LoadVector128(x + at), Sse.LoadVector128(x + at + 4), 0x88);
            var place = even + Vector128.Create(at);
            var index = place;
            Contest(Sse.Shuffle(Sse.LoadVector128(x + at), Sse.LoadVector128(x + at + 4), 0xDD), place + Vector128<int>.One, ref best, ref index);
            at += inWidth;
            place += Vector128.Create(inWidth);
            Contest(Sse.Shuffle(Sse.LoadVector128(x + at), Sse.LoadVector128(x + at + 4), 0x88), place, ref best, ref index);
            Contest(Sse.Shuffle(Sse.LoadVector128(x + at), Sse.LoadVector128(x + at + 4), 0xDD), place + Vector128<int>.One, ref best, ref index);
            Sse.Store(y + j, best);
            Vector128.Store(index, argmax + j);
        }
        return j;
    }

    // As the scalar rule: !(candidate <= best) and best is a number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Contest(Vector128<float> candidate, Vector128<int> place,
        ref Vector128<float> best, ref Vector128<int> index)
    {
        var wins = Sse.And(Sse.CompareNotLessThanOrEqual(candidate, best), Sse.CompareOrdered(best, best));
        best = Vector128.ConditionalSelect(wins, candidate, best);
        index = Vector128.ConditionalSelect(Vector128.AsInt32(wins), place, index);
    }

    private static void MaxPool2dBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(PoolJob*)arguments;
        for (var plane = chunk * job.PlanesPerChunk; plane < job.LastPlane(chunk); plane++)
        {
            var dx = job.In + (nint)plane * job.InPlane;
            var dy = job.Out + (nint)plane * job.OutPlane;
            var argmax = job.Argmax + (nint)plane * job.OutPlane;
            for (int i = 0, count = job.OutPlane; i < count; i++) dx[argmax[i]] += dy[i];
        }
    }

    // Windows over the sums of columns: a window's elements are added down, then across.
    private static void AveragePool2dForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(PoolJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var scale = 1f / (g.KernelHeight * g.KernelWidth);
        var sums = job.OwnRows;
        new Span<float>(sums, PoolRowLength(g)).Clear();
        for (var plane = chunk * job.PlanesPerChunk; plane < job.LastPlane(chunk); plane++)
        {
            var x = job.In + (nint)plane * job.InPlane;
            var y = job.Out + (nint)plane * job.OutPlane;
            for (var i = 0; i < g.OutHeight; i++, y += g.OutWidth)
            {
                var (top, bottom) = job.Rows(i);
                AddRows(x + (nint)top * g.InWidth, bottom - top, g.InWidth, sums + g.PaddingWidth);
                var j = 0;
                if (Avx2.IsSupported && g.StrideWidth <= 2)
                    for (; j < g.OutWidth; j += 8)
                    {
                        var sum = Vector256<float>.Zero;
                        for (var v = 0; v < g.KernelWidth; v++) sum += Eight(sums + j * g.StrideWidth + v, g.StrideWidth);
                        var means = sum * scale;
                        PutRow((float*)&means, y + j, Math.Min(8, g.OutWidth - j), Store.Overwrite);
                    }
                for (; j < g.OutWidth; j++)
                {
                    var sum = 0f;
                    for (var v = 0; v < g.KernelWidth; v++) sum += sums[j * g.StrideWidth + v];
                    y[j] = sum * scale;
                }
            }
        }
    }

    // sums = the sum of neighbouring rows.
    private static void AddRows(float* x, int rows, int width, float* sums)
    {
        var c = 0;
        for (; c <= width - Vector<float>.Count; c += Vector<float>.Count)
        {
            var sum = Vector<float>.Zero;
            for (var row = 0; row < rows; row++) sum += Vector.Load(x + (nint)row * width + c);
            sum.Store(sums + c);
        }
        for (; c < width; c++)
        {
            var sum = 0f;
            for (var row = 0; row < rows; row++) sum += x[(nint)row * width + c];
            sums[c] = sum;
        }
    }

    // A row of windows gives each column the sum of its shares, which then goes to every row of the windows.
    private static void AveragePool2dBackwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(PoolJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var scale = 1f / (g.KernelHeight * g.KernelWidth);
        var length = PoolRowLength(g);
        // Zeros stay before and behind the windows.
        float* windows = job.OwnRows + g.KernelWidth, shares = job.OwnRows + length;
        new Span<float>(job.OwnRows, 2 * length).Clear();
        for (var plane = chunk * job.PlanesPerChunk; plane < job.LastPlane(chunk); plane++)
        {
            var dx = job.In + (nint)plane * job.InPlane;
            var dy = job.Out + (nint)plane * job.OutPlane;
            for (var i = 0; i < g.OutHeight; i++, dy += g.OutWidth)
            {
                for (var j = 0; j < g.OutWidth; j++) windows[j] = dy[j] * scale;
                SpreadRow(g, windows, shares, length);
                var (top, bottom) = job.Rows(i);
                for (var row = top; row < bottom; row++) PutRow(shares + g.PaddingWidth, dx + (nint)row * g.InWidth, g.InWidth, Store.Add);
            }
        }
    }

    // shares[c] = Σ windows[j] over the windows j that hold column c, from the last one on.
    private static void SpreadRow(in Pool2dGeometry g, float* windows, float* shares, int length)
    {
        if (Avx.IsSupported && g.StrideWidth == 1)
            for (var c = 0; c < g.OutWidth + g.KernelWidth - 1; c += 8)
            {
                var sum = Vector256.Load(windows + c);
                for (var v = 1; v < g.KernelWidth; v++) sum += Vector256.Load(windows + c - v);
                sum.Store(shares + c);
            }
        else if (Avx.IsSupported && g.StrideWidth == 2)
            for (var c = 0; c < g.OutWidth + (g.KernelWidth - 1) / 2; c += 8)
            {
                // Even and odd columns.
                var (even, odd) = (Vector256.Load(windows + c), g.KernelWidth > 1 ? Vector256.Load(windows + c) : default);
                for (var v = 2; v < g.KernelWidth; v += 2)
                {
                    even += Vector256.Load(windows + c - v / 2);
                    if (v + 1 < g.KernelWidth) odd += Vector256.Load(windows + c - v / 2);
                }
                Vector256<float> low = Avx.UnpackLow(even, odd), high = Avx.UnpackHigh(even, odd);
                Avx.Permute2x128(low, high, 0x20).Store(shares + 2 * c);
                Avx.Permute2x128(low, high, 0x31).Store(shares + 2 * c + 8);
            }
        else
        {
            new Span<float>(shares, length).Clear();
            for (var j = 0; j < g.OutWidth; j++)
                for (var v = 0; v < g.KernelWidth; v++) shares[j * g.StrideWidth + v] += windows[j];
        }
    }
}
