using System.Numerics;
using RawDL.Mpi;

namespace RawDL.MpiRank;

/// <summary>What the own binding offers beyond <see cref="ICommunicator"/>: other types and operations, chunks, and collectives of two threads at once.</summary>
internal sealed class BindingChecks(MpiCommunicator world)
{
    private readonly int _n = world.Size;
    private readonly int _rank = world.Rank;

    public void Run()
    {
        Types();
        // Chunks of an odd number of bytes, far shorter than the vectors.
        var whole = world.ChunkBytes;
        world.ChunkBytes = 100_003;
        new CollectiveChecks(world).All();
        Types();
        world.ChunkBytes = whole;
        TwoThreads();
    }

    private double Sum(int i) => (_n * (_n - 1) / 2) + (_n * (i % 5));

    private void Types()
    {
        foreach (var length in CollectiveChecks.Lengths)
        {
            Reductions<float>(length);
            Reductions<double>(length);
            Reductions<int>(length);
            Reductions<long>(length);
        }
    }

    private void Reductions<T>(int length) where T : unmanaged, INumber<T>
    {
        var values = CollectiveChecks.Ramp<T>(length, _rank);
        world.AllReduce(values.AsSpan(), ReduceOperation.Sum);
        Check.Values<T>(values, Sum, "sum");

        values = CollectiveChecks.Ramp<T>(length, _rank);
        world.AllReduce(values.AsSpan(), ReduceOperation.Min);
        Check.Values<T>(values, i => i % 5, "min");

        values = CollectiveChecks.Ramp<T>(length, _rank);
        world.AllReduce(values.AsSpan(), ReduceOperation.Max);
        Check.Values<T>(values, i => _n - 1 + (i % 5), "max");

        var mine = new T[length];
        world.ReduceScatterSum<T>(CollectiveChecks.Ramp<T>(length * _n, _rank), mine);
        Check.Values<T>(mine, i => Sum((_rank * length) + i), "reduce-scatter");
    }

    private void TwoThreads()
    {
        var copy = world.Duplicate();
        Exception? failure = null;
        var other = new Thread(() =>
        {
            try
            {
                Many(copy);
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        other.Start();
        Many(world);
        other.Join();
        if (failure is not null) throw failure;

        // Over arrays that the collector may move between calls.
        void Many(MpiCommunicator communicator)
        {
            for (var i = 0; i < 20; i++)
            {
                var values = CollectiveChecks.Ramp<float>(1000, _rank);
                if (i % 10 == 0) GC.Collect();
                communicator.AllReduceSum(values);
                Check.Values<float>(values, Sum, "sum beside another thread");
            }
        }
    }
}
