using RawDL.Mpi;

namespace RawDL.MpiRank;

internal sealed class MessageChecks(MpiCommunicator world)
{
    public void Run()
    {
        Check.That(!world.TryProbe<float>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag, out _));
        world.Barrier();
        if (world.Rank == 0) Collect();
        else SendToZero();
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
