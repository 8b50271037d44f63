using System.Numerics;

namespace RawDL.MpiRank;

/// <summary>Every collective against what it must give. All values are small integers, so sums are exact in any order.</summary>
internal sealed unsafe class CollectiveChecks(ICommunicator world)
{
    internal static readonly int[] Lengths = [0, 1, 7, 4097, 50_001];
    private readonly int _n = world.Size;
    private readonly int _rank = world.Rank;

    public void Run()
    {
        Check.That(_rank >= 0 && _rank < _n);
        All();
        Groups();
    }

    public void All()
    {
        foreach (var length in Lengths)
        {
            Reductions(length);
            Movements(length);
            Requests(length);
            world.Barrier();
        }
    }

    /// <summary>Element i on rank r is r + i mod 5.</summary>
    internal static T[] Ramp<T>(int length, int rank) where T : unmanaged, INumber<T>
    {
        var values = new T[length];
        for (var i = 0; i < length; i++) values[i] = T.CreateChecked(rank + (i % 5));
        return values;
    }

    private double Sum(int i) => (_n * (_n - 1) / 2) + (_n * (i % 5));

    private void Reductions(int length)
    {
        var floats = Ramp<float>(length, _rank);
        world.AllReduceSum(floats);
        Check.Values<float>(floats, Sum, "sum of floats");
        var doubles = Ramp<double>(length, _rank);
        world.AllReduceSum(doubles);
        Check.Values<double>(doubles, Sum, "sum of doubles");

        var mine = new float[length];
        world.ReduceScatterSum(Ramp<float>(length * _n, _rank), mine);
        Check.Values<float>(mine, i => Sum((_rank * length) + i), "reduce-scatter");
    }

    private void Movements(int length)
    {
        for (var root = 0; root < _n; root++)
        {
            var values = Ramp<float>(length, _rank + 10);
            world.Broadcast(values.AsSpan(), root);
            Check.Values<float>(values, i => root + 10 + (i % 5), "broadcast");
            var bytes = new byte[length];
            bytes.AsSpan().Fill((byte)_rank);
            world.Broadcast<byte>(bytes, root);
            Check.Values<byte>(bytes, _ => root, "broadcast of bytes");
        }
        var all = new ushort[length * _n];
        world.AllGather<ushort>(Ramp<ushort>(length, _rank), all);
        Check.Values<ushort>(all, i => (i / length) + (i % length % 5), "all-gather");

        var outgoing = new double[length * _n];
        for (var i = 0; i < outgoing.Length; i++) outgoing[i] = (100 * _rank) + (i / length);
        var incoming = new double[outgoing.Length];
        world.AllToAll<double>(outgoing, incoming);
        Check.Values<double>(incoming, i => (100 * (i / length)) + _rank, "all-to-all");
    }

    private void Requests(int length)
    {
        var first = GC.AllocateArray<float>(length, pinned: true);
        var second = GC.AllocateArray<float>(length, pinned: true);
        Ramp<float>(length, _rank).CopyTo(first, 0);
        Ramp<float>(length, _rank).CopyTo(second, 0);
        fixed (float* a = first, b = second)
        {
            var one = world.StartAllReduceSum(a, length);
            var two = world.StartAllReduceSum(b, length);
            two.Wait();
            while (!one.Test()) Thread.Yield();
            one.Wait();
            Check.That(two.Test());
        }
        Check.Values<float>(first, Sum, "first of two running sums");
        Check.Values<float>(second, Sum, "second of two running sums");
    }

    private void Groups()
    {
        var node = world.SplitByNode();
        Check.That(node.Size == _n && node.Rank == _rank);
        var backwards = world.Split(0, -_rank);
        Check.That(backwards.Rank == _n - 1 - _rank);
        var parity = world.Split(_rank & 1, _rank);
        Check.That(parity.Size == (_n + 1 - (_rank & 1)) / 2 && parity.Rank == _rank / 2);
        double[] sum = [_rank];
        parity.AllReduceSum(sum);
        Check.That(sum[0] == Enumerable.Range(0, _n).Where(r => (r & 1) == (_rank & 1)).Sum());
    }
}
