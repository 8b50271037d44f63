using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RawDL;

// Convolution by tiles, never with the whole column matrix. A tap is one (input channel, u, v) of a kernel; a pixel one (n, i, j) of the output.
// Forward: rows are output channels, columns pixels, sums over taps; the columns of a panel are gathered from the images.
public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    protected internal override void Conv2dForward(in Conv2dGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y)
    {
        var job = new ConvolutionJob(geometry) { X = Pointer(x), Weight = Pointer(weight), Bias = PointerOrNull(bias), Y = Pointer(y) };
        if (geometry.StrideWidth != 1 || geometry.OutWidth < SegmentLength)
        {
            _team.Run(geometry.Groups * Blocks(job.PixelPanels, job.PanelsPerChunk), &Conv2dForwardChunk, &job);
            return;
        }
        var (height, width) = job.Window;
        job.ThreadScratchLength = IsPadded(geometry) ? job.GroupInChannels * height * width : 0;
        job.ThreadScratch = Scratch(ConvolutionThreadsSlot, Threads * job.ThreadScratchLength);
        job.TapOffsets = (int*)Scratch(TapOffsetsSlot, job.Taps);
        FillTapOffsets(geometry, job.TapOffsets, job.Taps, height, width);
        _team.Run(geometry.Batch * geometry.Groups * job.RowBlocks, &Conv2dSegmentsChunk, &job);
    }

    // Where tap k lies from the corner of its window, in planes of height by width.
    private static void FillTapOffsets(in Conv2dGeometry g, int* offsets, int taps, int height, int width)
    {
        for (var tap = 0; tap < taps; tap++)
        {
            var (channel, kernel) = Math.DivRem(tap, g.KernelHeight * g.KernelWidth);
            var (u, v) = Math.DivRem(kernel, g.KernelWidth);
            offsets[tap] = (channel * height + u * g.DilationHeight) * width + v * g.DilationWidth;
        }
    }

    private struct ConvolutionJob(Conv2dGeometry geometry)
    {
        public readonly Conv2dGeometry Geometry = geometry;
        public float* X, Y, Weight, Bias, Panels, Partial, ThreadScratch;
        public int* TapOffsets;
        public int ThreadScratchLength;

        public readonly int GroupInChannels => Geometry.InChannels / Geometry.Groups;
        public readonly int GroupOutChannels => Geometry.OutChannels / Geometry.Groups;
        public readonly int KernelArea => Geometry.KernelHeight * Geometry.KernelWidth;
        public readonly int Taps => GroupInChannels * KernelArea;
        public readonly int InPlane => Geometry.InHeight * Geometry.InWidth;
        public readonly int OutPlane => Geometry.OutHeight * Geometry.OutWidth;

        // Forward: panels of pixels, and as many of them to a chunk as make about a million products.
        public readonly int PixelPanels => Blocks(Geometry.Batch * OutPlane, TileColumns);
        public readonly int PanelsPerChunk => (int)Math.Max(1, 1_000_000L / Math.Max(1L, (long)TileColumns * Taps * GroupOutChannels));

        // Forward by segments: blocks of output rows of about a million products, and the planes that their windows see: the images themselves, or a padded part.
        public readonly int RowBlocks => (int)Math.Clamp((long)OutPlane * Taps * GroupOutChannels / 1_000_000, 1, Geometry.OutHeight);
        public readonly int RowsPerBlock => Blocks(Geometry.OutHeight, RowBlocks);
        public readonly (int Height, int Width) Window => !IsPadded(Geometry) ? (Geometry.InHeight, Geometry.InWidth)
            : ((RowsPerBlock - 1) * Geometry.StrideHeight + (Geometry.KernelHeight - 1) * Geometry.DilationHeight + 1, Geometry.InWidth + 2 * Geometry.PaddingWidth);

        // Backward: blocks of input channels of about TileDepth taps, rows of output pixels of about TileDepth pixels.
        public readonly int BlockChannels => Math.Clamp(TileDepth / KernelArea, 1, Math.Max(1, GroupInChannels));
        public readonly int ChannelBlocks => Blocks(GroupInChannels, BlockChannels);
        public readonly int BlockTaps => Blocks(BlockChannels * KernelArea, TileRows) * TileRows;
        public readonly int BlockRows => Math.Clamp(TileDepth / Geometry.OutWidth, 1, Geometry.OutHeight);
        public readonly int ImagesPerPass => Math.Clamp(TileDepth / OutPlane, 1, Math.Max(1, Geometry.Batch));
        public readonly int PartialColumns => Blocks(GroupOutChannels, NarrowColumns) * NarrowColumns;
        public readonly int PartialTaps => BlockChannels * KernelArea + NarrowRows;

        public readonly float* OwnScratch => ThreadScratch + (nint)WorkerTeam.ThreadIndex * ThreadScratchLength;
    }

    [SkipLocalsInit]
    private static void Conv2dSegmentsChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(ConvolutionJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var (image, block) = Math.DivRem(chunk, job.RowBlocks);
        var (n, group) = Math.DivRem(image, g.Groups);
        var row = block * job.RowsPerBlock;
        var rows = Math.Min(job.RowsPerBlock, g.OutHeight - row);
        var (height, width) = job.Window;
        var x = job.X + ((nint)n * g.InChannels + group * job.GroupInChannels) * job.InPlane;
        if (IsPadded(g)) PadPlanes(g, x, job.GroupInChannels, row * g.StrideHeight - g.PaddingHeight, height, x = job.OwnScratch);
        else x += (nint)row * g.StrideHeight * width;
        var y = job.Y + ((nint)n * g.OutChannels + group * job.GroupOutChannels) * job.OutPlane + row * g.OutWidth;
        var first = stackalloc float[8];
        float** windows = stackalloc float*[SegmentsAtOnce], results = stackalloc float*[SegmentsAtOnce];
        var tile = new SegmentTile { B = windows, C = results, First = first, Offsets = job.TapOffsets, AStride = job.Taps, Depth = job.Taps, CStride = job.OutPlane };
        int count;
        for (var o = 0; o < job.GroupOutChannels; o += count)
        {
            var channel = group * job.GroupOutChannels + o;
            count = NextRows(TileRows, job.GroupOutChannels - o);
            tile.Rows = Math.Min(count, job.GroupOutChannels - o);
            tile.A = job.Weight + (nint)channel * job.Taps;
            for (var r = 0; r < 8; r++) first[r] = job.Bias == null || r >= tile.Rows ? 0f : job.Bias[channel + r];
            Convolve(tile, x, (nint)g.StrideHeight * width, g.OutWidth, y + (nint)o * job.OutPlane, rows);
        }
    }

    // Rows of pixels of some output channels, by tiles.
    private static void Convolve(SegmentTile tile, float* x, nint rowStep, int outWidth, float* y, int rows)
    {
        tile.Segments = 0;
        for (var i = 0; i < rows; i++)
            // The last segment of a row ends with the row, and may compute some pixels again.
            for (var next = 0; next < outWidth; next += SegmentLength)
            {
                var j = Math.Min(next, outWidth - SegmentLength);
                tile.B[tile.Segments] = x + i * rowStep + j;
                tile.C[tile.Segments] = y + (nint)i * outWidth + j;
                if (++tile.Segments < SegmentsAtOnce) continue;
                MultiplySegments(tile);
                tile.Segments = 0;
            }
        if (tile.Segments == 0) return;
        // The last tile repeats a segment.
        for (var last = tile.Segments - 1; tile.Segments % TileSegments != 0; tile.Segments++)
        {
            tile.B[tile.Segments] = tile.B[last];
            tile.C[tile.Segments] = tile.C[last];
        }
        MultiplySegments(tile);
    }

    [SkipLocalsInit]
    private static void Conv2dForwardChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(ConvolutionJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var chunksPerGroup = Blocks(job.PixelPanels, job.PanelsPerChunk);
        var group = chunk / chunksPerGroup;
        var pixels = g.Batch * job.OutPlane;
        var firstPanel = chunk % chunksPerGroup * job.PanelsPerChunk;
        var endPanel = Math.Min(job.PixelPanels, firstPanel + job.PanelsPerChunk);
        var panel = stackalloc float[TileDepth * TileColumns + 16];
        panel = (float*)(((nint)panel + 63) & ~63);
        var rows = stackalloc int[TileRows];
        var start = 0;
        var tile = new Tile { B = panel, Rows = rows, RunStarts = &start, Step = 1, Runs = 1 };
        for (var p = firstPanel; p < endPanel; p++)
        {
            var pixel = p * TileColumns;
            var columns = Math.Min(TileColumns, pixels - pixel);
            FillBias(job, group, pixel, columns);
            if (columns < TileColumns) new Span<float>(panel, TileDepth * TileColumns).Clear();
            for (var tap = 0; tap < job.Taps; tap += TileDepth)
            {
                tile.RunLength = Math.Min(TileDepth, job.Taps - tap);
                GatherColumns(job, group, pixel, columns, tap, tile.RunLength, panel);
                for (var o = 0; o < job.GroupOutChannels; o += TileRows)
                {
                    var count = Math.Min(TileRows, job.GroupOutChannels - o);
                    for (var r = 0; r < TileRows; r++) rows[r] = r < count ? r * job.Taps : 0;
                    var channel = group * job.GroupOutChannels + o;
                    tile.A = job.Weight + (nint)channel * job.Taps + tap;
                    AddPixels(job, tile, channel, count, pixel, columns);
                }
            }
        }
    }

    // y of these pixels = bias, or 0: the tiles add to it.
    private static void FillBias(in ConvolutionJob job, int group, int pixel, int columns)
    {
        for (int run, done = 0; done < columns; done += run)
        {
            var (n, at) = Math.DivRem(pixel + done, job.OutPlane);
            run = Math.Min(columns - done, job.OutPlane - at);
            for (var channel = group * job.GroupOutChannels; channel < (group + 1) * job.GroupOutChannels; channel++)
                new Span<float>(job.Y + ((nint)n * job.Geometry.OutChannels + channel) * job.OutPlane + at, run).Fill(job.Bias == null ? 0f : job.Bias[channel]);
        }
    }

    // One tile into y; its columns may belong to more than one image.
    [SkipLocalsInit]
    private static void AddPixels(in ConvolutionJob job, in Tile tile, int channel, int count, int pixel, int columns)
    {
        var (n, at) = Math.DivRem(pixel, job.OutPlane);
        var y = job.Y + ((nint)n * job.Geometry.OutChannels + channel) * job.OutPlane + at;
        if (at + columns <= job.OutPlane)
        {
            MultiplyPart(tile, y, job.OutPlane, count, columns, Store.Add);
            return;
        }
        var whole = stackalloc float[TileRows * TileColumns];
        Multiply(tile, whole, TileColumns, Store.Overwrite);
        for (int run, done = 0; done < columns; done += run)
        {
            (n, at) = Math.DivRem(pixel + done, job.OutPlane);
            run = Math.Min(columns - done, job.OutPlane - at);
            for (var r = 0; r < count; r++)
                PutRow(whole + r * TileColumns + done, job.Y + ((nint)n * job.Geometry.OutChannels + channel + r) * job.OutPlane + at, run, Store.Add);
        }
    }

    // panel[k, column] = the pixel of x under tap firstTap + k of that column, run by run of pixels in one output row.
    private static void GatherColumns(in ConvolutionJob job, int group, int pixel, int columns, int firstTap, int taps, float* panel)
    {
        ref readonly var g = ref job.Geometry;
        for (int run, done = 0; done < columns; done += run)
        {
            var (n, at) = Math.DivRem(pixel + done, job.OutPlane);
            var (i, j) = Math.DivRem(at, g.OutWidth);
            run = Math.Min(columns - done, g.OutWidth - j);
            var images = job.X + ((nint)n * g.InChannels + group * job.GroupInChannels) * job.InPlane;
            var (channel, kernel) = Math.DivRem(firstTap, job.KernelArea);
            var (u, v) = Math.DivRem(kernel, g.KernelWidth);
            var target = panel + done;
            for (var k = 0; k < taps; k++, target += TileColumns)
            {
                var row = i * g.StrideHeight + u * g.DilationHeight - g.PaddingHeight;
                var column = j * g.StrideWidth + v * g.DilationWidth - g.PaddingWidth;
                var source = images + (nint)channel * job.InPlane + (nint)row * g.InWidth + column;
                if ((uint)row >= (uint)g.InHeight) new Span<float>(target, run).Clear();
                else if (g.StrideWidth == 1 && column >= 0 && column + run <= g.InWidth) Copy(source, target, run);
                else
                    for (var l = 0; l < run; l++)
                        target[l] = (uint)(column + l * g.StrideWidth) < (uint)g.InWidth ? source[l * g.StrideWidth] : 0f;
                if (++v < g.KernelWidth) continue;
                v = 0;
                if (++u < g.KernelHeight) continue;
                u = 0;
                channel++;
            }
        }
    }

    // Runs are short (4 to 32), so no call.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* source, float* target, int count)
    {
        var i = 0;
        for (; i <= count - 8; i += 8) Vector256.Load(source + i).Store(target + i);
        for (; i <= count - 4; i += 4) Vector128.Load(source + i).Store(target + i);
        for (; i < count; i++) target[i] = source[i];
    }
}
