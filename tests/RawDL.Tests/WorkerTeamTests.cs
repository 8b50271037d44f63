namespace RawDL.Tests;

public sealed unsafe class WorkerTeamTests
{
    private struct Job
    {
        public int* Counts;
        public int Number;
    }

    [Test]
    public void Every_chunk_runs_once([Values(1, 2, 3, 4)] int threads)
    {
        const int Jobs = 4000, MaxChunks = 37;
        var counts = stackalloc int[MaxChunks];
        using var team = new WorkerTeam(threads);
        for (var number = 0; number < Jobs; number++)
        {
            new Span<int>(counts, MaxChunks).Clear();
            var chunks = number % (MaxChunks + 1);
            var job = new Job { Counts = counts, Number = number };
            team.Run(chunks, &Count, &job);
            for (var chunk = 0; chunk < MaxChunks; chunk++)
                if (counts[chunk] != (chunk < chunks ? number + 1 : 0))
                    Assert.Fail($"job {number} of {chunks} chunks: expected chunk {chunk} once, got {counts[chunk]} of {number + 1}.");
        }
    }

    [Test]
    public void Workers_that_have_parked_wake_up([Values(2, 3)] int threads)
    {
        var counts = stackalloc int[8];
        using var team = new WorkerTeam(threads);
        for (var number = 0; number < 20; number++)
        {
            new Span<int>(counts, 8).Clear();
            // Longer than any worker spins.
            Thread.Sleep(2);
            var job = new Job { Counts = counts, Number = number };
            team.Run(8, &Count, &job);
            for (var chunk = 0; chunk < 8; chunk++) Assert.That(counts[chunk], Is.EqualTo(number + 1));
        }
    }

    [Test]
    public void A_share_whose_thread_is_held_up_is_done_by_others([Values(2, 3)] int threads)
    {
        var counts = stackalloc int[8];
        new Span<int>(counts, 8).Clear();
        using var team = new WorkerTeam(threads);
        team.Run(8, &WaitOrCount, counts);
        for (var chunk = 0; chunk < 8; chunk++) Assert.That(counts[chunk], Is.EqualTo(1), $"chunk {chunk}");
    }

    // Chunk 0 ends when all others have.
    private static void WaitOrCount(void* arguments, int chunk)
    {
        var counts = (int*)arguments;
        var all = chunk > 0 || SpinWait.SpinUntil(() =>
        {
            var ended = 0;
            for (var other = 1; other < 8; other++) ended += Volatile.Read(ref counts[other]);
            return ended == 7;
        }, 30_000);
        Interlocked.Add(ref counts[chunk], all ? 1 : 100);
    }

    private static void Count(void* arguments, int chunk)
    {
        ref var job = ref *(Job*)arguments;
        Interlocked.Add(ref job.Counts[chunk], job.Number + 1);
    }
}
