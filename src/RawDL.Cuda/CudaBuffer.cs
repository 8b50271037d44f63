namespace RawDL.Cuda;

/// <summary>A run of elements in device memory.</summary>
internal sealed class CudaBuffer : DeviceBuffer
{
    private readonly CudaDevice _device;

    internal CudaBuffer(CudaDevice device, int length) : base(device, length)
    {
        _device = device;
        Address = device.Pool.Rent(Bytes);
    }

    /// <summary>0 once disposed.</summary>
    internal ulong Address { get; private set; }

    private nuint Bytes => 4 * (nuint)Length;

    public override void Dispose()
    {
        if (Address == 0) return;
        _device.Pool.Return(Address, Bytes);
        Address = 0;
        _device.ReleasedBy(this);
    }
}
