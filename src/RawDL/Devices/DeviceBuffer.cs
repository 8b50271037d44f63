namespace RawDL;

/// <summary>A run of 4-byte elements on one device: float32, or int32 for labels and arg-max indices. Its maker disposes it; there is no finalizer.</summary>
public abstract class DeviceBuffer : IDisposable
{
    /// <summary>Called by devices.</summary>
    protected DeviceBuffer(Device device, int length)
    {
        Device = device;
        Length = length;
    }

    /// <summary>The device that holds the elements.</summary>
    public Device Device { get; }

    /// <summary>Number of 4-byte elements.</summary>
    public int Length { get; }

    /// <summary>Gives the memory back.</summary>
    public abstract void Dispose();
}
