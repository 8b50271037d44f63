using System.Runtime.InteropServices;

namespace RawDL;

/// <summary>64-byte aligned native memory, outside the garbage collector's reach.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    private float* _pointer;

    internal CpuBuffer(CpuDevice device, int length) : base(device, length) =>
        _pointer = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(64, 4L * length), 64);

    internal float* Pointer => _pointer;

    public override void Dispose()
    {
        if (_pointer == null) return;
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        Device.Released(Length);
    }
}
