namespace RawDL.Tests;

public sealed class PhiloxTests
{
    // Known answers for philox4x32-10 from Random123's kat_vectors (Salmon, Moraes, Dror and Shaw); words of the counter from low to high,
    // so the stream is its upper half.
    [TestCase(0UL, 0UL, 0UL, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [TestCase(0xffffffffffffffffUL, 0xffffffffffffffffUL, 0xffffffffffffffffUL, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [TestCase(0x299f31d0a4093822UL, 0x0370734413198a2eUL, 0x85a308d3243f6a88UL, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Block_gives_the_known_answers(ulong seed, ulong stream, ulong counter, uint x, uint y, uint z, uint w) =>
        Assert.That(Philox.Block(seed, stream, counter), Is.EqualTo((x, y, z, w)));

    [Test]
    public void A_stream_is_its_blocks()
    {
        var stream = new RandomStream(5, 6);
        uint[] drawn = [.. Enumerable.Range(0, 8).Select(_ => stream.NextWord())];
        var (first, second) = (Philox.Block(5, 6, 0), Philox.Block(5, 6, 1));
        Assert.That(drawn, Is.EqualTo(new[] { first.X, first.Y, first.Z, first.W, second.X, second.Y, second.Z, second.W }));
    }

    // Also where the counter's lower half runs over.
    [TestCase(0UL)]
    [TestCase(0xFFFF_FFFEUL)]
    public void Many_words_are_those_of_their_blocks(ulong counter)
    {
        var (seed, stream) = (0x299f31d0a4093822UL, 0x0370734413198a2eUL);
        foreach (var count in (int[])[0, 3, 4, 15, 16, 17, 47, 64])
        {
            var words = new uint[count];
            Philox.Fill(seed, stream, counter, words);
            var expected = Enumerable.Range(0, (count + 3) / 4).Select(i => Philox.Block(seed, stream, counter + (ulong)i)).SelectMany(block => (uint[])[block.X, block.Y, block.Z, block.W]).Take(count);
            Assert.That(words, Is.EqualTo(expected));
        }
    }

    [Test]
    public void Numbers_stay_in_their_ranges_and_fill_them()
    {
        var stream = new RandomStream(1, 2);
        var counts = new int[7];
        double sum = 0, squares = 0;
        for (var i = 0; i < 7000; i++)
        {
            counts[stream.NextInt(7)]++;
            Assert.That(stream.NextFloat(), Is.InRange(0f, 0.99999994f));
            var gaussian = stream.NextGaussian();
            sum += gaussian;
            squares += (double)gaussian * gaussian;
        }
        // Five standard deviations of each statistic.
        Assert.That(counts, Is.All.InRange(1000 - 147, 1000 + 147));
        Assert.That(sum / 7000, Is.Zero.Within(0.06));
        Assert.That(squares / 7000, Is.EqualTo(1).Within(0.085));
    }
}
