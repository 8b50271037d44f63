using RawDL.TestKit;

namespace RawDL.Cuda.Tests;

/// <summary>Lengths where loops go wrong: 0, 1, around the vector of four, the warp, the block, the block's vectors, and the largest grid of a grid-stride loop.</summary>
internal sealed class LengthTests : EmulatedFixture
{
    private static readonly int[] Lengths = [0, 1, 3, 4, 5, 31, 32, 33, 255, 256, 257, 1023, 1024, 1025, 16385];

    [Test]
    public void Unary_holds([ValueSource(typeof(OpCases), nameof(OpCases.Unary))] OpCase row, [ValueSource(nameof(Lengths))] int length) =>
        Assert.That(LengthCheck.Run(row, length, Device), Is.Empty);

    // 4 multiprocessors · 32 blocks · 256 threads · 4 elements are 131072.
    [TestCase(131071)]
    [TestCase(131073)]
    [TestCase(300001)]
    public void Grid_stride_reaches_every_element(int length)
    {
        using var tape = new Tape(Device);
        var x = tape.Variable(new float[length], new Shape(length));
        var y = x.Add(1.5f);
        tape.Backward(y);
        Assert.That(y.ToArray(), Is.All.EqualTo(1.5f));
        Assert.That(x.Gradient!.ToArray(), Is.All.EqualTo(1f));
    }

    // A view that begins off the alignment of vectors.
    [Test]
    public void Views_hold([Range(0, 5)] int offset)
    {
        using var tape = new Tape(Device);
        var x = tape.Input([.. Enumerable.Range(0, 40).Select(i => (float)i)], new Shape(40));
        var view = tape.Allocate(new Shape(40));
        view.Fill(-1f);
        var (from, to) = (new Tensor(x.Buffer, x.Offset + offset, new Shape(30)), new Tensor(view.Buffer, view.Offset + offset, new Shape(30)));
        Device.UnaryForward(new ScaleOp(2f), from, to);
        Assert.That(view.ToArray(), Is.EqualTo(Enumerable.Range(0, 40).Select(i => i >= offset && i < offset + 30 ? 2f * i : -1f)));
    }

    [Test]
    public void Sum_is_exact([Values(0, 1, 4, 8, 9, 33, 257, 1025, 5001)] int length, [Values(1, 2, 33, 300)] int columns, [Values] Store store)
    {
        using var tape = new Tape(Device);
        var values = new float[length * columns];
        for (var i = 0; i < values.Length; i++) values[i] = i % 7 - 3;
        var x = tape.Input(values, new Shape(length, columns));
        var whole = (float)values.Sum(v => (double)v);
        Assert.That(x.Sum().Item(), Is.EqualTo(whole));
        if (values.Length == 0) Assert.That(x.Sum(1).ToArray(), Has.Length.EqualTo(length).And.All.Zero);
        var (rows, sums) = (new double[length], new double[columns]);
        for (var i = 0; i < values.Length; i++)
        {
            rows[i / columns] += values[i];
            sums[i % columns] += values[i];
        }
        Check(new ReduceGeometry(1, length, columns), sums);
        Check(new ReduceGeometry(length, columns, 1), rows);

        void Check(ReduceGeometry geometry, double[] expected)
        {
            var y = tape.Allocate(new Shape(expected.Length));
            y.Fill(5f);
            Device.Sum(geometry, x, y, 2f, store);
            Assert.That(y.ToArray(), Is.EqualTo(expected.Select(v => (float)(2 * v + (store == Store.Add ? 5 : 0)))));
        }
    }

    [Test]
    public void Softmax_sums_to_one([ValueSource(nameof(Lengths))] int length)
    {
        using var tape = new Tape(Device);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = i % 11 - 500f;
        var y = tape.Input(values, new Shape(length)).Softmax().ToArray();
        Assert.That(y.Sum(v => (double)v), Is.EqualTo(length == 0 ? 0 : 1).Within(1e-5));
    }

    [Test]
    public void Sum_of_squares_is_accurate([ValueSource(nameof(Lengths))] int length)
    {
        using var tape = new Tape(Device);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = (i % 7 - 3) * 1e10f;
        Assert.That(tape.Input(values, new Shape(length)).SumOfSquares(), Is.EqualTo(values.Sum(v => (double)v * v)).Within(1e-9).Percent);
    }
}
