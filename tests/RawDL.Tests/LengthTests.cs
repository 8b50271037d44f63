using System.Numerics;
using RawDL.TestKit;

namespace RawDL.Tests;

/// <summary>Every function of one operand at the lengths where loops go wrong: 0, 1, around the vector width, around the chunk.</summary>
public sealed class LengthTests
{
    private static int[] Lengths =>
    [
        0, 1, Vector<float>.Count - 1, Vector<float>.Count, Vector<float>.Count + 1,
        CpuDevice.ChunkLength - 1, CpuDevice.ChunkLength, CpuDevice.ChunkLength + 1,
    ];

    private CpuDevice _device = null!;

    [SetUp]
    public void CreateDevice() => _device = new CpuDevice(2);

    [TearDown]
    public void DisposeDevice()
    {
        _device.Dispose();
        Assert.That(_device.LiveBytes, Is.Zero);
    }

    [Test]
    public void Unary_holds([ValueSource(typeof(OpCases), nameof(OpCases.Unary))] OpCase row, [ValueSource(nameof(Lengths))] int length)
    {
        using var tape = new Tape(_device);
        var values = Ramp(row, length);
        var x = tape.Variable(values, new Shape(length));
        var y = row.Apply([x]);
        var loss = y.Sum();
        tape.Backward(loss);

        var wide = Array.ConvertAll(values, v => (double)v);
        // Simpson's rule behind gelu is slow: its long rows are checked at their ends.
        var kept = row.Name == "gelu" && length > 100 ? [.. wide[..40], .. wide[^40..]] : wide;
        var output = y.ToArray();
        var gradient = x.Gradient!.ToArray();
        if (kept.Length < length) (output, gradient) = ([.. output[..40], .. output[^40..]], [.. gradient[..40], .. gradient[^40..]]);
        Assert.That(OpCheck.Nmse(output, row.Oracle([kept])), Is.LessThanOrEqualTo(row.ForwardNmse));

        const double Step = 1e-5;
        var above = row.Oracle([Array.ConvertAll(kept, v => v + Step)]);
        var below = row.Oracle([Array.ConvertAll(kept, v => v - Step)]);
        var slopes = above.Zip(below, (a, b) => (a - b) / (2 * Step)).ToArray();
        Assert.That(OpCheck.Nmse(gradient, slopes), Is.LessThanOrEqualTo(row.GradientNmse));
    }

    [Test]
    public void Sum_is_exact([ValueSource(nameof(Lengths))] int length)
    {
        using var tape = new Tape(_device);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = i % 7 - 3;
        Assert.That(tape.Input(values, new Shape(length)).Sum().Item(), Is.EqualTo(values.Sum()));
    }

    [Test]
    public void Softmax_sums_to_one([ValueSource(nameof(Lengths))] int length)
    {
        using var tape = new Tape(_device);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = i % 11 - 500f;
        var y = tape.Input(values, new Shape(length)).Softmax().ToArray();
        Assert.That(y.Sum(v => (double)v), Is.EqualTo(length == 0 ? 0 : 1).Within(1e-5));
    }

    [Test]
    public void Sum_of_squares_is_accurate([ValueSource(nameof(Lengths))] int length)
    {
        using var tape = new Tape(_device);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = (i % 7 - 3) * 1e10f;
        Assert.That(_device.SumOfSquares(tape.Input(values, new Shape(length))), Is.EqualTo(values.Sum(v => (double)v * v)).Within(1e-9).Percent);
    }

    // Evenly over the row's range, in an order that spreads the first few over it too (1013 is prime), clear of its kinks.
    private static float[] Ramp(OpCase row, int length)
    {
        var values = new float[length];
        for (var i = 0; i < length; i++)
        {
            values[i] = row.Low + (row.High - row.Low) * ((i + 1) * 577L % 1013 + 0.5f) / 1013;
            foreach (var kink in row.Kinks)
                if (MathF.Abs(values[i] - kink) < 0.05f) values[i] = kink + 0.05f;
        }
        return values;
    }
}
