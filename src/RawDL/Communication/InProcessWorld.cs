using System.Runtime.ExceptionServices;

namespace RawDL;

/// <summary>
/// What the threads of <see cref="InProcessCommunicator"/> share: one lock, who waits where, and the first failure. When every rank that has not
/// ended waits, none can be freed any more, and that is a failure too.
/// </summary>
internal sealed class InProcessWorld(int size)
{
    private readonly string?[] _waits = new string?[size];
    private readonly bool[] _ended = new bool[size];
    private Exception? _failure;
    private string _reason = "";

    internal object Gate { get; } = new();

    /// <summary>Sleeps until something changes. The caller holds <see cref="Gate"/> and looks again at what it waits for.</summary>
    internal void Wait(int rank, string operation)
    {
        ThrowIfFailed(operation);
        _waits[rank] = operation;
        FailIfStuck();
        if (_failure is null) Monitor.Wait(Gate);
        _waits[rank] = null;
    }

    /// <summary>As <see cref="Wait"/>, for a change that is sure to come and must be waited for whatever fails meanwhile.</summary>
    internal void WaitForCertain() => Monitor.Wait(Gate);

    /// <summary>What this rank waits for may have come; until it has looked, it does not count as waiting. The caller holds <see cref="Gate"/>.</summary>
    internal void Free(int rank) => _waits[rank] = null;

    internal void Wake() => Monitor.PulseAll(Gate);

    internal void ThrowIfFailed(string operation)
    {
        if (_failure is not null) throw new CommunicationException($"{operation}: expected every rank, got {_reason}", _failure);
    }

    internal void End(int rank)
    {
        lock (Gate)
        {
            _ended[rank] = true;
            FailIfStuck();
            Wake();
        }
    }

    internal void Fail(int rank, Exception exception)
    {
        lock (Gate)
        {
            _ended[rank] = true;
            Fail($"rank {rank} failed: {exception.Message}", exception);
        }
    }

    internal void Rethrow()
    {
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    private void FailIfStuck()
    {
        var waiting = 0;
        for (var rank = 0; rank < size; rank++)
        {
            if (_waits[rank] is null && !_ended[rank]) return;
            if (!_ended[rank]) waiting++;
        }
        if (waiting == 0) return;
        var places = string.Join(", ", Enumerable.Range(0, size).Select(rank => $"rank {rank} {(_ended[rank] ? "at its end" : "in " + _waits[rank])}"));
        var reason = $"every rank waiting: {places}";
        Fail(reason, new CommunicationException($"InProcessCommunicator: expected a rank that goes on, got {reason}"));
    }

    private void Fail(string reason, Exception exception)
    {
        if (_failure is null) (_failure, _reason) = (exception, reason);
        Wake();
    }
}
