using RawDL.TestKit;

namespace RawDL.Cuda.Tests;

/// <summary>Shapes that the operation table is too small for: several pieces of a sum, a block per row, vectors of four. Against the CPU, in every order of threads.</summary>
internal sealed class ParityTests : EmulatedFixture
{
    private static IEnumerable<OpCase> Cases
    {
        get
        {
            foreach (var (a, b) in ((Shape, Shape)[])[(new(300, 20), new(20)), (new(7, 260), new(260)), (new(3, 4, 8, 2), new(4)), (new(2, 3, 64, 65), new(3)), (new(9000), new(1)), (new(60, 20), new(60, 20))])
            {
                yield return new($"multiply {a} {b}", [a, b], x => x[0].Multiply(x[1]), None);
                yield return new($"divide {a} {b}", [a, b], x => x[0].Divide(x[1]), None) { Low = 0.5f };
                yield return new($"subtract {a} {b}", [a, b], x => x[0].Subtract(x[1]), None);
            }
            foreach (var shape in (Shape[])[new(3, 2, 40, 41), new(40, 3, 17, 19), new(9000, 2), new(2, 70)])
            {
                yield return new($"batch_norm {shape}", [shape, new(shape[1]), new(shape[1])], x => x[0].BatchNorm(x[1], x[2], Free(x[0], shape[1]), Free(x[0], shape[1])), None);
                yield return new($"batch_norm far from 0 {shape}", [shape, new(shape[1]), new(shape[1])],
                    x => x[0].Add(1000f).BatchNorm(x[1], x[2], Free(x[0], shape[1]), Free(x[0], shape[1])), None);
                yield return new($"batch_norm_inference {shape}", [shape, new(shape[1]), new(shape[1])], x => x[0].BatchNorm(x[1], x[2], x[1], x[2]), None)
                { Low = 0.2f, Mode = TapeMode.Inference };
            }
            foreach (var shape in (Shape[])[new(300, 5), new(300, 40), new(20, 1500), new(3, 4, 700)])
                yield return new($"layer_norm {shape}", [shape, shape.Sample(), shape.Sample()], x => x[0].LayerNorm(x[1], x[2]), None);
            foreach (var shape in (Shape[])[new(3, 2000), new(20, 1024), new(20, 1025), new(2, 3000, 5), new(50, 2, 33)])
            {
                yield return new($"softmax {shape}", [shape], x => x[0].Softmax(1), None);
                yield return new($"log_softmax {shape}", [shape], x => x[0].LogSoftmax(1), None);
                yield return new($"sum {shape}", [shape], x => x[0].Sum(1), None);
                yield return new($"mean {shape}", [shape], x => x[0].Mean(0), None);
                yield return new($"whole mean {shape}", [shape], x => x[0].Mean(), None);
            }
            foreach (var classes in (int[])[10, 1024, 1100])
                yield return new($"softmax_cross_entropy {classes}", [new(20, classes)],
                    x => x[0].SoftmaxCrossEntropyPerSample(x[0].Tape!.Labels([.. Enumerable.Range(0, 20).Select(i => i * 53 % classes)]), 0.1f), None);
            yield return new("max_pool2d", [new(2, 3, 17, 19)], x => x[0].MaxPool2d((3, 3), (2, 2), (1, 1)), None);
            yield return new("average_pool2d", [new(2, 3, 17, 19)], x => x[0].AveragePool2d((3, 2), (2, 3), (1, 1)), None);
        }
    }

    private static double[] None(double[][] x) => [];

    private static Tensor Free(Tensor x, int count) => x.Tape!.AllocateZero(new Shape(count));

    [TestCaseSource(nameof(Cases))]
    public void Values_are_close_to_those_of_the_cpu_and_the_same_in_every_order(OpCase row)
    {
        using var cpu = new CpuDevice(1);
        var (expected, actual) = (OpCheck.Evaluate(row, cpu), OpCheck.Evaluate(row, Device));
        // Of 1000 + x there are no more than 14 bits of x.
        var limit = row.Name.Contains("far", StringComparison.Ordinal) ? 1e-6 : 1e-11;
        Close(actual.Output, expected.Output, limit);
        for (var i = 0; i < expected.Gradients.Length; i++) Close(actual.Gradients[i], expected.Gradients[i], limit);
        foreach (var order in (ThreadOrder[])[ThreadOrder.Reverse, ThreadOrder.Random])
        {
            Order(order, 3);
            var again = OpCheck.Evaluate(row, Device);
            Order(ThreadOrder.Forward);
            Assert.That(Bits(again.Output).AsSpan().SequenceEqual(Bits(actual.Output)), $"{order}");
            for (var i = 0; i < actual.Gradients.Length; i++) Assert.That(Bits(again.Gradients[i]).AsSpan().SequenceEqual(Bits(actual.Gradients[i])), $"{order}, gradient {i}");
        }
    }

    [Test]
    public void Running_statistics_are_those_of_the_cpu([Values(1, 2, 5000)] int rows)
    {
        using var cpu = new CpuDevice(1);
        var (expected, actual) = (Run(cpu), Run(Device));
        Assert.That(actual, Is.EqualTo(expected).Within(1e-6f));

        float[] Run(Device device)
        {
            using var tape = new Tape(device);
            var values = new float[2 * rows];
            for (var i = 0; i < values.Length; i++) values[i] = (i * 29 % 101 - 50) / 25f;
            var (mean, variance) = (tape.Input([0.5f, -0.5f], new Shape(2)), tape.Input([2f, 3f], new Shape(2)));
            var y = tape.Variable(values, new Shape(rows, 2)).BatchNorm(tape.Input([1f, 2f], new Shape(2)), tape.Input([0f, 1f], new Shape(2)), mean, variance, 0.3f);
            return [.. mean.ToArray(), .. variance.ToArray(), .. y.ToArray()];
        }
    }

    [Test]
    public void Launches_allocate_nothing()
    {
        using var tape = new Tape(Device);
        Tensor x = tape.AllocateZero(new Shape(40, 30)), y = tape.AllocateZero(x.Shape), dy = tape.AllocateZero(x.Shape), dx = tape.AllocateZero(x.Shape);
        Tensor row = tape.AllocateZero(new Shape(30)), column = tape.AllocateZero(new Shape(40)), statistics = tape.AllocateZero(new Shape(80)), labels = tape.Labels(new int[40]);
        var norm = new NormGeometry(40, 30, 1, 1e-5f);
        long before = 0;
        for (var i = 0; i < 4; i++)
        {
            if (i == 2) before = GC.GetAllocatedBytesForCurrentThread();
            Device.Fill(dx, 0f);
            Device.Region(new RegionGeometry(1, 1, 40, 30, 0, 0, 0, 30, 1, 0, 0, 0, 30, 1), x, y, Store.Overwrite);
            Device.UnaryForward(new ReluOp(), x, y);
            Device.UnaryBackward(new LeakyReluOp(0.1f), x, y, dy, dx);
            Device.BinaryForward<AddOp>(new BroadcastGeometry(40, 30, 1), x, row, y);
            Device.BinaryBackwardLeft<AddOp>(new BroadcastGeometry(40, 30, 1), x, row, dy, dx);
            Device.BinaryBackwardRight<AddOp>(new BroadcastGeometry(40, 30, 1), x, row, dy, row);
            Device.BinaryBackwardRight<AddOp>(new BroadcastGeometry(1, 40, 30), x, column, dy, column);
            Device.Sum(new ReduceGeometry(40, 30, 1), x, column, 1f, Store.Overwrite);
            Device.SumBackward(new ReduceGeometry(40, 30, 1), column, dx, 1f);
            Device.SumOfSquares(x);
            Device.BatchNormForward(norm, x, row, row, row, row, 0.1f, statistics, y);
            Device.BatchNormBackward(norm, x, row, statistics, dy, dx, row, row);
            Device.LayerNormForward(norm, x, row, row, statistics, y);
            Device.LayerNormBackward(norm, x, row, statistics, dy, dx, row, row);
            Device.Dropout(new DropoutGeometry(1200, 0.5f, 1, 2, 3, 0), x, y, Store.Overwrite);
            Device.SoftmaxForward(new ReduceGeometry(40, 30, 1), SoftmaxKind.Softmax, x, y);
            Device.SoftmaxCrossEntropyForward(new CrossEntropyGeometry(40, 30, 0f), x, labels, y, column);
            Device.SoftmaxCrossEntropyBackward(new CrossEntropyGeometry(40, 30, 0f), labels, y, column, dx);
        }
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static void Close(float[] actual, float[] expected, double limit) =>
        Assert.That(OpCheck.Nmse(actual, Array.ConvertAll(expected, v => (double)v)), Is.LessThanOrEqualTo(limit));
}
