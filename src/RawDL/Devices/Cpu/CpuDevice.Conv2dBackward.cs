using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RawDL;

// Letters of CpuDevice.Conv2d.cs. By the input: rows are taps, columns pixels, sums over output channels; what falls on one input pixel is added in order of
// taps. By the weight: rows are taps, columns output channels, sums over pixels; partial sums of ImageGroups groups of images are added in order.
public sealed unsafe partial class CpuDevice
{
    private const int ConvolutionPanelsSlot = 2, ConvolutionThreadsSlot = 3, ConvolutionPartialSlot = 4, TapOffsetsSlot = 5;
    private const int ImageGroups = 16;
    private const int MaximalPartial = 1 << 23;
    private const int AddPieces = 4;

    /// <inheritdoc/>
    protected internal override void Conv2dBackwardInput(in Conv2dGeometry geometry, Tensor weight, Tensor dy, Tensor dx)
    {
        if (dx.Count == 0 || dy.Count == 0) return;
        var job = new ConvolutionJob(geometry) { Weight = Pointer(weight), X = Pointer(dx), Y = Pointer(dy) };
        var blocks = geometry.Groups * job.ChannelBlocks;
        job.Panels = Scratch(ConvolutionPanelsSlot, blocks * job.BlockTaps * job.GroupOutChannels);
        job.ThreadScratchLength = PixelColumns(job) * (job.GroupOutChannels + TileRows);
        job.ThreadScratch = Scratch(ConvolutionThreadsSlot, Threads * job.ThreadScratchLength);
        _team.Run(blocks, &PackWeightChunk, &job);
        _team.Run(geometry.Batch * blocks, &Conv2dBackwardInputChunk, &job);
    }

    // Pixels of one block, in whole panels.
    private static int PixelColumns(in ConvolutionJob job) => Blocks(job.BlockRows * job.Geometry.OutWidth, TileColumns) * TileColumns;

    private static void PackWeightChunk(void* arguments, int block)
    {
        ref readonly var job = ref *(ConvolutionJob*)arguments;
        var (group, channels) = Math.DivRem(block, job.ChannelBlocks);
        var first = channels * job.BlockChannels * job.KernelArea;
        var weight = job.Weight + (nint)group * job.GroupOutChannels * job.Taps;
        for (var tap = 0; tap < job.BlockTaps; tap += TileRows)
            Pack(weight + first + tap, Math.Clamp(job.Taps - first - tap, 0, TileRows), 1, job.GroupOutChannels, job.Taps, TileRows,
                job.Panels + ((nint)block * job.BlockTaps + tap) * job.GroupOutChannels);
    }

    [SkipLocalsInit]
    private static void Conv2dBackwardInputChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(ConvolutionJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var (n, block) = Math.DivRem(chunk, g.Groups * job.ChannelBlocks);
        var (group, channels) = Math.DivRem(block, job.ChannelBlocks);
        var firstChannel = channels * job.BlockChannels;
        var blockChannels = Math.Min(job.BlockChannels, job.GroupInChannels - firstChannel);
        var dy = job.Y + ((nint)n * g.OutChannels + group * job.GroupOutChannels) * job.OutPlane;
        var dx = job.X + ((nint)n * g.InChannels + group * job.GroupInChannels + firstChannel) * job.InPlane;
        var stride = PixelColumns(job);
        float* panels = job.OwnScratch, columns = panels + stride * job.GroupOutChannels;
        var lanes = stackalloc int[TileRows];
        for (var r = 0; r < TileRows; r++) lanes[r] = r;
        var start = 0;
        var tile = new Tile { Rows = lanes, RunStarts = &start, Step = TileRows, RunLength = job.GroupOutChannels, Runs = 1 };
        for (var row = 0; row < g.OutHeight; row += job.BlockRows)
        {
            var rows = Math.Min(job.BlockRows, g.OutHeight - row);
            var pixels = rows * g.OutWidth;
            for (var pixel = 0; pixel < pixels; pixel += TileColumns)
                Pack(dy + (nint)row * g.OutWidth + pixel, Math.Min(TileColumns, pixels - pixel), 1, job.GroupOutChannels, job.OutPlane, TileColumns,
                    panels + pixel * job.GroupOutChannels);
            for (var tap = 0; tap < blockChannels * job.KernelArea; tap += TileRows)
            {
                tile.A = job.Panels + ((nint)block * job.BlockTaps + tap) * job.GroupOutChannels;
                for (var pixel = 0; pixel < pixels; pixel += TileColumns)
                {
                    tile.B = panels + pixel * job.GroupOutChannels;
                    Multiply(tile, columns + pixel, stride, Store.Overwrite);
                }
                for (var r = 0; r < Math.Min(TileRows, blockChannels * job.KernelArea - tap); r++)
                    ScatterTap(g, tap + r, columns + r * stride, row, rows, dx);
            }
        }
    }

    // dx += what this tap carries back, each row of pixels to the row of the image under it.
    private static void ScatterTap(in Conv2dGeometry g, int tap, float* pixels, int firstRow, int rows, float* dx)
    {
        var (channel, kernel) = Math.DivRem(tap, g.KernelHeight * g.KernelWidth);
        var (u, v) = Math.DivRem(kernel, g.KernelWidth);
        dx += (nint)channel * g.InHeight * g.InWidth;
        var shift = v * g.DilationWidth - g.PaddingWidth;
        // Output columns j with 0 <= j · stride + shift < width.
        var start = shift >= 0 ? 0 : Blocks(-shift, g.StrideWidth);
        var end = Math.Min(g.OutWidth, g.InWidth <= shift ? 0 : Blocks(g.InWidth - shift, g.StrideWidth));
        var i = firstRow * g.StrideHeight + u * g.DilationHeight - g.PaddingHeight;
        var target = dx + (nint)i * g.InWidth + shift;
        nint step = g.StrideHeight * g.InWidth;
        for (var r = 0; r < rows; r++, i += g.StrideHeight, pixels += g.OutWidth, target += step)
        {
            if ((uint)i >= (uint)g.InHeight) continue;
            var j = start;
            if (g.StrideWidth == 1)
                for (; j <= end - Vector<float>.Count; j += Vector<float>.Count)
                    (Vector.Load(target + j) + Vector.Load(pixels + j)).Store(target + j);
            for (; j < end; j++) target[j * g.StrideWidth] += pixels[j];
        }
    }

    /// <inheritdoc/>
    protected internal override void Conv2dBackwardWeight(in Conv2dGeometry geometry, Tensor x, Tensor dy, Tensor dweight)
    {
        if (dweight.Count == 0 || dy.Count == 0) return;
        var job = new ConvolutionJob(geometry) { X = Pointer(x), Y = Pointer(dy), Weight = Pointer(dweight) };
        var blocks = geometry.Groups * job.ChannelBlocks;
        job.Partial = Scratch(ConvolutionPartialSlot, PartialGroups(job) * PartialLength(job));
        var (height, width) = PaddedPlane(geometry);
        job.ThreadScratchLength = job.ImagesPerPass * (PixelRun(job) * TileColumns + job.BlockChannels * height * width);
        job.ThreadScratch = Scratch(ConvolutionThreadsSlot, Threads * job.ThreadScratchLength);
        job.TapOffsets = (int*)Scratch(TapOffsetsSlot, job.BlockTaps);
        FillTapOffsets(geometry, job.TapOffsets, job.BlockTaps, height, width);
        _team.Run(PartialGroups(job) * blocks, &Conv2dBackwardWeightChunk, &job);
        _team.Run(blocks * AddPieces, &AddPartialChunk, &job);
    }

    private static int PartialLength(in ConvolutionJob job) =>
        job.Geometry.Groups * job.ChannelBlocks * job.PartialTaps * job.PartialColumns;

    // Fewer groups where the weights are large: a constant of the problem.
    private static int ImagesPerGroup(in ConvolutionJob job) =>
        Blocks(job.Geometry.Batch, Math.Clamp(MaximalPartial / PartialLength(job), 1, ImageGroups));

    private static int PartialGroups(in ConvolutionJob job) => Blocks(job.Geometry.Batch, ImagesPerGroup(job));

    private static int PixelRun(in ConvolutionJob job) => job.BlockRows * job.Geometry.OutWidth;

    private static bool IsPadded(in Conv2dGeometry g) => g.PaddingHeight > 0 || g.PaddingWidth > 0;

    private static (int Height, int Width) PaddedPlane(in Conv2dGeometry g) => (g.InHeight + 2 * g.PaddingHeight, g.InWidth + 2 * g.PaddingWidth);

    // One group of images and one block of input channels.
    private static void Conv2dBackwardWeightChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(ConvolutionJob*)arguments;
        ref readonly var g = ref job.Geometry;
        var (part, block) = Math.DivRem(chunk, g.Groups * job.ChannelBlocks);
        var (group, channels) = Math.DivRem(block, job.ChannelBlocks);
        var firstChannel = channels * job.BlockChannels;
        var blockChannels = Math.Min(job.BlockChannels, job.GroupInChannels - firstChannel);
        var columns = job.PartialColumns;
        var partial = job.Partial + (nint)chunk * job.PartialTaps * columns;
        float* panel = job.OwnScratch, padded = panel + job.ImagesPerPass * PixelRun(job) * TileColumns;
        var (height, planeWidth) = PaddedPlane(g);
        var imageStep = IsPadded(g) ? job.BlockChannels * height * planeWidth : g.InChannels * job.InPlane;
        var taps = blockChannels * job.KernelArea;
        int* lastRows = stackalloc int[NarrowRows], runStarts = stackalloc int[TileDepth];
        var tile = new Tile { B = panel, RunStarts = runStarts, Step = g.StrideWidth, RunLength = g.OutWidth };
        var firstImage = part * ImagesPerGroup(job);
        var endImage = Math.Min(g.Batch, firstImage + ImagesPerGroup(job));
        for (var n = firstImage; n < endImage; n += job.ImagesPerPass)
        {
            var images = Math.Min(job.ImagesPerPass, endImage - n);
            tile.A = job.X + ((nint)n * g.InChannels + group * job.GroupInChannels + firstChannel) * job.InPlane;
            if (IsPadded(g))
            {
                for (var image = 0; image < images; image++)
                    PadPlanes(g, tile.A + (nint)image * g.InChannels * job.InPlane, blockChannels, -g.PaddingHeight, height, padded + image * imageStep);
                tile.A = padded;
            }
            var dy = job.Y + ((nint)n * g.OutChannels + group * job.GroupOutChannels) * job.OutPlane;
            for (var row = 0; row < g.OutHeight; row += job.BlockRows)
            {
                var runs = Math.Min(job.BlockRows, g.OutHeight - row);
                tile.Runs = images * runs;
                for (var run = 0; run < tile.Runs; run++)
                    runStarts[run] = run / runs * imageStep + (row + run % runs) * g.StrideHeight * planeWidth;
                var store = n == firstImage && row == 0 ? Store.Overwrite : Store.Add;
                int width;
                for (var o = 0; o < columns; o += width)
                {
                    width = o + TileColumns <= columns ? TileColumns : NarrowColumns;
                    for (var image = 0; image < images; image++)
                        Pack(dy + ((nint)image * g.OutChannels + o) * job.OutPlane + (nint)row * g.OutWidth, Math.Min(width, job.GroupOutChannels - o),
                            job.OutPlane, runs * g.OutWidth, 1, width, panel + image * runs * g.OutWidth * width);
                    var rows = width == TileColumns ? TileRows : NarrowRows;
                    for (var tap = 0; tap < taps; tap += rows)
                    {
                        tile.Rows = job.TapOffsets + tap;
                        if (tap + rows > taps) tile.Rows = FillUp(tile.Rows, taps - tap, lastRows);
                        var target = partial + tap * columns + o;
                        if (width == TileColumns) Multiply(tile, target, columns, store);
                        else MultiplyNarrow(tile, target, columns, store);
                    }
                }
            }
        }
    }

    // The last tile is filled up with the first tap, to no consequence.
    private static int* FillUp(int* offsets, int count, int* rows)
    {
        for (var r = 0; r < 8; r++) rows[r] = r < count ? offsets[r] : 0;
        return rows;
    }

    // Rows firstRow … firstRow + height − 1 of the planes, with zeros outside the image.
    private static void PadPlanes(in Conv2dGeometry g, float* x, int channels, int firstRow, int height, float* padded)
    {
        var width = g.InWidth + 2 * g.PaddingWidth;
        new Span<float>(padded, channels * height * width).Clear();
        for (var channel = 0; channel < channels; channel++)
            for (var row = Math.Max(0, firstRow); row < Math.Min(g.InHeight, firstRow + height); row++)
                new ReadOnlySpan<float>(x + ((nint)channel * g.InHeight + row) * g.InWidth, g.InWidth)
                    .CopyTo(new Span<float>(padded + ((nint)channel * height + row - firstRow) * width + g.PaddingWidth, g.InWidth));
    }

    // dweight[o, tap] += Σ partial[part, tap, o] in order of parts; a chunk is one block of taps.
    private static void AddPartialChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(ConvolutionJob*)arguments;
        var (block, piece) = Math.DivRem(chunk, AddPieces);
        var (group, channels) = Math.DivRem(block, job.ChannelBlocks);
        var firstTap = channels * job.BlockChannels * job.KernelArea;
        var taps = Math.Min(job.Taps - firstTap, job.BlockChannels * job.KernelArea);
        var columns = job.PartialColumns;
        var parts = PartialGroups(job);
        nint partStep = PartialLength(job);
        for (var tap = taps * piece / AddPieces; tap < taps * (piece + 1) / AddPieces; tap++)
        {
            var partial = job.Partial + ((nint)block * job.PartialTaps + tap) * columns;
            var dweight = job.Weight + (nint)group * job.GroupOutChannels * job.Taps + firstTap + tap;
            for (var o = 0; o < columns; o += NarrowColumns)
            {
                var sums = Vector256.Load(partial + o);
                for (var part = 1; part < parts; part++) sums += Vector256.Load(partial + part * partStep + o);
                sums.Store(partial + o);
            }
            for (var o = 0; o < job.GroupOutChannels; o++) dweight[(nint)o * job.Taps] += partial[o];
        }
    }
}
