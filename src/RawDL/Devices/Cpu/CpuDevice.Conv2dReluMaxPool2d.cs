using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// Convolution + ReLU + maximum over windows of 2 × 2 in one pass. Forward: the convolution of a few output channels of one image, by the tiles of Conv2dForward,
// stays in L1 and is pooled there. argmax is a byte per window: bits 0 and 1 the column and the row of the winner, bit 2 set where ReLU is off (y > 0 is false).
// The first among equals wins and the first NaN stays, as in MaxPool2d.
public sealed unsafe partial class CpuDevice
{
    private const int Off = 4;

    // Products of one chunk of the forward pass, about; a batch too small to occupy the threads is cut finer.
    private const long ForwardProducts = 1_000_000, SmallForwardProducts = 100_000;

    /// <inheritdoc/>
    /// <remarks>Strides of 1, no dilation, no groups, and a processor with 256-bit multiply-adds.</remarks>
    public override bool FusesConv2dReluMaxPool2d(in Conv2dGeometry convolution, in Pool2dGeometry pool) =>
        Fma.IsSupported && Avx2.IsSupported
        && convolution is { StrideHeight: 1, StrideWidth: 1, DilationHeight: 1, DilationWidth: 1, Groups: 1, Batch: > 0, InChannels: > 0, OutChannels: > 0, OutHeight: > 1, OutWidth: > 1 }
        && StreamLength(convolution) >= SegmentLength
        && pool is { KernelHeight: 2, KernelWidth: 2, StrideHeight: 2, StrideWidth: 2, PaddingHeight: 0, PaddingWidth: 0 };

    /// <inheritdoc/>
    protected internal override void Conv2dReluMaxPool2dForward(in Conv2dPoolGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y, Tensor argmax)
    {
        var g = geometry.Convolution;
        var convolution = new ConvolutionJob(g) { X = Pointer(x), Weight = Pointer(weight), Bias = PointerOrNull(bias), Y = Pointer(y) };
        var (height, width) = PaddedPlane(g);
        var padded = IsPadded(g) ? g.InChannels * height * width : 0;
        // Segments run on from row to row where that takes fewer of them, as for rows of 10 pixels; or where a row is shorter than a segment.
        var stream = g.OutWidth < SegmentLength || Blocks(StreamLength(g), SegmentLength) < g.OutHeight * Blocks(g.OutWidth, SegmentLength);
        convolution.ThreadScratchLength = padded + 8 * g.OutHeight * width;
        convolution.ThreadScratch = Scratch(ConvolutionThreadsSlot, Threads * convolution.ThreadScratchLength);
        convolution.TapOffsets = (int*)Scratch(TapOffsetsSlot, convolution.Taps);
        FillTapOffsets(g, convolution.TapOffsets, convolution.Taps, height, width);
        var products = (long)convolution.OutPlane * convolution.Taps * g.OutChannels;
        var blocks = (int)Math.Clamp(products / (g.Batch < 8 ? SmallForwardProducts : ForwardProducts), 1, Blocks(g.OutChannels, TileRows));
        var job = new PooledForwardJob
        {
            Convolution = convolution,
            PaddedLength = padded,
            Stream = stream,
            RowLength = stream ? width : g.OutWidth,
            PooledHeight = geometry.PooledHeight,
            PooledWidth = geometry.PooledWidth,
            Argmax = (byte*)Pointer(argmax),
            BlockChannels = Blocks(Blocks(g.OutChannels, blocks), TileRows) * TileRows,
        };
        _team.Run(g.Batch * job.ChannelBlocks, &Conv2dReluMaxPool2dForwardChunk, &job);
    }

    // Pixels of a plane of results and of what falls between its rows, where rows follow one another as those of the (padded) image do.
    private static int StreamLength(in Conv2dGeometry g) => (g.OutHeight - 1) * PaddedPlane(g).Width + g.OutWidth;

    private struct PooledForwardJob
    {
        public ConvolutionJob Convolution;
        public byte* Argmax;
        public bool Stream;
        public int PaddedLength, RowLength, PooledHeight, PooledWidth, BlockChannels;

        public readonly int ChannelBlocks => Blocks(Convolution.Geometry.OutChannels, BlockChannels);
    }

    // One block of output channels of one image.
    [SkipLocalsInit]
    private static void Conv2dReluMaxPool2dForwardChunk(void* arguments, int chunk)
    {
        ref readonly var pooled = ref *(PooledForwardJob*)arguments;
        ref readonly var job = ref pooled.Convolution;
        ref readonly var g = ref job.Geometry;
        var (n, block) = Math.DivRem(chunk, pooled.ChannelBlocks);
        var (height, width) = PaddedPlane(g);
        var x = job.X + (nint)n * g.InChannels * job.InPlane;
        var plane = job.OwnScratch + pooled.PaddedLength;
        if (IsPadded(g)) PadPlanes(g, x, g.InChannels, -g.PaddingHeight, height, x = job.OwnScratch);
        var first = stackalloc float[8];
        var planeLength = g.OutHeight * pooled.RowLength;
        float** segments = stackalloc float*[SegmentsAtOnce], results = stackalloc float*[SegmentsAtOnce];
        var tile = new SegmentTile { B = segments, C = results, First = first, Offsets = job.TapOffsets, AStride = job.Taps, Depth = job.Taps, CStride = planeLength };
        var end = Math.Min(g.OutChannels, (block + 1) * pooled.BlockChannels);
        var windows = pooled.PooledHeight * pooled.PooledWidth;
        int count;
        for (var o = block * pooled.BlockChannels; o < end; o += count)
        {
            count = NextRows(TileRows, end - o);
            tile.Rows = Math.Min(count, end - o);
            tile.A = job.Weight + (nint)o * job.Taps;
            for (var r = 0; r < 8; r++) first[r] = job.Bias == null || r >= tile.Rows ? 0f : job.Bias[o + r];
            if (pooled.Stream) Convolve(tile, x, 0, StreamLength(g), plane, 1);
            else Convolve(tile, x, width, g.OutWidth, plane, g.OutHeight);
            var at = ((nint)n * g.OutChannels + o) * windows;
            for (var r = 0; r < tile.Rows; r++, at += windows) PoolPlane(pooled, plane + r * planeLength, job.Y + at, pooled.Argmax + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PoolPlane(in PooledForwardJob job, float* plane, float* y, byte* argmax)
    {
        var width = job.RowLength;
        for (var i = 0; i < job.PooledHeight; i++, plane += 2 * width, y += job.PooledWidth, argmax += job.PooledWidth)
        {
            var j = 0;
            for (; j <= job.PooledWidth - 8; j += 8) PoolEight(plane + 2 * j, width, y + j, argmax + j);
            for (; j <= job.PooledWidth - 4; j += 4) PoolFour(plane + 2 * j, width, y + j, argmax + j);
            for (; j < job.PooledWidth; j++)
            {
                var best = plane[2 * j];
                var code = 0;
                for (var place = 1; place < 4; place++)
                {
                    var candidate = plane[2 * j + (place >> 1) * width + (place & 1)];
                    if (!(candidate <= best) && !float.IsNaN(best)) (best, code) = (candidate, place);
                }
                // Where all are 0 or less, ReLU makes equals of them, and the first wins. NaN survives.
                y[j] = best <= 0f ? 0f : best;
                argmax[j] = (byte)(best > 0f ? code : best <= 0f ? Off : code | Off);
            }
        }
    }

    // Windows side by side: lanes are windows, their columns the even and the odd elements.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PoolEight(float* rows, int width, float* y, byte* argmax)
    {
        Vector256<float> a = Vector256.Load(rows), b = Vector256.Load(rows + 8), c = Vector256.Load(rows + width), d = Vector256.Load(rows + width + 8);
        var best = Avx.Shuffle(a, b, 0x88);
        var place = Vector256<int>.Zero;
        Contest(Avx.Shuffle(a, b, 0xDD), Vector256.Create(1), ref best, ref place);
        Contest(Avx.Shuffle(c, d, 0x88), Vector256.Create(2), ref best, ref place);
        Contest(Avx.Shuffle(c, d, 0xDD), Vector256.Create(3), ref best, ref place);
        var zero = Avx.CompareLessThanOrEqual(best, Vector256<float>.Zero);
        place = Avx2.AndNot(zero.AsInt32(), place) | Avx.CompareNotGreaterThan(best, Vector256<float>.Zero).AsInt32() & Vector256.Create(Off);
        // The shuffles leave windows 0 1 4 5 2 3 6 7.
        Avx2.Permute4x64(Avx.AndNot(zero, best).AsDouble(), 0xD8).AsSingle().Store(y);
        var bytes = Avx2.Permute4x64(Avx2.Shuffle(place.AsByte(), Vector256.Create(0x0C080400).AsByte()).AsInt64(), 0x08).AsInt32();
        *(long*)argmax = Vector128.Shuffle(Vector256.GetLower(bytes).AsInt16(), Vector128.Create((short)0, 4, 1, 5, 2, 6, 3, 7)).AsInt64().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PoolFour(float* rows, int width, float* y, byte* argmax)
    {
        Vector128<float> a = Vector128.Load(rows), b = Vector128.Load(rows + 4), c = Vector128.Load(rows + width), d = Vector128.Load(rows + width + 4);
        var best = Sse.Shuffle(a, b, 0x88);
        var place = Vector128<int>.Zero;
        Contest(Sse.Shuffle(a, b, 0xDD), Vector128.Create(1), ref best, ref place);
        Contest(Sse.Shuffle(c, d, 0x88), Vector128.Create(2), ref best, ref place);
        Contest(Sse.Shuffle(c, d, 0xDD), Vector128.Create(3), ref best, ref place);
        var zero = Sse.CompareLessThanOrEqual(best, Vector128<float>.Zero);
        place = Sse2.AndNot(zero.AsInt32(), place) | Sse.CompareNotGreaterThan(best, Vector128<float>.Zero).AsInt32() & Vector128.Create(Off);
        Sse.AndNot(zero, best).Store(y);
        *(int*)argmax = Ssse3.Shuffle(place.AsByte(), Vector128.Create(0x0C080400).AsByte()).AsInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Contest(Vector256<float> candidate, Vector256<int> place, ref Vector256<float> best, ref Vector256<int> index)
    {
        var wins = Avx.And(Avx.CompareNotLessThanOrEqual(candidate, best), Avx.CompareOrdered(best, best));
        best = Vector256.ConditionalSelect(wins, candidate, best);
        index = Vector256.ConditionalSelect(wins.AsInt32(), place, index);
    }
}
