using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace RawDL.Spark;

/// <summary>Brings sums to the driver, for all threads of a process; its connections last from round to round.</summary>
internal sealed class RoundSink : IDisposable
{
    private readonly ConcurrentBag<RoundConnection> _idle = [];

    /// <summary>Brings a block's sum, behind its distances; false where there is no driver, or it does not take it.</summary>
    internal bool Put(RoundCall call, int first, ReadOnlySpan<double> distances, ReadOnlySpan<float> sum)
    {
        if (call.Source is not { } source) return false;
        if (!_idle.TryTake(out var connection)) connection = new RoundConnection("the driver");
        var isTaken = connection.Put(source, call.Start, first, MemoryMarshal.AsBytes(distances), MemoryMarshal.AsBytes(sum));
        _idle.Add(connection);
        return isTaken;
    }

    public void Dispose()
    {
        while (_idle.TryTake(out var connection)) connection.Dispose();
    }
}
