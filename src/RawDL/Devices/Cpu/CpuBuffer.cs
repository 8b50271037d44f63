using System.Runtime.InteropServices;

namespace RawDL;

/// <summary>64-byte aligned native memory, outside the garbage collector's reach. Where the system leaves huge pages to those who ask, large buffers ask.</summary>
internal sealed unsafe partial class CpuBuffer : DeviceBuffer
{
    // Of x86-64, and of ARM64 with pages of 4 KB.
    private const nuint HugePage = 2 << 20;

    private float* _pointer;

    internal CpuBuffer(CpuDevice device, int length) : base(device, length)
    {
        var bytes = (nuint)Math.Max(64, 4L * length);
        var isLarge = OperatingSystem.IsLinux() && bytes >= HugePage;
        _pointer = (float*)NativeMemory.AlignedAlloc(bytes, isLarge ? HugePage : 64);
        // A hint: without huge pages the memory is as good as other memory.
        if (isLarge) _ = Advise(_pointer, bytes, 14);
    }

    internal float* Pointer => _pointer;

    public override void Dispose()
    {
        if (_pointer == null) return;
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        Device.Released(Length);
    }

    // MADV_HUGEPAGE is 14, see madvise(2).
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
