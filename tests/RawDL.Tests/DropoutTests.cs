namespace RawDL.Tests;

/// <summary>The mask of dropout: its share, and what it depends on.</summary>
public sealed class DropoutTests
{
    // More than two chunks, and no multiple of four words.
    private const int Count = 2 * CpuDevice.ChunkLength + 1003;

    [Test]
    public void Mask_is_the_same_for_any_thread_count_and_again() =>
        Assert.That((float[][])[Draw(2), Draw(3), Draw(1)], Is.All.EqualTo(Draw(1)));

    [Test]
    public void Seed_stream_and_step_each_change_the_mask() =>
        Assert.That((float[][])[Draw(1, seed: 8), Draw(1, stream: 6), Draw(1, step: 4)], Has.None.EqualTo(Draw(1)));

    [TestCase(0.1f)]
    [TestCase(0.5f)]
    [TestCase(0.9f)]
    public void Share_of_zeros_is_the_rate(float rate)
    {
        var y = Draw(1, rate: rate);
        var deviation = Math.Sqrt(rate * (1 - rate) / Count);
        Assert.That(y.Count(v => v == 0) / (double)Count, Is.EqualTo(rate).Within(4 * deviation));
        Assert.That(y.Where(v => v != 0), Is.All.EqualTo(1 / (1 - rate)));
    }

    [Test]
    public void Mask_is_the_documented_function_of_the_counter()
    {
        var y = Draw(1);
        for (var i = 0; i < Count; i += 37)
        {
            var block = Philox.Block(7, 5, (3UL << 32) + (ulong)(i / 4));
            var word = (i % 4) switch { 0 => block.X, 1 => block.Y, 2 => block.Z, _ => block.W };
            Assert.That(y[i] != 0, Is.EqualTo((word >> 8) / 16777216.0 >= 0.4f), $"element {i}");
        }
    }

    [Test]
    public void Backward_uses_the_mask_of_forward()
    {
        using var device = new CpuDevice(2);
        using (var tape = new Tape(device) { Seed = 7, Step = 3 })
        {
            var x = tape.Variable(Enumerable.Repeat(1f, 1001).ToArray(), new Shape(1001));
            var y = x.Dropout(0.4f, 5);
            tape.Backward(y);
            Assert.That(x.Gradient!.ToArray(), Is.EqualTo(y.ToArray()));
        }
        Assert.That(device.LiveBytes, Is.Zero);
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(5000)]
    public void Rows_of_several_tapes_have_the_masks_of_the_whole(int width)
    {
        const int rows = 11;
        using var device = new CpuDevice(2);
        var whole = Draw(rows, 0);
        foreach (var (first, count) in ((int, int)[])[(0, 3), (3, 1), (4, 7)])
            Assert.That(Draw(count, first).AsSpan().SequenceEqual(whole.AsSpan(first * width, count * width)), Is.True, $"rows from {first}");

        float[] Draw(int count, int first)
        {
            using var tape = new Tape(device) { Seed = 7, Step = 3, FirstRow = first };
            return tape.Input(Enumerable.Repeat(1f, count * width).ToArray(), new Shape(count, width)).Dropout(0.4f, 5).ToArray();
        }
    }

    [Test]
    public void Inference_is_the_identity()
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device, TapeMode.Inference);
        var x = tape.Input([1, 2, 3], new Shape(3));
        Assert.That(x.Dropout(0.5f, 0), Is.SameAs(x));
    }

    private static float[] Draw(int threads, ulong seed = 7, ulong stream = 5, ulong step = 3, float rate = 0.4f)
    {
        using var device = new CpuDevice(threads);
        using var tape = new Tape(device) { Seed = seed, Step = step };
        return tape.Input(Enumerable.Repeat(1f, Count).ToArray(), new Shape(Count)).Dropout(rate, stream).ToArray();
    }
}
