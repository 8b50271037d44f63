using System.Runtime.Intrinsics.X86;

namespace RawDL;

/// <summary>The caller and its dedicated threads run the numbered chunks of one kernel. Which thread runs a chunk is left to chance, so a kernel may
/// not let its result depend on it: chunk borders are constants of the problem, never of the thread count.</summary>
/// <remarks>A job is one 64-bit ticket: its number above, the chunks not yet taken below. A thread that wakes late finds nothing left and is not
/// waited for. Workers spin for a short while after a job and then park; a kernel neither allocates nor throws.</remarks>
internal sealed unsafe class WorkerTeam : IDisposable
{
    private const int SpinsBeforePark = 4000;

    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private delegate*<void*, int, void> _body;
    private void* _arguments;
    private int _chunks;
    private long _ticket;
    private int _pending;
    private int _parked;
    private volatile bool _stopping;
    [ThreadStatic] private static int t_index;

    internal WorkerTeam(int threads)
    {
        _threads = new Thread[threads - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var index = i + 1;
            _threads[i] = new Thread(() => Work(index)) { IsBackground = true, Name = $"rawdl-cpu-{index}" };
            _threads[i].Start();
        }
    }

    internal int Threads => _threads.Length + 1;

    /// <summary>0 for the caller, 1 … Threads − 1 for the others: finds a thread's own scratch memory, and nothing else may depend on it.</summary>
    internal static int ThreadIndex => t_index;

    /// <summary>Runs body(arguments, 0 … chunks − 1), each once, and returns when all have ended.</summary>
    internal void Run(int chunks, delegate*<void*, int, void> body, void* arguments)
    {
        if (_threads.Length == 0 || chunks <= 1)
        {
            for (var chunk = 0; chunk < chunks; chunk++) body(arguments, chunk);
            return;
        }
        _body = body;
        _arguments = arguments;
        _chunks = chunks;
        Volatile.Write(ref _pending, chunks);
        Interlocked.Exchange(ref _ticket, NextJob(chunks));
        Wake();
        Drain();
        // A worker that has lost its processor with a chunk in hand may be waiting for this one.
        for (var spins = 0; Volatile.Read(ref _pending) != 0; spins++)
            if (spins < SpinsBeforePark) Pause();
            else Thread.Yield();
    }

    public void Dispose()
    {
        _stopping = true;
        Interlocked.Exchange(ref _ticket, NextJob(0));
        Wake();
        foreach (var thread in _threads) thread.Join();
        _wake.Dispose();
    }

    private long NextJob(int chunks) => ((_ticket >> 32) + 1) << 32 | (uint)chunks;

    private void Wake()
    {
        var parked = Interlocked.Exchange(ref _parked, 0);
        if (parked > 0) _wake.Release(parked);
    }

    private void Drain()
    {
        while (true)
        {
            var ticket = Volatile.Read(ref _ticket);
            var left = (int)(ticket & 0xFFFF_FFFF);
            if (left == 0) return;
            if (Interlocked.CompareExchange(ref _ticket, ticket - 1, ticket) != ticket) continue;
            // The chunk taken keeps the job open, so its fields stay as they are until it is counted off.
            _body(_arguments, _chunks - left);
            Interlocked.Decrement(ref _pending);
        }
    }

    private void Work(int index)
    {
        t_index = index;
        long seen = 0;
        while (!_stopping)
        {
            for (var spins = 0; Job() == seen && spins < SpinsBeforePark; spins++) Pause();
            if (Job() == seen)
            {
                // Announced before the last look: a job that starts in between sees the announcement and releases a permit.
                Interlocked.Increment(ref _parked);
                if (Job() == seen || Interlocked.Exchange(ref _parked, 0) is var announced && !Withdraw(announced)) _wake.Wait();
                continue;
            }
            seen = Job();
            Drain();
        }
    }

    // True when the caller's own announcement was among those taken back; the others' are made good.
    private bool Withdraw(int announced)
    {
        if (announced > 1) _wake.Release(announced - 1);
        return announced > 0;
    }

    private long Job() => Volatile.Read(ref _ticket) >> 32;

    private static void Pause()
    {
        if (X86Base.IsSupported) X86Base.Pause();
        else Thread.SpinWait(8);
    }
}
