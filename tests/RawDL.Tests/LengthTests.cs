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
    public void Unary_holds([ValueSource(typeof(OpCases), nameof(OpCases.Unary))] OpCase row, [ValueSource(nameof(Lengths))] int length) =>
        Assert.That(LengthCheck.Run(row, length, _device), Is.Empty);

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
}
