namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    // Blocks that were outgrown are kept: a recorded graph may still write to them.
    private readonly List<DeviceBuffer> _scratch = [];

    /// <summary>Device memory for one operation, uninitialised: its kernels write it before they read it, and the next operation overwrites it.
    /// Kept for the life of the device, so that from the second step on nothing is allocated.</summary>
    private ulong Scratch(int elements)
    {
        if (_scratch.Count == 0 || _scratch[^1].Length < elements)
            _scratch.Add(Allocate((int)Math.Min(int.MaxValue, Math.Max(elements, _scratch.Count == 0 ? 65536L : 2L * _scratch[^1].Length))));
        return Address(_scratch[^1], 0);
    }

    private void DisposeScratch()
    {
        foreach (var block in _scratch) block.Dispose();
        _scratch.Clear();
    }
}
