namespace RawDL.Mpi.Tests;

[CancelAfter(60_000)]
public sealed class InProcessCommunicatorTests
{
    private static readonly int[] s_lengths = [0, 1, 7, 1023, 1024, 1025, 5001];

    [Test]
    public unsafe void CollectivesGiveWhatTheyMust([Values(1, 2, 3, 4, 7)] int size) => InProcessCommunicator.Run(size, ranks =>
    {
        var total = size * (size - 1) / 2;
        foreach (var n in s_lengths)
        {
            var floats = Ramp(n, ranks.Rank);
            ranks.AllReduceSum(floats);
            Assert.That(floats, Is.EqualTo(Expected(n, i => total + (size * (i % 5)))));
            double[] doubles = [.. Ramp(n, ranks.Rank)];
            ranks.AllReduceSum(doubles);
            Assert.That(doubles, Is.EqualTo(Expected(n, i => total + (size * (i % 5)))));

            floats = Ramp(n, ranks.Rank);
            ranks.AllReduce(floats.AsSpan(), ReduceOperation.Min);
            Assert.That(floats, Is.EqualTo(Expected(n, i => i % 5)));
            floats = Ramp(n, ranks.Rank);
            ranks.AllReduce(floats.AsSpan(), ReduceOperation.Max);
            Assert.That(floats, Is.EqualTo(Expected(n, i => size - 1 + (i % 5))));

            floats = Ramp(n, ranks.Rank);
            fixed (float* pointer = floats)
            {
                var request = ranks.StartAllReduceSum(pointer, n);
                request.Wait();
                Assert.That(request.Test());
            }
            Assert.That(floats, Is.EqualTo(Expected(n, i => total + (size * (i % 5)))));

            var mine = new float[n];
            ranks.ReduceScatterSum<float>(Ramp(n * size, ranks.Rank), mine);
            Assert.That(mine, Is.EqualTo(Expected(n, i => total + (size * (((ranks.Rank * n) + i) % 5)))));
            var all = new float[n * size];
            ranks.AllGather<float>(Ramp(n, ranks.Rank), all);
            Assert.That(all, Is.EqualTo(Expected(n * size, i => (i / n) + (i % n % 5))));
            ranks.AllToAll<float>(Expected(n * size, i => (100 * ranks.Rank) + (i / n)), all);
            Assert.That(all, Is.EqualTo(Expected(n * size, i => (100 * (i / n)) + ranks.Rank)));

            for (var root = 0; root < size; root++)
            {
                floats = Ramp(n, ranks.Rank + 10);
                ranks.Broadcast(floats, root);
                Assert.That(floats, Is.EqualTo(Ramp(n, root + 10)));
            }
            ranks.Barrier();
        }
    });

    [Test]
    public void SumsKeepTheOrderOfRanks()
    {
        // In single precision 1e8 swallows the 1 that meets it first.
        float[] terms = [1, 1e8f, -1e8f, 1];
        for (var repeat = 0; repeat < 20; repeat++)
            InProcessCommunicator.Run(4, ranks =>
            {
                float[] sum = [terms[ranks.Rank]];
                ranks.AllReduceSum(sum);
                Assert.That(sum[0], Is.EqualTo(1f));
            });
    }

    [Test]
    public void MessagesArriveInOrder() => InProcessCommunicator.Run(4, ranks =>
    {
        if (ranks.Rank > 0)
        {
            for (var i = 0; i < 10; i++) ranks.Send<int>([ranks.Rank, i], 0, ranks.Rank);
            ranks.Send<int>([], 0, 9);
            return;
        }
        var next = new int[4];
        for (var i = 0; i < 30; i++)
        {
            var message = ranks.Probe<int>(MessageEnvelope.AnySource, Pick(i));
            var values = new int[3];
            Assert.That(ranks.Receive<int>(values, message.Source, message.Tag), Is.EqualTo(message));
            Assert.That(message, Is.EqualTo(new MessageEnvelope(values[0], values[0], 2)));
            Assert.That(values[1], Is.EqualTo(next[message.Source]++));
        }
        for (var source = 1; source < 4; source++) Assert.That(ranks.Receive<int>([], source, MessageEnvelope.AnyTag), Is.EqualTo(new MessageEnvelope(source, 9, 0)));
        Assert.That(ranks.TryProbe<int>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag, out _), Is.False);

        static int Pick(int i) => (i % 3) + 1;
    });

    [Test]
    public unsafe void StartedMessagesArrive([Values(1, 2, 3)] int size) => InProcessCommunicator.Run(size, ranks =>
    {
        var (next, previous) = ((ranks.Rank + 1) % size, (ranks.Rank + size - 1) % size);
        var values = stackalloc int[2] { ranks.Rank, 7 };
        var first = ranks.StartSend(values, 2, next, 1);
        var empty = ranks.StartSend(values, 0, next, 2);
        values[1] = 8;
        Assert.That(first.Test());
        Assert.That(ranks.Receive<int>([], previous, 2), Is.EqualTo(new MessageEnvelope(previous, 2, 0)));
        Assert.That(ranks.Probe<int>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag), Is.EqualTo(new MessageEnvelope(previous, 1, 2)));
        var received = new int[2];
        ranks.Receive<int>(received, previous, 1);
        Assert.That(received, Is.EqualTo(new[] { previous, 7 }));
        first.Wait();
        empty.Wait();
    });

    [Test]
    public void GroupsAreOrderedByKey() => InProcessCommunicator.Run(5, ranks =>
    {
        var parity = ranks.Split(ranks.Rank & 1, -ranks.Rank);
        var odd = ranks.Rank & 1;
        Assert.That(parity.Size, Is.EqualTo(odd == 1 ? 2 : 3));
        var all = new int[parity.Size];
        parity.AllGather<int>([ranks.Rank], all);
        Assert.That(all, Is.EqualTo(odd == 1 ? [3, 1] : new[] { 4, 2, 0 }));
        Assert.That(all[parity.Rank], Is.EqualTo(ranks.Rank));
        Assert.That(ranks.SplitByNode().Size, Is.EqualTo(5));
    });

    [Test]
    public void AFailingRankFreesTheOthers([Values("barrier", "receive", "group")] string where)
    {
        var freed = 0;
        var error = Assert.Throws<NotSupportedException>(() => InProcessCommunicator.Run(4, ranks =>
        {
            var group = ranks.Split(ranks.Rank / 2, 0);
            if (ranks.Rank == 3) throw new NotSupportedException("enough");
            try
            {
                if (where == "barrier") ranks.Barrier();
                else if (where == "receive") ranks.Receive<float>(new float[1], MessageEnvelope.AnySource, MessageEnvelope.AnyTag);
                else
                    while (true) group.Barrier();
            }
            catch (CommunicationException e)
            {
                Assert.That(e.Message, Does.EndWith(": expected every rank, got rank 3 failed: enough"));
                Assert.That(e.InnerException, Is.TypeOf<NotSupportedException>());
                Interlocked.Increment(ref freed);
                throw;
            }
        }));
        Assert.That(error!.Message, Is.EqualTo("enough"));
        Assert.That(freed, Is.EqualTo(3));
    }

    [Test]
    public void RanksThatWaitForEachOtherFail()
    {
        var error = Assert.Throws<CommunicationException>(() => InProcessCommunicator.Run(3, ranks =>
        {
            if (ranks.Rank == 0) ranks.Barrier();
            if (ranks.Rank == 1) ranks.Receive<float>(new float[1], 0, 0);
        }));
        Assert.That(error!.Message, Is.EqualTo("InProcessCommunicator: expected a rank that goes on, got every rank waiting: "
            + "rank 0 in InProcessCommunicator.Barrier, rank 1 in InProcessCommunicator.Receive, rank 2 at its end"));
    }

    [Test]
    public void DifferentOperationsFail()
    {
        var error = Assert.Throws<CommunicationException>(() => InProcessCommunicator.Run(2, ranks => ranks.AllReduceSum(new float[ranks.Rank + 1])));
        Assert.That(error!.Message, Does.Match(@"^InProcessCommunicator\.AllReduce\(Sum\): expected .* of [12] as on another rank, got .* of [12] on rank [01]$"));
        Assert.Throws<CommunicationException>(() => InProcessCommunicator.Run(2, ranks =>
        {
            if (ranks.Rank == 0) ranks.Barrier();
            else ranks.Broadcast(new float[1], 0);
        }));
    }

    [Test]
    public void WrongArgumentsFail()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => InProcessCommunicator.Run(0, _ => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => InProcessCommunicator.Run(2, ranks => ranks.Broadcast(new float[1], 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => InProcessCommunicator.Run(2, ranks => ranks.Send<float>([], 2, 0)));
        Assert.Throws<ArgumentException>(() => InProcessCommunicator.Run(2, ranks => ranks.AllGather<float>(new float[2], new float[3])));
        Assert.Throws<CommunicationException>(() => InProcessCommunicator.Run(2, ranks =>
        {
            if (ranks.Rank == 0) ranks.Send<float>([1, 2], 1, 0);
            else ranks.Receive<float>(new float[1], 0, 0);
        }));
    }

    [Test]
    public void ManyRanksMeetOften() => InProcessCommunicator.Run(64, ranks =>
    {
        for (var i = 0; i < 20; i++)
        {
            float[] values = [1, ranks.Rank];
            ranks.AllReduceSum(values);
            Assert.That(values, Is.EqualTo(new float[] { 64, 2016 }));
        }
    });

    private static float[] Ramp(int length, int rank) => Expected(length, i => rank + (i % 5));

    private static float[] Expected(int length, Func<int, int> value)
    {
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = value(i);
        return values;
    }
}
