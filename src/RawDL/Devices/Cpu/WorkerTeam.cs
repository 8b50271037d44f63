using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

/// <summary>The caller and its dedicated threads run the numbered chunks of one kernel. Each thread begins with its own share, neighbouring chunks that are the same
/// ones in every job of as many, so that what a kernel leaves in a core's caches is found there by the next: lines that another core has written or holds too cost
/// several times as much, above all where cores share no L3. Who has ended takes chunks of others, so which thread runs a chunk is left to chance and a kernel may
/// not let its result depend on it: sums are cut at constants of the problem, never by the thread count.</summary>
/// <remarks>A share is one 64-bit ticket: the job's number above, the chunks not yet taken below. A thread that wakes late finds nothing left and is not
/// waited for. Workers spin for a short while after a job and then park; a kernel neither allocates nor throws.</remarks>
internal sealed unsafe class WorkerTeam : IDisposable
{
    private const int SpinsBeforePark = 4000;

    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Line[] _tickets;
    private delegate*<void*, int, void> _body;
    private void* _arguments;
    private int _chunks;
    private Line _pending, _parked;
    private volatile bool _stopping;
    [ThreadStatic] private static int t_index;

    internal WorkerTeam(int threads)
    {
        _tickets = new Line[threads];
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
        Volatile.Write(ref _pending.Value, chunks);
        Announce();
        Drain(0);
        // A worker that has lost its processor with a chunk in hand may be waiting for this one.
        for (var spins = 0; Volatile.Read(ref _pending.Value) != 0; spins++)
            if (spins < SpinsBeforePark) Pause();
            else Thread.Yield();
    }

    public void Dispose()
    {
        _stopping = true;
        _chunks = 0;
        Announce();
        foreach (var thread in _threads) thread.Join();
        _wake.Dispose();
    }

    private void Announce()
    {
        var job = Job(0) + 1 << 32;
        for (var owner = _tickets.Length - 1; owner >= 0; owner--) Volatile.Write(ref _tickets[owner].Value, job | (uint)(ShareEnd(owner) - ShareEnd(owner - 1)));
        var parked = Interlocked.Exchange(ref _parked.Value, 0);
        if (parked > 0) _wake.Release((int)parked);
    }

    // One past the last chunk of a thread's share.
    private int ShareEnd(int owner) => (int)((long)_chunks * (owner + 1) / _tickets.Length);

    // First the own share, then what others have left.
    private void Drain(int index)
    {
        for (var i = 0; i < _tickets.Length; i++)
        {
            var owner = (index + i) % _tickets.Length;
            var taken = 0;
            while (true)
            {
                var ticket = Volatile.Read(ref _tickets[owner].Value);
                var left = (int)(ticket & 0xFFFF_FFFF);
                if (left == 0) break;
                if (Interlocked.CompareExchange(ref _tickets[owner].Value, ticket - 1, ticket) != ticket) continue;
                // The chunks taken keep the job open, so its fields stay as they are until they are counted off.
                _body(_arguments, ShareEnd(owner) - left);
                taken++;
            }
            if (taken > 0) Interlocked.Add(ref _pending.Value, -taken);
        }
    }

    private void Work(int index)
    {
        t_index = index;
        long seen = 0;
        while (!_stopping)
        {
            for (var spins = 0; Job(index) == seen && spins < SpinsBeforePark; spins++) Pause();
            if (Job(index) == seen)
            {
                // Announced before the last look: a job that starts in between sees the announcement and releases a permit.
                Interlocked.Increment(ref _parked.Value);
                if (Job(index) == seen || Interlocked.Exchange(ref _parked.Value, 0) is var announced && !Withdraw((int)announced)) _wake.Wait();
                continue;
            }
            seen = Job(index);
            Drain(index);
        }
    }

    // True when the caller's own announcement was among those taken back; the others' are made good.
    private bool Withdraw(int announced)
    {
        if (announced > 1) _wake.Release(announced - 1);
        return announced > 0;
    }

    private long Job(int index) => Volatile.Read(ref _tickets[index].Value) >> 32;

    private static void Pause()
    {
        if (X86Base.IsSupported) X86Base.Pause();
        else Thread.SpinWait(8);
    }

    // Alone in its cache lines, of which processors fetch two at once.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Line
    {
        [FieldOffset(128)] public long Value;
    }
}
