using RawDL.Mpi;

namespace RawDL.MpiRank;

internal sealed unsafe class MessageChecks(ICommunicator world)
{
    public void Run()
    {
        Check.That(!world.TryProbe<float>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag, out _));
        world.Barrier();
        if (world.Rank == 0) Collect();
        else SendToZero();
        world.Barrier();
        Ring();
        world.Barrier();
        if (world.Size > 1) TooLong();
        world.Barrier();
    }

    private void Collect()
    {
        var seen = new HashSet<int>();
        for (var i = 1; i < world.Size; i++)
        {
            var message = world.Probe<float>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag);
            Check.That(message.Tag == 40 + message.Source && message.Count == 1000 * message.Source && seen.Add(message.Source));
            // Room for one more element than was sent.
            var values = new float[message.Count + 1];
            var received = world.Receive<float>(values, message.Source, message.Tag);
            Check.That(received == message);
            Check.Values<float>(values.AsSpan(0, message.Count), k => message.Source + k, "message");
            Check.That(world.Receive<long>([], message.Source, 7) == new MessageEnvelope(message.Source, 7, 0));
        }
    }

    private void SendToZero()
    {
        var values = new float[1000 * world.Rank];
        for (var k = 0; k < values.Length; k++) values[k] = world.Rank + k;
        world.Send<float>(values, 0, 40 + world.Rank);
        world.Send<long>([], 0, 7);
    }

    /// <summary>Everyone starts sending to the next before it receives: too much for any library to keep aside, were the sends to wait.</summary>
    private void Ring()
    {
        const int Length = 200_000;
        var (next, previous) = ((world.Rank + 1) % world.Size, (world.Rank + world.Size - 1) % world.Size);
        var outgoing = GC.AllocateArray<float>(Length, pinned: true);
        for (var i = 0; i < Length; i++) outgoing[i] = world.Rank + (i % 1000);
        fixed (float* values = outgoing)
        {
            var whole = world.StartSend(values, Length, next, 5);
            var half = world.StartSend((long*)values, Length / 4, next, 6);
            var none = world.StartSend(values, 0, next, 7);
            // By tag, not in the order they were sent.
            Check.That(world.Receive<float>([], previous, 7) == new MessageEnvelope(previous, 7, 0));
            var incoming = new float[Length];
            fixed (float* got = incoming)
                Check.That(world.Receive(new Span<long>(got, Length / 4), previous, 6) == new MessageEnvelope(previous, 6, Length / 4));
            Check.Values<float>(incoming.AsSpan(0, Length / 2), i => previous + (i % 1000), "half of a ring");
            Check.That(world.Probe<float>(previous, MessageEnvelope.AnyTag) == new MessageEnvelope(previous, 5, Length));
            Check.That(world.TryProbe<float>(MessageEnvelope.AnySource, 5, out var message) && message == new MessageEnvelope(previous, 5, Length));
            Check.That(world.Receive<float>(incoming, previous, 5) == message);
            Check.Values<float>(incoming, i => previous + (i % 1000), "ring");
            whole.Wait();
            while (!half.Test()) Thread.Yield();
            none.Wait();
            Check.That(whole.Test());
        }
    }

    private void TooLong()
    {
        if (world.Rank == 1) world.Send<double>([1, 2, 3], 0, 8);
        if (world.Rank != 0) return;
        try
        {
            world.Receive<double>(new double[1], 1, 8);
        }
        catch (MpiException e)
        {
            Check.That(e.Call == "MPI_Recv" && e.Message.StartsWith("MPI_Recv: ", StringComparison.Ordinal) && e.Message.Contains("trunc", StringComparison.OrdinalIgnoreCase));
            return;
        }
        throw new InvalidOperationException("expected an error for a message that is too long");
    }
}
