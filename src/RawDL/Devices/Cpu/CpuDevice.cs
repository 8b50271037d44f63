using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

/// <summary>The processor: SIMD kernels over native memory, run by the caller and a team of dedicated threads.</summary>
/// <remarks>Results do not depend on the thread count: work is cut at constants of the problem and partial sums are added in order.</remarks>
public sealed unsafe partial class CpuDevice : Device
{
    /// <summary>Elements of one chunk of an element-wise kernel: large enough to hide the hand-over, small enough for L1 and L2.</summary>
    internal const int ChunkLength = 16384;

    private readonly WorkerTeam _team;

    /// <summary>Creates the device with a number of threads.</summary>
    /// <param name="threads">≥ 1; 0 takes every processor this process may use.</param>
    public CpuDevice(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        _team = new WorkerTeam(threads == 0 ? Environment.ProcessorCount : threads);
    }

    /// <summary>Threads that compute, the caller included.</summary>
    public int Threads => _team.Threads;

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override string Description =>
        $"{RuntimeInformation.ProcessArchitecture}, {Threads} thread{(Threads == 1 ? "" : "s")}, {InstructionSet}";

    /// <summary>The widest instruction set that the kernels use here.</summary>
    public static string InstructionSet =>
        Avx512F.IsSupported ? "AVX-512" : Fma.IsSupported && Avx2.IsSupported ? "AVX2 + FMA"
        : Vector.IsHardwareAccelerated ? $"{8 * Vector<byte>.Count}-bit vectors" : "scalar";

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<float> source, DeviceBuffer target, int offset) =>
        source.CopyTo(new Span<float>(Pointer(target) + offset, target.Length - offset));

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<int> source, DeviceBuffer target, int offset) =>
        source.CopyTo(new Span<int>((int*)Pointer(target) + offset, target.Length - offset));

    /// <inheritdoc/>
    public override void Download(DeviceBuffer source, int offset, Span<float> target) =>
        new ReadOnlySpan<float>(Pointer(source) + offset, target.Length).CopyTo(target);

    /// <inheritdoc/>
    public override void Download(DeviceBuffer source, int offset, Span<int> target) =>
        new ReadOnlySpan<int>((int*)Pointer(source) + offset, target.Length).CopyTo(target);

    /// <inheritdoc/>
    public override float* HostAddress(Tensor tensor) => Pointer(tensor);

    /// <summary>Kernels end before they return, so there is nothing to wait for.</summary>
    public override void Synchronize() { }

    /// <inheritdoc/>
    public override void Dispose()
    {
        DisposeScratch();
        _team.Dispose();
    }

    /// <inheritdoc/>
    protected override DeviceBuffer CreateBuffer(int length) => new CpuBuffer(this, length);

    /// <inheritdoc/>
    protected internal override void Fill(Tensor target, float value)
    {
        var job = new FillJob(Pointer(target), target.Count, value);
        _team.Run(Chunks(target.Count), &FillChunk, &job);
    }

    private readonly struct FillJob(float* target, int count, float value)
    {
        public readonly float* Target = target;
        public readonly int Count = count;
        public readonly float Value = value;
    }

    private static void FillChunk(void* arguments, int chunk)
    {
        ref readonly var job = ref *(FillJob*)arguments;
        var first = chunk * ChunkLength;
        new Span<float>(job.Target + first, Math.Min(ChunkLength, job.Count - first)).Fill(job.Value);
    }

    private static float* Pointer(DeviceBuffer buffer) => ((CpuBuffer)buffer).Pointer;

    private static float* Pointer(Tensor tensor) => ((CpuBuffer)tensor.Buffer).Pointer + tensor.Offset;

    private static float* PointerOrNull(Tensor? tensor) => tensor is null ? null : Pointer(tensor);

    private static int* Integers(Tensor tensor) => (int*)Pointer(tensor);

    private static int Chunks(int count) => (int)(((long)count + ChunkLength - 1) / ChunkLength);

    // Scratch memory of the kernels (packed panels, partial sums): grown on demand, kept for the life of the device, one block per slot.
    private readonly CpuBuffer?[] _scratch = new CpuBuffer?[10];

    /// <summary>A block of at least <paramref name="length"/> floats, uninitialised, valid until the next call for the same slot.</summary>
    private float* Scratch(int slot, int length)
    {
        if (_scratch[slot] is not { } block || block.Length < length)
        {
            _scratch[slot]?.Dispose();
            _scratch[slot] = block = (CpuBuffer)Allocate(length);
        }
        return block.Pointer;
    }

    private void DisposeScratch()
    {
        foreach (var block in _scratch) block?.Dispose();
        Array.Clear(_scratch);
    }
}
