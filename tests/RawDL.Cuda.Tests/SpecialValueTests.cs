using RawDL.TestKit;

namespace RawDL.Cuda.Tests;

/// <summary>NaN, infinities and numbers at the ends of the range: as on the CPU.</summary>
internal sealed class SpecialValueTests : EmulatedFixture
{
    private static readonly float[] Values =
        [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, 1f, -1f, 1000f, -1000f, 88f, -88f, 88.8f, -100f, 1e-30f, -1e-30f, 3e38f, 0.5f];

    private CpuDevice _cpu = null!;

    [OneTimeSetUp]
    public void CreateCpu() => _cpu = new CpuDevice(1);

    [OneTimeTearDown]
    public void DisposeCpu() => _cpu.Dispose();

    [TestCaseSource(typeof(OpCases), nameof(OpCases.Unary))]
    public void Unary_is_that_of_the_cpu(OpCase row) => Same(Values, new Shape(Values.Length), x => row.Apply([x]));

    [Test]
    public void Softmax_is_that_of_the_cpu([Values(1, 3)] int inner, [Values] bool log) =>
        Same([1f, float.NaN, 3f, float.NegativeInfinity, 0f, 2f, 100f, -100f, 5f, 88f, 1f, 0f], new Shape(2, 6 / inner, inner), x => log ? x.LogSoftmax(1) : x.Softmax(1));

    [Test]
    public void Labels_outside_the_classes_give_NaN([Values(3, 1100)] int classes)
    {
        var values = new float[5 * classes];
        for (var i = 0; i < values.Length; i++) values[i] = i % 13 - 6;
        values[^1] = float.NaN;
        Same(values, new Shape(5, classes), x => x.SoftmaxCrossEntropyPerSample(x.Tape!.Labels([1, classes, -1, classes - 1, 0]), 0.1f));
    }

    [Test]
    public void First_NaN_and_first_of_equals_win_the_maximum()
    {
        float[] image = [1, 1, float.NaN, 0, 1, 1, 5, float.NaN, 0, -0f, 2, 2, -0f, 0, float.PositiveInfinity, 2];
        Same(image, new Shape(1, 1, 4, 4), x => x.MaxPool2d((2, 2), (2, 2)));
        Same(image, new Shape(1, 1, 4, 4), x => x.MaxPool2d((3, 3), (1, 1), (1, 1)));
    }

    [Test]
    public void Sum_of_squares_tells_of_NaN_and_infinity()
    {
        using var tape = new Tape(Device);
        Assert.That(tape.Input([1f, float.NaN, 2f], new Shape(3)).SumOfSquares(), Is.NaN);
        Assert.That(tape.Input([1f, float.NegativeInfinity], new Shape(2)).SumOfSquares(), Is.EqualTo(double.PositiveInfinity));
    }

    private void Same(float[] values, Shape shape, Func<Tensor, Tensor> apply)
    {
        var ((expected, slopes), (actual, gradients)) = (Run(_cpu, values, shape, apply), Run(Device, values, shape, apply));
        Compare(actual, expected);
        Compare(gradients, slopes);
    }

    private static (float[] Output, float[] Gradient) Run(Device device, float[] values, Shape shape, Func<Tensor, Tensor> apply)
    {
        using var tape = new Tape(device);
        var x = tape.Variable(values, shape);
        var y = apply(x);
        tape.Backward(y);
        return (y.ToArray(), x.Gradient!.ToArray());
    }

    private static void Compare(float[] actual, float[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        for (var i = 0; i < expected.Length; i++)
            if (!actual[i].Equals(expected[i])) Assert.That(actual[i], Is.EqualTo(expected[i]).Within(1e-37f + 1e-6f * MathF.Abs(expected[i])), $"element {i}");
    }
}
