using FsCheck;
using FsCheck.Fluent;
using RawDL.TestKit;

namespace RawDL.Tests;

public sealed partial class OpProperties
{
    private static readonly Gen<(int Height, int Width)> s_strides = Gen.Frequency((3, Gen.Constant(1)), (4, Gen.Choose(1, 4))).Two();

    // Now and then whole windows lie in the padding.
    private static readonly Gen<(int Height, int Width)> s_paddings = Gen.Frequency((3, Gen.Constant(0)), (5, Gen.Choose(0, 3)), (1, Gen.Choose(0, 12))).Two();

    private static readonly Gen<(Shape X, Shape Weight, Conv2dOptions Options)> s_convolution =
        from batch in Gen.Choose(0, 3)
        from groups in Gen.Frequency((3, Gen.Constant(1)), (1, Gen.Choose(2, 3)))
        from inputs in Gen.Frequency((9, Gen.Choose(1, 3)), (1, Gen.Constant(0)))
        from outputs in Gen.Frequency((9, Gen.Choose(1, 4)), (1, Gen.Constant(0)))
        from kernel in Gen.Choose(1, 4).Two()
        from stride in s_strides
        from padding in s_paddings
        from dilation in Gen.Frequency((3, Gen.Constant(1)), (2, Gen.Choose(1, 3))).Two()
        from room in Gen.Choose(0, 7).Two()
        select (new Shape(batch, inputs * groups, Extent(kernel.Item1, padding.Height, dilation.Item1, room.Item1), Extent(kernel.Item2, padding.Width, dilation.Item2, room.Item2)),
            new Shape(outputs * groups, inputs, kernel.Item1, kernel.Item2),
            new Conv2dOptions { Stride = stride, Padding = padding, Dilation = dilation, Groups = groups });

    // The smallest extent that the kernel fits on, and some more.
    private static int Extent(int kernel, int padding, int dilation, int room) => Math.Max(0, dilation * (kernel - 1) + 1 - 2 * padding) + room;

    [Test]
    public void Convolutions_without_bias_are_linear_and_have_their_adjoint() => Law.Holds(s_convolution, c =>
    {
        var geometry = Conv2dGeometry.Resolve(c.X, c.Weight, null, c.Options);
        Check(new OpCase($"conv2d {geometry}", [c.X, c.Weight], x => x[0].Conv2d(x[1], null, c.Options),
            x => Oracle.Conv2d(x[0], x[1], new double[c.Weight[0]], geometry))
        { Integers = true, Linear = true });
    });

    [Test]
    public void Convolutions_with_bias_are_those_of_the_naive_loops() => Law.Holds(s_convolution, c =>
    {
        var geometry = Conv2dGeometry.Resolve(c.X, c.Weight, new Shape(c.Weight[0]), c.Options);
        Check(new OpCase($"conv2d with bias {geometry}", [c.X, c.Weight, new(c.Weight[0])], x => x[0].Conv2d(x[1], x[2], c.Options),
            x => Oracle.Conv2d(x[0], x[1], x[2], geometry))
        { Integers = true });
    }, 100);

    private static readonly Gen<(Shape X, Pool2dGeometry Geometry)> s_pooling =
        from planes in Gen.Choose(0, 4).Two()
        from kernel in Gen.Frequency((2, Gen.Constant(2)), (3, Gen.Choose(1, 5))).Two()
        from stride in s_strides
        from top in Gen.Choose(0, kernel.Item1 / 2)
        from left in Gen.Choose(0, kernel.Item2 / 2)
        from room in Gen.Frequency((4, Gen.Choose(0, 6)), (1, Gen.Choose(0, 20))).Two()
        let x = new Shape(planes.Item1, planes.Item2, Math.Max(1, kernel.Item1 - 2 * top) + room.Item1, Math.Max(1, kernel.Item2 - 2 * left) + room.Item2)
        select (x, Pool2dGeometry.Resolve("pool", x, kernel, stride, (top, left)));

    [Test]
    public void Poolings_are_those_of_the_naive_loops() => Law.Holds(s_pooling, c =>
    {
        var g = c.Geometry;
        (int, int) kernel = (g.KernelHeight, g.KernelWidth), stride = (g.StrideHeight, g.StrideWidth), padding = (g.PaddingHeight, g.PaddingWidth);
        var largest = new OpCase($"max_pool2d {c.X} {g}", [c.X], x => x[0].MaxPool2d(kernel, stride, padding), x => Oracle.MaxPool2d(x[0], g));
        Check(largest);
        // Many equal values: there is no derivative, but one place, and the same on all threads.
        Check(largest with { Integers = true, Low = -1, High = 1, Differentiable = false });
        Check(new OpCase($"average_pool2d {c.X} {g}", [c.X], x => x[0].AveragePool2d(kernel, stride, padding), x => Oracle.AveragePool2d(x[0], g)) { Linear = true });
    });

    [Test]
    public void Products_of_matrices_are_those_of_the_naive_loops() => Law.Holds(
        from extents in Gen.Choose(0, 9).ArrayOf(3)
            // Around the tiles and blocks of the kernel.
        from stretched in Gen.Choose(0, 5)
        from extent in Gen.OneOf(Gen.Choose(10, 34), Gen.Choose(127, 130), Gen.Choose(255, 259))
        from transpose in Gen.Elements(Enum.GetValues<Transpose>())
        select (extents.Select((e, i) => i == stretched ? extent : e).ToArray(), transpose), ((int[] Extents, Transpose Transpose) c) =>
    {
        var (rows, columns, inner) = (c.Extents[0], c.Extents[1], c.Extents[2]);
        var (left, right) = (c.Transpose.HasFlag(Transpose.Left), c.Transpose.HasFlag(Transpose.Right));
        Shape a = left ? new(inner, rows) : new(rows, inner), b = right ? new(columns, inner) : new(inner, columns);
        Check(new OpCase($"matmul {a} {b} {c.Transpose}", [a, b], x => x[0].MatMul(x[1], c.Transpose), x => Oracle.MatMul(x[0], x[1], rows, columns, inner, left, right))
        { Integers = true, Linear = true });
        // (A·B)ᵀ = Bᵀ·Aᵀ.
        using var tape = new Tape(_two);
        Tensor first = tape.Input(Law.Numbers(1, a.Count), a), second = tape.Input(Law.Numbers(2, b.Count), b);
        var product = first.MatMul(second, c.Transpose).ToArray();
        var swapped = second.MatMul(first, (right ? Transpose.None : Transpose.Left) | (left ? Transpose.None : Transpose.Right)).ToArray();
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) Assert.That(swapped[j * rows + i], Is.EqualTo(product[i * columns + j]));
    });
}
