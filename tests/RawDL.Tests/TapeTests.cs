namespace RawDL.Tests;

public sealed class TapeTests
{
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
    public void Gradient_passes_through_views()
    {
        using var tape = new Tape(_device);
        var x = tape.Variable([1f, 2f, 3f, 4f], new Shape(2, 2));
        tape.Backward(x.Reshape(new Shape(4)).Square().Reshape(new Shape(2, 2)).Flatten().Multiply(3f).Sum());
        Assert.That(x.Gradient!.ToArray(), Is.EqualTo(new[] { 6f, 12f, 18f, 24f }));
    }

    [Test]
    public void What_an_earlier_step_left_in_memory_is_no_part_of_a_gradient()
    {
        using Tape used = new(_device), unused = new(_device);
        _ = Step(used, float.NaN);
        Assert.That(Step(used, 1f), Is.EqualTo(Step(unused, 1f)).And.All.Not.NaN);

        static float[] Step(Tape tape, float scale)
        {
            tape.Reset();
            float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => scale * (i * 37 % 129 - 64) / 64f)];
            var image = tape.Variable(Numbers(384), new Shape(2, 3, 8, 8));
            var rows = tape.Variable(Numbers(40), new Shape(5, 8));
            Tensor kernel = tape.Variable(Numbers(216), new Shape(8, 3, 3, 3)), weight = tape.Variable(Numbers(24), new Shape(8, 3)), other = tape.Variable(Numbers(24), new Shape(3, 8));
            // Read by a pass that overwrites and one that adds, in both orders; by two that overwrite; by none.
            Tensor x = image.Multiply(1.5f), y = image.Multiply(0.5f), h = rows.Multiply(2f);
            _ = rows.Square();
            var loss = x.Conv2dReluMaxPool2d(kernel).Sum().Add(x.Square().Sum()).Add(y.Square().Sum()).Add(y.Conv2dReluMaxPool2d(kernel).Sum())
                .Add(h.MatMul(weight).Square().Sum()).Add(h.MatMul(other, Transpose.Right).Sum());
            tape.Backward(loss);
            return [.. new[] { image, rows, kernel, weight, other }.SelectMany(one => one.Gradient!.ToArray())];
        }
    }

    [Test]
    public void Two_uses_add_their_gradients()
    {
        using var tape = new Tape(_device);
        var x = tape.Variable([2f], new Shape(1));
        tape.Backward(x.Square().Add(x.Multiply(5f)).Add(x));
        Assert.That(x.Gradient!.Item(), Is.EqualTo(4f + 5f + 1f));
    }

    [Test]
    public void Parameters_without_a_tape_gather_gradients()
    {
        using var tape = new Tape(_device);
        using var values = _device.Allocate(4);
        using var gradients = _device.Allocate(4);
        var bias = new Tensor(values, 1, new Shape(2)) { Gradient = new Tensor(gradients, 1, new Shape(2)) };
        bias.CopyFrom([10f, 20f]);
        bias.Gradient.CopyFrom([1f, 1f]);
        var y = tape.Input([1f, 2f, 3f, 4f, 5f, 6f], new Shape(3, 2)).Add(bias);
        Assert.That(y.ToArray(), Is.EqualTo(new[] { 11f, 22f, 13f, 24f, 15f, 26f }));
        tape.Backward(y.Sum());
        Assert.That(bias.Gradient.ToArray(), Is.EqualTo(new[] { 4f, 4f }));
    }

    [Test]
    public void Seed_scales_the_gradient()
    {
        using var tape = new Tape(_device);
        var x = tape.Variable([3f], new Shape(1));
        tape.Backward(x.Square(), 0.5f);
        Assert.That(x.Gradient!.Item(), Is.EqualTo(3f));
    }

    [Test]
    public void Inference_records_nothing()
    {
        using var tape = new Tape(_device, TapeMode.Inference);
        var x = tape.Variable([3f], new Shape(1));
        var y = x.Square();
        Assert.That((x.Gradient, y.Gradient, tape.IsTraining), Is.EqualTo(((Tensor?)null, (Tensor?)null, false)));
        Assert.That(y.Item(), Is.EqualTo(9f));
    }

    [Test]
    public void Weights_that_stay_are_packed_once_and_give_the_same_bits()
    {
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => (i * 37 % 129 - 64) / 63f)];
        using var kept = new Tape(_device, TapeMode.Inference);
        var variable = kept.Input(Numbers(150 * 300), new Shape(150, 300));
        Tensor weight = new(variable.Buffer, 0, variable.Shape), half = new(variable.Buffer, 0, new Shape(75, 300));
        using var plain = new Tape(_device, TapeMode.Inference);
        using (var tape = new Tape(_device, TapeMode.Inference) { FixedWeights = true })
        {
            Check(1);
            var allocations = _device.Allocations;
            // What is used once is not packed; then it is, once, for any number of rows.
            for (var i = 0; i < 3; i++) Check(1);
            Assert.That(_device.Allocations, Is.EqualTo(allocations + 1));
            Check(30);
            // A weight that lies at the same place but is another; and what belongs to a step and may change with it.
            Check(1, half);
            Check(1, half);
            Check(1, variable);
            Check(1, variable);

            void Check(int rows, Tensor? by = null)
            {
                by ??= weight;
                tape.Reset();
                plain.Reset();
                var y = tape.Input(Numbers(rows * 300), new Shape(rows, 300)).Linear(by);
                Assert.That(y.ToArray(), Is.EqualTo(plain.Input(Numbers(rows * 300), new Shape(rows, 300)).Linear(by).ToArray()));
            }
        }
        // Others are seen by the next tape, and by one that does not count on them at once.
        weight.Fill(1f);
        using var next = new Tape(_device, TapeMode.Inference) { FixedWeights = true };
        foreach (var tape in (Tape[])[next, plain, next])
            Assert.That(tape.Input(Enumerable.Repeat(1f, 300).ToArray(), new Shape(1, 300)).Linear(weight).ToArray(), Is.All.EqualTo(300f));
        Assert.That(() => new Tape(_device) { FixedWeights = true }, Throws.ArgumentException.With.Message.Contains("expected a tape for inference, got one for training"));
    }

    [Test]
    public void Reset_reuses_the_memory_of_the_step()
    {
        using var tape = new Tape(_device);
        Step(tape);
        var (allocations, bytes) = (_device.Allocations, _device.LiveBytes);
        for (var i = 0; i < 5; i++) Step(tape);
        Assert.That((_device.Allocations, _device.LiveBytes), Is.EqualTo((allocations, bytes)));
    }

    [Test]
    public void A_step_computes_the_same_in_used_memory()
    {
        using var tape = new Tape(_device);
        var first = Step(tape);
        Assert.That(Step(tape), Is.EqualTo(first));
    }

    // A baseline: 72 bytes measured, 48 of them the gradient that Step gives out.
    [Test]
    public void A_small_step_stays_within_its_managed_bytes()
    {
        using var tape = new Tape(_device);
        for (var i = 0; i < 3; i++) Step(tape);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Step(tape);
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Out.WriteLine($"managed bytes per step: {bytes}");
        Assert.That(bytes, Is.LessThanOrEqualTo(72));
    }

    [Test]
    public void Steps_of_other_operations_take_turns()
    {
        using var tape = new Tape(_device);
        var first = Step(tape);
        for (var i = 0; i < 2; i++)
        {
            tape.Reset();
            var x = tape.Variable([1f, 2f, 3f, 4f], new Shape(2, 2));
            tape.Backward(x.MatMul(x).Square().Reshape(new Shape(4)).Sum());
            Assert.That(x.Gradient!.ToArray(), Is.EqualTo(new[] { 158f, 274f, 266f, 482f }));
            Assert.That(Step(tape), Is.EqualTo(first));
        }
    }

    [Test]
    public void Kernels_allocate_no_managed_memory()
    {
        using var tape = new Tape(_device);
        var x = tape.Input(new float[40000], new Shape(4, 10000));
        var y = tape.Allocate(x.Shape);
        var b = tape.Input(new float[10000], new Shape(10000));
        Kernels();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Kernels();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Kernels()
        {
            _device.UnaryForward(new TanhOp(), x, y);
            _device.BinaryForward<AddOp>(new BroadcastGeometry(4, 10000, 1), x, b, y);
            _device.BinaryBackwardRight<AddOp>(new BroadcastGeometry(4, 10000, 1), x, b, y, b);
            _device.Sum(new ReduceGeometry(4, 10000, 1), x, b, 1f, Store.Overwrite);
            _device.SoftmaxForward(new ReduceGeometry(4, 10000, 1), SoftmaxKind.Softmax, x, y);
            _device.SumOfSquares(x);
        }
    }

    [Test]
    public void Operands_without_a_tape_are_refused()
    {
        using var buffer = _device.Allocate(2);
        var free = new Tensor(buffer, 0, new Shape(2));
        Assert.That(() => free.Add(free), Throws.InvalidOperationException.With.Message.EqualTo(
            "Tape.Of: expected an operand that was made by a tape, got only free tensors; bring the data in with Tape.Input."));
    }

    [Test]
    public void Backward_of_what_was_not_recorded_is_refused()
    {
        const string Message = "Tape.Backward: expected a loss recorded by this tape in training mode.";
        using var tape = new Tape(_device);
        using var other = new Tape(_device);
        using var inference = new Tape(_device, TapeMode.Inference);
        Assert.Multiple(() =>
        {
            Assert.That(() => tape.Backward(tape.Input([1f], new Shape(1))), Throws.InvalidOperationException.With.Message.EqualTo(Message));
            Assert.That(() => tape.Backward(other.Variable([1f], new Shape(1)).Square()), Throws.InvalidOperationException.With.Message.EqualTo(Message));
            Assert.That(() => inference.Backward(inference.Input([1f], new Shape(1)).Square()), Throws.InvalidOperationException.With.Message.EqualTo(Message));
        });
    }

    [Test]
    public void Input_of_another_length_is_refused()
    {
        using var tape = new Tape(_device);
        Assert.That(() => tape.Input([1f, 2f], new Shape(3)),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("Tape.Input: expected 3 elements for [3], got 2."));
    }

    private static float[] Step(Tape tape)
    {
        tape.Reset();
        var x = tape.Variable([1f, -2f, 3f, 0.5f, 0f, 1f], new Shape(2, 3));
        var b = tape.Variable([0.1f, 0.2f, 0.3f], new Shape(3));
        var loss = x.Add(b).Tanh().Multiply(2f).SoftmaxCrossEntropy(tape.Labels([1, 2]));
        tape.Backward(loss);
        var gradient = new float[6];
        x.Gradient!.CopyTo(gradient);
        return gradient;
    }
}
