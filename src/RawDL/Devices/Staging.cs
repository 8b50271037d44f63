namespace RawDL;

/// <summary>A tensor as other ranks see it: memory that the communicator reads and writes, and the way there and back. For memory of the host both ways are empty.</summary>
public abstract unsafe class Staging : IDisposable
{
    /// <summary>The tensor's first element in that memory.</summary>
    public abstract float* Address { get; }

    /// <summary>Begins to bring a range there as it is after the work so far; later work on the device goes on meanwhile.</summary>
    public abstract void Fetch(int start, int count);

    /// <summary>Whether the oldest <see cref="Fetch"/> that was not yet seen done is done; if so it is seen now. With <paramref name="wait"/> it waits for it.</summary>
    public abstract bool IsFetched(bool wait);

    /// <summary>Brings a range back, before any work that follows.</summary>
    public abstract void Return(int start, int count);

    /// <summary>Gives the memory back.</summary>
    public abstract void Dispose();
}

/// <summary>Memory that the communicator reaches itself: the host's, or the device's where the communicator reads that.</summary>
public sealed unsafe class DirectStaging(Device device, float* address) : Staging
{
    /// <inheritdoc/>
    public override float* Address => address;

    /// <inheritdoc/>
    public override void Fetch(int start, int count) => device.Synchronize();

    /// <inheritdoc/>
    public override bool IsFetched(bool wait) => true;

    /// <inheritdoc/>
    public override void Return(int start, int count) { }

    /// <inheritdoc/>
    public override void Dispose() { }
}
