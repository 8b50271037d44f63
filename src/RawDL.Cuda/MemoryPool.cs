namespace RawDL.Cuda;

/// <summary>Device memory that is kept once allocated: blocks of one size class are reused without a call of the driver.</summary>
internal sealed class MemoryPool(Driver driver) : IDisposable
{
    private readonly Dictionary<nuint, Stack<ulong>> _free = [];

    /// <summary>A block of at least so many bytes, 256-byte aligned, uninitialised.</summary>
    public ulong Rent(nuint bytes)
    {
        var size = SizeClass(bytes);
        if (_free.TryGetValue(size, out var blocks) && blocks.TryPop(out var block))
        {
            driver.Forget(block, size);
            return block;
        }
        try
        {
            return driver.Allocate(size);
        }
        catch (CudaException e) when (e.IsOutOfMemory)
        {
            Trim();
            return driver.Allocate(size);
        }
    }

    /// <summary>Gives a block of <see cref="Rent"/> back, with the bytes that were asked for.</summary>
    public void Return(ulong block, nuint bytes)
    {
        var size = SizeClass(bytes);
        if (!_free.TryGetValue(size, out var blocks)) _free[size] = blocks = new Stack<ulong>();
        blocks.Push(block);
    }

    /// <summary>Gives all free blocks back to the driver.</summary>
    public void Trim()
    {
        driver.Synchronize();
        foreach (var blocks in _free.Values)
            while (blocks.TryPop(out var block)) driver.Free(block);
    }

    public void Dispose()
    {
        // A lost device has lost its memory too, and the exception that tells of it is on its way.
        if (!driver.IsLost) Trim();
    }

    // Multiples of 256 bytes up to 64 KiB, of an eighth of the next power of two above: at most an eighth is lost.
    private nuint SizeClass(nuint bytes)
    {
        if (driver.GuardsMemory) return Math.Max(4, bytes);
        nuint step = 256;
        if (bytes > 65536) step = System.Numerics.BitOperations.RoundUpToPowerOf2(bytes) / 8;
        return Math.Max(step, (bytes + step - 1) / step * step);
    }
}
