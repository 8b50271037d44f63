using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace RawDL.Tests;

/// <summary>A random number is a function of its place alone.</summary>
public sealed class PhiloxProperties
{
    private static readonly Gen<ulong> s_word = Gen.Choose(int.MinValue, int.MaxValue).Two().Select(pair => ((ulong)(uint)pair.Item1 << 32) | (uint)pair.Item2);

    [Test]
    public void Words_do_not_depend_on_how_they_are_drawn() => Law.Holds(
        from seed in s_word
        from streams in s_word.Two()
        from chunks in Gen.Choose(0, 9).ArrayOf(8)
        select (seed, streams.Item1, streams.Item2, chunks), ((ulong Seed, ulong A, ulong B, int[] Chunks) c) =>
    {
        RandomStream a = new(c.Seed, c.A), b = new(c.Seed, c.B);
        var drawn = 0;
        foreach (var chunk in c.Chunks)
        {
            // The other stream is drawn from in between, and a copy goes on as its original does.
            var copy = a;
            for (var i = 0; i < chunk; i++, drawn++)
            {
                var (x, y, z, w) = Philox.Block(c.Seed, c.A, (ulong)drawn / 4);
                Assert.That(a.NextWord(), Is.EqualTo((drawn % 4) switch { 0 => x, 1 => y, 2 => z, _ => w }));
                b.NextWord();
            }
            for (var i = 0; i < chunk; i++) copy.NextWord();
            Assert.That(copy.NextWord(), Is.EqualTo(Peek(a)));
        }
        static uint Peek(RandomStream stream) => stream.NextWord();
    });

    [Test]
    public void Another_seed_stream_or_counter_gives_another_block() => Law.Holds(
        from place in s_word.Three()
        from bit in Gen.Choose(0, 191)
        select (place.Item1, place.Item2, place.Item3, bit), ((ulong Seed, ulong Stream, ulong Counter, int Bit) c) =>
    {
        ulong[] other = [c.Seed, c.Stream, c.Counter];
        other[c.Bit / 64] ^= 1UL << (c.Bit % 64);
        var (a, b) = (Philox.Block(c.Seed, c.Stream, c.Counter), Philox.Block(other[0], other[1], other[2]));
        // 128 fair coins: fewer than 24 or more than 104 heads come once in 10^12 draws.
        var different = BitOperations.PopCount(a.X ^ b.X) + BitOperations.PopCount(a.Y ^ b.Y) + BitOperations.PopCount(a.Z ^ b.Z) + BitOperations.PopCount(a.W ^ b.W);
        Assert.That(different, Is.InRange(24, 104));
    }, 2000);

    [Test]
    public void Bounded_integers_stay_below_their_bound() => Law.Holds(
        from seed in s_word
        from bound in Gen.OneOf(Gen.Choose(1, 10), Gen.Choose(1, int.MaxValue), Gen.Constant(int.MaxValue))
        select (seed, bound), ((ulong Seed, int Bound) c) =>
    {
        var random = new RandomStream(c.Seed, 1);
        for (var i = 0; i < 100; i++) Assert.That(random.NextInt(c.Bound), Is.InRange(0, c.Bound - 1));
    });

    [Test]
    public void A_dropout_mask_does_not_depend_on_threads() => Law.Holds(
        from seed in s_word
        from count in Gen.OneOf(Gen.Choose(0, 40), Gen.Choose(CpuDevice.ChunkLength - 3, 3 * CpuDevice.ChunkLength))
        select (seed, count), ((ulong Seed, int Count) c) =>
    {
        int[] Kept(int threads)
        {
            using var device = new CpuDevice(threads);
            using var tape = new Tape(device) { Seed = c.Seed, Step = 9 };
            return Law.Bits(tape.Input(Enumerable.Repeat(1f, c.Count).ToArray(), new Shape(c.Count)).Dropout(0.3f, 5).ToArray());
        }
        Assert.That(Kept(2), Is.EqualTo(Kept(1)));
    }, 60);
}
