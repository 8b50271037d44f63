using System.Net;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Spark.Tests;

/// <summary>Replicas that meet in an executor: the sum of their parts comes to the driver, whatever the order.</summary>
internal sealed class RoundAdderTests
{
    // More than a block, so that pieces and blocks have ends.
    private const int Length = SquaredDistance.Block + 1000;
    private readonly List<RoundConnection> _replicas = [];
    private RoundSource _source = null!;
    private RoundAdder _adder = null!;

    [SetUp]
    public void Open() => (_source, _adder) = (new RoundSource(IPAddress.Loopback.ToString(), IPAddress.Loopback), new RoundAdder(IPAddress.Loopback));

    [TearDown]
    public void Close()
    {
        _replicas.ForEach(one => one.Dispose());
        _replicas.Clear();
        _adder.Dispose();
        _source.Dispose();
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(5)]
    public void The_sum_is_that_of_the_replicas_in_their_order(int shards)
    {
        for (var round = 0; round < 3; round++)
        {
            var call = Round(shards);
            var vectors = new float[shards * Length];
            for (var i = 0; i < vectors.Length; i++) vectors[i] = MathF.Sin(i + 7919 * round);
            foreach (var rank in Enumerable.Range(0, shards).Reverse())
                Assert.That(Give(call, rank, 0, vectors.AsSpan(rank * Length, Length)).Answer, Is.EqualTo(rank == 0 ? RoundAdder.Answer.Added : RoundAdder.Answer.Held));
            var expected = RoundSum.Of(0, vectors, call.Weights, shards, Length / 2);
            Assert.That(_source.Taken(0), Is.EqualTo((byte[])[.. MemoryMarshal.AsBytes(expected.Distances.AsSpan()), .. MemoryMarshal.AsBytes(expected.Sum.AsSpan())]));
        }
    }

    [Test]
    public void Another_attempt_hears_the_same()
    {
        var call = Round(2);
        float[] one = Values(1), other = Values(2);
        Assert.That(Give(call, 0, 0, one).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(call, 0, 0, one).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        for (var attempt = 0; attempt < 3; attempt++) Assert.That(Give(call, attempt % 2, 0, attempt % 2 == 0 ? one : other), Is.EqualTo(attempt == 0 ? (RoundAdder.Answer.Held, Length, 0) : (RoundAdder.Answer.Added, Length, 3)));
    }

    [Test]
    public void Slices_and_runs_do_not_meet()
    {
        var call = Round(2);
        Assert.That(Give(call, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(call, 1, SquaredDistance.Block, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(call with { Id = Guid.NewGuid() }, 1, 0, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(call, 1, 0, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Added));
    }

    [Test]
    public void A_late_part_is_refused_and_what_an_earlier_round_left_does_not_count()
    {
        var (early, late) = (Round(2), Round(2));
        Assert.That(Give(early, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(late, 1, 0, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(early, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Refused));
        Assert.That(_source.Taken(0), Is.Null);
        Assert.That(Give(late, 0, 0, Values(3)).Answer, Is.EqualTo(RoundAdder.Answer.Added));
    }

    [Test]
    public void A_sum_that_the_driver_does_not_take_is_refused_until_it_does()
    {
        var call = Round(1);
        Assert.That(Give(call with { Start = call.Start + 1 }, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Refused), "of no round");
        Assert.That(Give(call with { Source = null, Start = call.Start + 1 }, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Refused), "no driver");
        var next = Round(1);
        _source.Dispose();
        Assert.That(Give(next, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Refused), "a driver that is gone");
    }

    [Test]
    public void A_third_run_takes_the_place_of_others_and_not_its_own()
    {
        var call = Round(2);
        Guid second = Guid.NewGuid(), third = Guid.NewGuid();
        foreach (var run in (Guid[])[call.Id, second, third]) Assert.That(Give(call with { Id = run }, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(call with { Id = third }, 0, SquaredDistance.Block, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(Give(call with { Id = third }, 1, 0, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Added));
        Assert.That(Give(call, 1, 0, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Held), "its other part was dropped");
    }

    [Test]
    public void A_round_whose_sums_do_not_cover_it_is_known()
    {
        byte[][] frames = [RoundFrame.Head(RoundFrame.Report, 0), RoundFrame.Head(RoundFrame.Taken, 0, 100, 3), RoundFrame.Head(RoundFrame.Taken, 0, 100, 3), RoundFrame.Head(RoundFrame.Taken, 100, 20, 3)];
        Assert.That(RoundFrame.Cover(frames, 120), Is.True);
        Assert.That(RoundFrame.Cover(frames, 121), Is.False);
        Assert.That(RoundFrame.Cover(frames[..^1], 120), Is.False);
    }

    [TestCase(2, 0, Length)]
    [TestCase(-1, 0, Length)]
    [TestCase(1, 0, Length - 1)]
    [TestCase(1, -4, Length)]
    [TestCase(1, 0, 0)]
    public void What_is_no_part_ends_the_connection_and_changes_nothing(int rank, int first, int length)
    {
        var call = Round(2);
        Assert.That(Give(call, 0, 0, Values(1)).Answer, Is.EqualTo(RoundAdder.Answer.Held));
        Assert.That(() => Give(call, rank, first, Values(2).AsSpan(0, length)), Throws.TypeOf<RoundConnection.UnreachableException>().With.Message.StartsWith($"the executor at 127.0.0.1:{_adder.Address.Port}: "));
        Assert.That(Give(call, 1, 0, Values(2)).Answer, Is.EqualTo(RoundAdder.Answer.Added));
    }

    [Test]
    public void Bytes_that_are_no_call_end_the_connection()
    {
        using var replica = new RoundConnection("the executor");
        Assert.That(() => replica.Give(_adder.Address, "nonsense"u8, 0, 0, 0, new byte[4]), Throws.TypeOf<RoundConnection.UnreachableException>());
        Assert.That(() => replica.Give(_adder.Address with { Token = "guess" }, Round(1).Encode(), 0, 0, 0, new byte[4]), Throws.TypeOf<RoundConnection.UnreachableException>().With.Message.Not.Contains("guess"));
    }

    [Test]
    public void Replicas_meet_at_the_same_time()
    {
        const int Shards = 8, Slices = 4;
        for (var round = 0; round < 20; round++)
        {
            var call = Round(Shards);
            var added = 0;
            Parallel.For(0, Shards, new ParallelOptions { MaxDegreeOfParallelism = Shards }, rank =>
            {
                using var replica = new RoundConnection("the executor");
                for (var slice = 0; slice < Slices; slice++)
                    if (replica.Give(_adder.Address, call.Encode(), rank, slice * SquaredDistance.Block, 0, MemoryMarshal.AsBytes(Values(rank).AsSpan())).Answer == RoundAdder.Answer.Added) Interlocked.Increment(ref added);
            });
            Assert.That(added, Is.EqualTo(Slices));
            for (var slice = 0; slice < Slices; slice++) Assert.That(_source.Taken(slice * SquaredDistance.Block)?.Length, Is.EqualTo(4 * Length));
        }
    }

    private static float[] Values(int seed) => [.. Enumerable.Range(seed, Length).Select(i => MathF.Cos(i))];

    private RoundCall Round(int shards)
    {
        _source.Withdraw();
        return new RoundCall(Guid.Empty, 1, _source.Offer(new byte[1 << 16]), RoundKind.Average, shards, 1, [.. Enumerable.Repeat(1f / shards, shards)], _source.Address);
    }

    // Each replica has a connection of its own.
    private (RoundAdder.Answer Answer, int Values, int Distances) Give(RoundCall call, int rank, int first, ReadOnlySpan<float> part)
    {
        var replica = Math.Max(0, rank);
        while (_replicas.Count <= replica) _replicas.Add(new RoundConnection("the executor"));
        return _replicas[replica].Give(_adder.Address, call.Encode(), rank, first, Length / 2, MemoryMarshal.AsBytes(part));
    }
}
