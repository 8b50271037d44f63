using RawDL.TestKit;

namespace RawDL.Tests;

/// <summary>NaN must reach the loss, and no function may overflow where its value is finite.</summary>
public sealed class SpecialValueTests
{
    private CpuDevice _device = null!;
    private Tape _tape = null!;

    [SetUp]
    public void CreateTape() => _tape = new Tape(_device = new CpuDevice(1));

    [TearDown]
    public void DisposeTape()
    {
        _tape.Dispose();
        _device.Dispose();
        Assert.That(_device.LiveBytes, Is.Zero);
    }

    [TestCaseSource(typeof(OpCases), nameof(OpCases.Unary))]
    public void NaN_survives(OpCase row)
    {
        var y = row.Apply([_tape.Input([float.NaN, 1f, float.NaN, 0.5f, 1f, 1f, 1f, 1f, 1f, 1f, float.NaN], new Shape(11))]).ToArray();
        Assert.That(y.Select(float.IsNaN), Is.EqualTo(Enumerable.Range(0, 11).Select(i => i is 0 or 2 or 10)));
    }

    [Test]
    public void NaN_survives_softmax_and_its_loss()
    {
        var x = _tape.Input([float.NaN, 1f, 2f, 3f], new Shape(2, 2));
        Assert.That(x.Softmax().ToArray()[..2], Is.All.NaN);
        Assert.That(x.SoftmaxCrossEntropy(_tape.Labels([0, 1])).Item(), Is.NaN);
    }

    [Test]
    public void Sum_of_squares_tells_of_NaN_and_infinity()
    {
        Assert.That(_device.SumOfSquares(_tape.Input([1f, float.NaN, 2f], new Shape(3))), Is.NaN);
        Assert.That(_device.SumOfSquares(_tape.Input([1f, float.NegativeInfinity], new Shape(2))), Is.EqualTo(double.PositiveInfinity));
    }

    [Test]
    public void Label_outside_the_classes_gives_NaN()
    {
        var losses = _tape.Variable([0f, 0f, 0f, 0f], new Shape(2, 2)).SoftmaxCrossEntropyPerSample(_tape.Labels([1, 7]));
        Assert.That(losses.ToArray()[0], Is.EqualTo(0.6931472f).Within(1e-6f));
        Assert.That(losses.ToArray()[1], Is.NaN);
        _tape.Backward(losses);
    }

    [Test]
    public void Large_inputs_do_not_overflow()
    {
        float[] values = [-1000f, -100f, -50f, 0f, 50f, 100f, 1000f, 88f, -88f];
        var x = _tape.Input(values, new Shape(values.Length));
        Assert.That(x.Sigmoid().ToArray(), Is.EqualTo(new[] { 0f, 0f, 0f, 0.5f, 1f, 1f, 1f, 1f, 0f }).Within(1e-12f));
        Assert.That(x.Tanh().ToArray(), Is.EqualTo(new[] { -1f, -1f, -1f, 0f, 1f, 1f, 1f, 1f, -1f }));
        Assert.That(x.Softplus().ToArray(), Is.EqualTo(new[] { 0f, 0f, 0f, 0.6931472f, 50f, 100f, 1000f, 88f, 0f }).Within(1e-6f));
        Assert.That(x.Gelu().ToArray(), Is.EqualTo(new[] { 0f, 0f, 0f, 0f, 50f, 100f, 1000f, 88f, 0f }));
        Assert.That(x.Softmax().ToArray(), Is.EqualTo(new[] { 0f, 0f, 0f, 0f, 0f, 0f, 1f, 0f, 0f }));
    }

    [Test]
    public void Exp_meets_the_ends_of_its_range()
    {
        float[] values = [88.7f, 88.8f, 1000f, float.PositiveInfinity, -87f, -100f, -104f, -200f, float.NegativeInfinity, 0f];
        var y = _tape.Input(values, new Shape(values.Length)).Exp().ToArray();
        for (var i = 0; i < values.Length; i++)
        {
            var expected = (float)Math.Exp(values[i]);
            if (float.IsInfinity(expected)) Assert.That(y[i], Is.EqualTo(expected));
            else Assert.That(y[i], Is.EqualTo(expected).Within(1e-44 + 4e-7 * expected), $"exp({values[i]})");
        }
    }

    [Test]
    public void Log_and_sqrt_meet_the_ends_of_their_ranges()
    {
        var x = _tape.Input([0f, -1f, float.PositiveInfinity], new Shape(3));
        Assert.That(x.Log().ToArray(), Is.EqualTo(new[] { float.NegativeInfinity, float.NaN, float.PositiveInfinity }));
        Assert.That(x.Sqrt().ToArray(), Is.EqualTo(new[] { 0f, float.NaN, float.PositiveInfinity }));
    }

    [Test]
    public void Scalar_twins_agree_with_the_lanes()
    {
        float[] values = [-12f, -3f, -0.7f, -0.3f, -0.01f, 0.01f, 0.3f, 0.7f, 3f, 12f];
        Compare(new ExpOp(), values);
        Compare(new TanhOp(), values);
        Compare(new SigmoidOp(), values);
        Compare(new SoftplusOp(), values);
        Compare(new GeluOp(), values);
        Compare(new EluOp(1.5f), values);
        Compare(new LeakyReluOp(0.1f), values);
        Compare(new AbsOp(), values);
        Compare(new LogOp(), values[5..]);
        Compare(new SqrtOp(), values[5..]);
    }

    private void Compare<TOp>(TOp op, float[] values) where TOp : unmanaged, IUnaryOp
    {
        var x = _tape.Variable(values, new Shape(values.Length));
        var y = _tape.Allocate(x.Shape);
        _device.UnaryForward(op, x, y);
        _tape.Record(y, (x, y), step => _device.UnaryBackward(op, step.x, step.y, step.y.Gradient!, step.x.Gradient!));
        _tape.Backward(y);
        var slopes = x.Gradient!.ToArray();
        for (var i = 0; i < values.Length; i++)
        {
            var expected = op.Forward(values[i]);
            Assert.That(y.ToArray()[i], Is.EqualTo(expected).Within(1e-6f * MathF.Abs(expected)), $"{TOp.Kernel}({values[i]})");
            Assert.That(slopes[i], Is.EqualTo(op.Derivative(values[i], expected)).Within(1e-6f), $"{TOp.Kernel}'({values[i]})");
        }
    }
}
