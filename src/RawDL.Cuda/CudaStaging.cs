namespace RawDL.Cuda;

/// <summary>Pinned memory beside a tensor on the device: the copies to it run on a stream of their own, so the kernels go on meanwhile.</summary>
internal sealed unsafe class CudaStaging : Staging
{
    private readonly Driver _driver;
    private readonly ulong _source;
    private readonly Queue<nint> _fetches = [];
    private readonly Stack<nint> _free = [];
    private float* _pinned;

    public CudaStaging(Driver driver, ulong source, int length)
    {
        (_driver, _source) = (driver, source);
        _pinned = (float*)driver.AllocatePinned(4 * (nuint)Math.Max(1, length));
    }

    public override float* Address => _pinned;

    public override void Fetch(int start, int count)
    {
        var mark = _free.TryPop(out var free) ? free : _driver.CreateEvent();
        _driver.DownloadBeside(_pinned + start, _source + 4 * (ulong)start, 4 * (nuint)count, mark);
        _fetches.Enqueue(mark);
    }

    public override bool IsFetched(bool wait)
    {
        if (!_fetches.TryPeek(out var mark) || !_driver.IsOver(mark, wait)) return false;
        _free.Push(_fetches.Dequeue());
        return true;
    }

    public override void Return(int start, int count) => _driver.Upload(_source + 4 * (ulong)start, _pinned + start, 4 * (nuint)count);

    public override void Dispose()
    {
        if (_pinned == null) return;
        _driver.Synchronize();
        while (IsFetched(wait: true)) { }
        while (_free.TryPop(out var mark)) _driver.DestroyEvent(mark);
        _driver.FreePinned(_pinned);
        _pinned = null;
    }
}
