using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// The backward passes of Conv2dReluMaxPool2d work on winners alone, a quarter of the pixels and fewer where ReLU is off. A winner is (offset of its window of x, gradient).
// Images lie channels last, [H, W, C] with their padding, so that a row of a kernel, [V, C], is a run of neighbours: a winner adds a multiple of it at any offset.
// C is filled up to whole vectors where that costs little, as what does not cross cache lines is read and written at twice the rate.
// By the weight: the winners of one output channel add runs of the images to the sums of its kernel. By the input: winners at one place, of all output channels, add runs of
// their kernels to the image there.
public sealed unsafe partial class CpuDevice
{
    // Images of one pass share L1; images that are turned at once share L2 or L3. Counts of floats.
    private const int PassLength = 7168, TurnedLength = 1 << 20;

    // A run is cut into pieces of these lengths, and the last may reach beyond its end.
    private const int MaximalOvershoot = 256;

    /// <inheritdoc/>
    protected internal override void Conv2dReluMaxPool2dBackwardWeight(in Conv2dPoolGeometry geometry, Tensor x, Tensor argmax, Tensor dy, Tensor? dweight, Tensor? dbias)
    {
        var job = new WinnersJob(geometry) { Dy = Pointer(dy), Argmax = (byte*)Pointer(argmax), Weight = PointerOrNull(dweight), Bias = PointerOrNull(dbias) };
        var g = geometry.Convolution;
        var images = Math.Clamp(TurnedLength / job.ImageLength, 1, g.Batch);
        job.Turned = Scratch(ConvolutionPanelsSlot, images * job.ImageLength + MaximalOvershoot);
        job.Rows = Scratch(ConvolutionPartialSlot, g.OutChannels * (job.RowsLength + 1));
        PrepareThreads(ref job, Math.Min(job.ImagesPerPass, images) * job.Windows, scratch: 0);
        for (job.FirstImage = 0; job.FirstImage < g.Batch; job.FirstImage += images)
        {
            job.Images = Math.Min(images, g.Batch - job.FirstImage);
            job.X = Pointer(x) + (nint)job.FirstImage * g.InChannels * g.InHeight * g.InWidth;
            if (dweight is not null) _team.Run(job.Images, &TurnImageChunk, &job);
            _team.Run(job.ChannelBlocks, &WinnersByWeightChunk, &job);
        }
    }

    /// <inheritdoc/>
    protected internal override void Conv2dReluMaxPool2dBackwardInput(in Conv2dPoolGeometry geometry, Tensor weight, Tensor argmax, Tensor dy, Tensor dx, Store store)
    {
        var job = new WinnersJob(geometry) { Dy = Pointer(dy), Argmax = (byte*)Pointer(argmax), Weight = Pointer(weight), X = Pointer(dx), Store = store };
        var g = geometry.Convolution;
        job.Rows = Scratch(ConvolutionPartialSlot, g.OutChannels * job.RowsLength);
        // The image, and what CollectPlaces needs.
        PrepareThreads(ref job, job.Windows * g.OutChannels, job.ImageLength + MaximalOvershoot + 8 * job.Windows * sizeof(Place) / sizeof(float) + 9 * g.OutChannels + 1);
        _team.Run(g.OutChannels, &PackKernelChunk, &job);
        _team.Run(g.Batch, &WinnersByInputChunk, &job);
    }

    private void PrepareThreads(ref WinnersJob job, int winners, int scratch)
    {
        job.MaximalWinners = Align(winners + 8);
        job.ThreadScratchLength = 2 * job.MaximalWinners + Align(scratch);
        job.ThreadScratch = Scratch(ConvolutionThreadsSlot, Threads * job.ThreadScratchLength);
        job.WindowOffsets = (int*)Scratch(TapOffsetsSlot, job.Windows);
        var pooledWidth = job.Geometry.PooledWidth;
        for (var window = 0; window < job.Windows; window++)
            job.WindowOffsets[window] = (window / pooledWidth * job.Width + window % pooledWidth) * 2 * job.Channels;
    }

    private struct WinnersJob(Conv2dPoolGeometry geometry)
    {
        public readonly Conv2dPoolGeometry Geometry = geometry;
        public float* X, Dy, Weight, Bias, Turned, Rows, ThreadScratch;
        public byte* Argmax;
        public int* WindowOffsets;
        public int FirstImage, Images, MaximalWinners, ThreadScratchLength;
        public Store Store;

        public readonly int InChannels => Geometry.Convolution.InChannels;
        public readonly int Channels => Blocks(InChannels, 8) * 8 is var whole && 3 * whole <= 4 * InChannels ? whole : InChannels;
        public readonly int Width => Geometry.Convolution.InWidth + 2 * Geometry.Convolution.PaddingWidth;
        public readonly int Height => Geometry.Convolution.InHeight + 2 * Geometry.Convolution.PaddingHeight;
        public readonly int ImageLength => Height * Width * Channels;
        public readonly int Windows => Geometry.PooledHeight * Geometry.PooledWidth;

        // One row of a kernel, [V, C], and the room that its pieces take.
        public readonly int RunLength => Geometry.Convolution.KernelWidth * Channels;
        public readonly int RoomLength => RunRoom(RunLength);
        public readonly int RowsLength => Geometry.Convolution.KernelHeight * RoomLength;

        public readonly int ImagesPerPass => Math.Clamp(PassLength / ImageLength, 1, 4);
        public readonly int BlockChannels => Blocks(Geometry.Convolution.OutChannels, 24);
        public readonly int ChannelBlocks => Blocks(Geometry.Convolution.OutChannels, BlockChannels);

        public readonly float* OwnScratch => ThreadScratch + (nint)WorkerTeam.ThreadIndex * ThreadScratchLength;
        public readonly int* OwnOffsets => (int*)OwnScratch;
        public readonly float* OwnGradients => OwnScratch + MaximalWinners;
        public readonly float* OwnRest => OwnScratch + 2 * MaximalWinners;

        // By code: the way from the corner of a window to the winner.
        public readonly int Step(int code) => ((code >> 1 & 1) * Width + (code & 1)) * Channels;
    }

    // What ReLU leaves of a gradient: 0 · NaN and 0 · ∞ go on.
    private static float ThroughRelu(int code, float gradient) => code < Off ? gradient : 0f * gradient;

    /// <summary>The winners of one output channel in images first … first + count − 1; offsets count from the first image. Gradients of 0 are left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CollectWinners(in WinnersJob job, int channel, int first, int count, int* offsets, float* gradients)
    {
        // By code; slopes as in ThroughRelu.
        var steps = Vector256.Create(job.Step(0), job.Step(1), job.Step(2), job.Step(3), 0, 0, 0, 0);
        steps = Avx2.Permute2x128(steps, steps, 0x00);
        var slopes = Vector256.Create(1f, 1f, 1f, 1f, 0f, 0f, 0f, 0f);
        var places = job.WindowOffsets;
        int windows = job.Windows, winners = 0;
        for (var image = 0; image < count; image++)
        {
            var at = ((nint)(first + image) * job.Geometry.Convolution.OutChannels + channel) * windows;
            var dy = job.Dy + at;
            var argmax = job.Argmax + at;
            var origin = image * job.ImageLength;
            var window = 0;
            for (; Bmi2.X64.IsSupported && window <= windows - 8; window += 8)
            {
                var codes = Avx2.ConvertToVector256Int32(argmax + window);
                var gradient = Vector256.Load(dy + window) * Avx2.PermuteVar8x32(slopes, codes);
                var offset = Vector256.Load(places + window) + Avx2.PermuteVar8x32(steps, codes) + Vector256.Create(origin);
                // Those that are not 0 move to the left: which they are cannot be foreseen, so no branch.
                var kept = (uint)Avx.MoveMask(Avx.CompareNotEqual(gradient, Vector256<float>.Zero));
                var bytes = Bmi2.X64.ParallelBitDeposit(kept, 0x0101010101010101) * 0xFF;
                var order = Avx2.ConvertToVector256Int32(Vector128.CreateScalar(Bmi2.X64.ParallelBitExtract(0x0706050403020100, bytes)).AsByte());
                Avx2.PermuteVar8x32(offset, order).Store(offsets + winners);
                Avx2.PermuteVar8x32(gradient, order).Store(gradients + winners);
                winners += BitOperations.PopCount(kept);
            }
            for (; window < windows; window++)
            {
                int code = argmax[window];
                offsets[winners] = origin + places[window] + job.Step(code);
                gradients[winners] = ThroughRelu(code, dy[window]);
                winners += gradients[winners] != 0f ? 1 : 0;
            }
        }
        return winners;
    }

    // One block of output channels; dweight and dbias += when the last images have passed.
    private static void WinnersByWeightChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(WinnersJob*)arguments;
        var outputs = job.Geometry.Convolution.OutChannels;
        var end = Math.Min(outputs, (chunk + 1) * job.BlockChannels);
        var biasSums = job.Rows + outputs * job.RowsLength;
        if (job.FirstImage == 0)
            for (var o = chunk * job.BlockChannels; o < end; o++)
            {
                biasSums[o] = 0f;
                new Span<float>(job.Rows + o * job.RowsLength, job.RowsLength).Clear();
            }
        for (var first = 0; first < job.Images; first += job.ImagesPerPass)
            for (var o = chunk * job.BlockChannels; o < end; o++)
            {
                var winners = CollectWinners(job, o, job.FirstImage + first, Math.Min(job.ImagesPerPass, job.Images - first), job.OwnOffsets, job.OwnGradients);
                biasSums[o] += SumOf(job.OwnGradients, winners);
                if (job.Weight != null)
                    AddImagesToKernel(job, job.Turned + (nint)first * job.ImageLength, winners, job.Rows + o * job.RowsLength);
            }
        if (job.FirstImage + job.Images < job.Geometry.Convolution.Batch) return;
        for (var o = chunk * job.BlockChannels; o < end; o++)
        {
            if (job.Bias != null) job.Bias[o] += biasSums[o];
            if (job.Weight != null) CopyKernel(job, o, job.Rows + o * job.RowsLength, job.RoomLength, toRows: false);
        }
    }

    private static float SumOf(float* values, int count)
    {
        Vector256<float> even = default, odd = default;
        var i = 0;
        for (; i <= count - 16; i += 16)
        {
            even += Vector256.Load(values + i);
            odd += Vector256.Load(values + i + 8);
        }
        var sum = Vector256.Sum(even + odd);
        for (; i < count; i++) sum += values[i];
        return sum;
    }

    // kernel[u, ·] += Σ gradientᵢ · x[offsetᵢ + u · stride + ·].
    private static void AddImagesToKernel(in WinnersJob job, float* x, int winners, float* kernel)
    {
        nint stride = job.Width * job.Channels;
        int kernelHeight = job.Geometry.Convolution.KernelHeight, run = job.RunLength, room = job.RoomLength;
        if (run <= ThinRun)
            for (var u = 0; u < kernelHeight; u += ThinRows)
                AddThinRuns(x + u * stride, stride, Math.Min(ThinRows, kernelHeight - u), job.OwnOffsets, job.OwnGradients, winners, kernel + u * room, room);
        else
            for (var u = 0; u < kernelHeight; u++)
                AddRuns(x + u * stride, run, job.OwnOffsets, job.OwnGradients, winners, kernel + u * room);
    }

    // Rows[u, o, ·] = weight of output channel o, with zeros behind each run: one row of all kernels fits L1.
    private static void PackKernelChunk(void* arguments, int channel)
    {
        ref readonly var job = ref *(WinnersJob*)arguments;
        var g = job.Geometry.Convolution;
        for (var u = 0; u < g.KernelHeight; u++) new Span<float>(job.Rows + (u * g.OutChannels + channel) * job.RoomLength, job.RoomLength).Clear();
        CopyKernel(job, channel, job.Rows + channel * job.RoomLength, g.OutChannels * job.RoomLength, toRows: true);
    }

    // Between weight [C, U, V] of one output channel and rows of [V, C]: rows = weight, or weight += rows.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyKernel(in WinnersJob job, int channel, float* rows, int step, bool toRows)
    {
        var (kernelHeight, kernelWidth) = (job.Geometry.Convolution.KernelHeight, job.Geometry.Convolution.KernelWidth);
        var weight = job.Weight + (nint)channel * job.InChannels * kernelHeight * kernelWidth;
        for (var c = 0; c < job.InChannels; c++)
            for (var u = 0; u < kernelHeight; u++)
            {
                var run = rows + u * step + c;
                for (var v = 0; v < kernelWidth; v++, run += job.Channels, weight++)
                    if (toRows) *run = *weight;
                    else *weight += *run;
            }
    }

    /// <summary>The winners of an image at one place of it: <c>Count</c> of the thread's list from <c>First</c> on.</summary>
    private struct Place
    {
        public int Offset, First, Count;
    }

    // One image: dx = or += what all output channels carry back.
    private static void WinnersByInputChunk(void* arguments, int n)
    {
        ref readonly var job = ref *(WinnersJob*)arguments;
        var g = job.Geometry.Convolution;
        var image = job.OwnRest;
        new Span<float>(image, job.ImageLength).Clear();
        var places = (Place*)(image + job.ImageLength + MaximalOvershoot);
        var count = CollectPlaces(job, n, places);
        for (var u = 0; u < g.KernelHeight; u++)
            AddKernelsToImage(job, job.Rows + u * g.OutChannels * job.RoomLength, places, count, image + u * job.Width * job.Channels);
        var plane = g.InHeight * g.InWidth;
        var dx = job.X + (nint)n * g.InChannels * plane;
        if (!IsPadded(g))
        {
            PutTurned(image, plane, job.Channels, g.InChannels, dx, plane, job.Store);
            return;
        }
        image += (g.PaddingHeight * job.Width + g.PaddingWidth) * job.Channels;
        for (var row = 0; row < g.InHeight; row++, image += job.Width * job.Channels)
            PutTurned(image, g.InWidth, job.Channels, g.InChannels, dx + row * g.InWidth, plane, job.Store);
    }

    private static void AddKernelsToImage(in WinnersJob job, float* rows, Place* places, int count, float* image)
    {
        var run = job.RunLength;
        var offsets = job.OwnOffsets;
        var gradients = job.OwnGradients;
        for (var end = places + count; places < end; places++)
            if (places->Count < 0) AddRunsExactly(rows, run, offsets + places->First, gradients + places->First, -places->Count, image + places->Offset);
            else AddRuns(rows, run, offsets + places->First, gradients + places->First, places->Count, image + places->Offset);
    }

    /// <summary>The winners of one image by their places, four to a window; offsets are those of output channels in a row of all kernels. Returns the number of places that have
    /// winners. A negative count says that a gradient there is not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CollectPlaces(in WinnersJob job, int n, Place* places)
    {
        nint outputs = job.Geometry.Convolution.OutChannels, windows = job.Windows;
        int* unordered = (int*)(places + 8 * windows), lengths = unordered + 8 * outputs, offsets = job.OwnOffsets;
        float* values = (float*)(unordered + 4 * outputs), gradients = job.OwnGradients;
        new Span<int>(lengths, (int)outputs + 1).Clear();
        var found = places + 4 * windows;
        var counts = stackalloc int[4];
        int room = job.RoomLength, count = 0, winners = 0;
        for (nint window = 0; window < windows; window++)
        {
            var dy = job.Dy + n * outputs * windows + window;
            var argmax = job.Argmax + n * outputs * windows + window;
            for (var place = 0; place < 4; place++) counts[place] = 0;
            var offset = 0;
            for (nint o = 0; o < outputs; o++, offset += room, dy += windows, argmax += windows)
            {
                nint code = *argmax, place = code & 3, at = place * outputs + counts[place];
                var gradient = ThroughRelu((int)code, *dy);
                unordered[at] = offset;
                values[at] = gradient;
                counts[place] += gradient != 0f ? 1 : 0;
            }
            for (var place = 0; place < 4; place++)
            {
                var length = counts[place];
                if (length == 0) continue;
                found[count++] = new Place { Offset = job.WindowOffsets[window] + job.Step(place), First = winners, Count = length };
                lengths[length]++;
                new ReadOnlySpan<int>(unordered + place * outputs, length).CopyTo(new Span<int>(offsets + winners, length));
                new ReadOnlySpan<float>(values + place * outputs, length).CopyTo(new Span<float>(gradients + winners, length));
                winners += length;
            }
        }
        // Places of equal counts side by side, so that the ends of the inner loops are foreseen.
        var next = 0;
        for (nint length = 1; length <= outputs; length++) (next, lengths[length]) = (next + lengths[length], next);
        for (var i = 0; i < count; i++) places[lengths[found[i].Count]++] = found[i];
        if (!AreFinite(gradients, winners))
            for (var i = 0; i < count; i++)
                if (!AreFinite(gradients + places[i].First, places[i].Count)) places[i].Count = -places[i].Count;
        return count;
    }

    // Turned[h, w, c] = x[c, h, w] of one image, with zeros around.
    private static void TurnImageChunk(void* arguments, int image)
    {
        ref readonly var job = ref *(WinnersJob*)arguments;
        var g = job.Geometry.Convolution;
        var plane = g.InHeight * g.InWidth;
        var x = job.X + (nint)image * g.InChannels * plane;
        var target = job.Turned + (nint)image * job.ImageLength;
        if (!IsPadded(g))
        {
            ToChannelsLast(x, g.InChannels, plane, plane, job.Channels, target);
            return;
        }
        new Span<float>(target, job.ImageLength).Clear();
        target += (g.PaddingHeight * job.Width + g.PaddingWidth) * job.Channels;
        for (var row = 0; row < g.InHeight; row++) ToChannelsLast(x + row * g.InWidth, g.InChannels, plane, g.InWidth, job.Channels, target + row * job.Width * job.Channels);
    }

    // target[pixel, channel] = source[channel, pixel], and 0 in the channels that fill up.
    private static void ToChannelsLast(float* source, int channels, nint plane, int pixels, int width, float* target)
    {
        if (width == 1) new ReadOnlySpan<float>(source, pixels).CopyTo(new Span<float>(target, pixels));
        else if (width % 8 == 0) Pack(source, channels, plane, pixels, 1, width, target);
        else
            for (var pixel = 0; pixel < pixels; pixel++)
                for (var channel = 0; channel < channels; channel++) target[pixel * width + channel] = source[channel * plane + pixel];
    }

    // target[channel, pixel] = or += source[pixel, channel]; blocks of 8 by 8 are turned in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PutTurned(float* source, int pixels, nint width, int channels, float* target, nint plane, Store store)
    {
        for (var channel = 0; channel < channels; channel += 8, source += 8, target += 8 * plane)
        {
            var kept = Math.Min(8, channels - channel);
            var pixel = 0;
            if (width % 8 == 0)
                for (; pixel <= pixels - 8; pixel += 8) PutTurnedBlock(source + pixel * width, width, target + pixel, plane, kept, store);
            for (; pixel < pixels; pixel++)
                for (var k = 0; k < kept; k++) Put(source[pixel * width + k], target + k * plane + pixel, store);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PutTurnedBlock(float* s, nint width, float* target, nint plane, int channels, Store store)
    {
        var turned = stackalloc float[64];
        PackTransposed(s, 8, width, 8, 8, 0, turned);
        for (var k = 0; k < channels; k++) Put(Vector256.Load(turned + 8 * k), target + k * plane, store);
    }
}
