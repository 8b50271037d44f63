using FsCheck;
using FsCheck.Fluent;

namespace RawDL.Tests;

/// <summary>Every operation at random shapes and numbers, most of which do not fit: it works, backward pass included, or refuses in one line.</summary>
public sealed class WrongShapeProperties
{
    private static readonly int[] s_numbers = [0, 0, 1, 1, 2, 2, 3, -1, -2, int.MaxValue, int.MaxValue - 1, 1 << 30, int.MinValue];

    private static readonly (string Name, int Inputs, Func<Tensor[], int[], Tensor> Apply)[] s_operations =
    [
        ("Add", 2, (x, n) => x[0].Add(x[1])),
        ("AveragePool2d", 1, (x, n) => x[0].AveragePool2d((n[0], n[1]), (n[2], n[3]), (n[4], n[5]))),
        ("BatchNorm", 5, (x, n) => x[0].BatchNorm(x[1], x[2], x[3], x[4])),
        ("BinaryCrossEntropyWithLogits", 2, (x, n) => x[0].BinaryCrossEntropyWithLogits(x[1])),
        ("Concatenate", 3, (x, n) => TensorOps.Concatenate(x, n[0])),
        ("Conv2d", 3, (x, n) => x[0].Conv2d(x[1], x[2], new Conv2dOptions { Stride = (n[0], n[1]), Padding = (n[2], n[3]), Dilation = (n[4], n[5]), Groups = n[6] })),
        ("Divide", 2, (x, n) => x[0].Divide(x[1])),
        ("Dropout", 1, (x, n) => x[0].Dropout(0.5f, (ulong)n[0])),
        ("Flatten", 1, (x, n) => x[0].Flatten()),
        ("Gelu", 1, (x, n) => x[0].Gelu()),
        ("GlobalAveragePool", 1, (x, n) => x[0].GlobalAveragePool()),
        ("Hinge", 2, (x, n) => x[0].Hinge(x[1])),
        ("LayerNorm", 3, (x, n) => x[0].LayerNorm(x[1], x[2])),
        ("Linear", 3, (x, n) => x[0].Linear(x[1], x[2])),
        ("LocalResponseNorm", 1, (x, n) => x[0].LocalResponseNorm(Math.Max(1, n[0]))),
        ("LogSoftmax", 1, (x, n) => x[0].LogSoftmax(n[0])),
        ("MatMul", 2, (x, n) => x[0].MatMul(x[1], (Transpose)(n[0] & 3))),
        ("MaxPool2d", 1, (x, n) => x[0].MaxPool2d((n[0], n[1]), (n[2], n[3]), (n[4], n[5]))),
        ("Mean of a dimension", 1, (x, n) => x[0].Mean(n[0])),
        ("Mean", 1, (x, n) => x[0].Mean()),
        ("MeanSquaredError", 2, (x, n) => x[0].MeanSquaredError(x[1])),
        ("Pad", 1, (x, n) => x[0].Pad(n[0], n[1], n[2], n[3])),
        ("Reshape", 1, (x, n) => x[0].Reshape(new Shape(n.AsSpan(0, n[6] & 3)))),
        ("Slice", 1, (x, n) => x[0].Slice(n[0], n[1], n[2])),
        ("Softmax", 1, (x, n) => x[0].Softmax(n[0])),
        ("SoftmaxCrossEntropy", 1, (x, n) => x[0].SoftmaxCrossEntropy(x[0].Tape!.Labels(new int[n[0] & 3]))),
        ("Sum of a dimension", 1, (x, n) => x[0].Sum(n[0])),
        ("Sum", 1, (x, n) => x[0].Sum()),
    ];

    // Extents of 1 are rare, so that a padding of 2^30 makes no shape that is possible and gigabytes large.
    private static readonly Gen<Shape> s_shape =
        from rank in Gen.Choose(0, 4)
        from extents in Gen.Frequency((1, Gen.Constant(0)), (5, Gen.Constant(2)), (3, Gen.Constant(3)), (1, Gen.Constant(5))).ArrayOf(rank)
        select new Shape(extents);

    // Half of the inputs take the shape of the one before, or a part of it, so that many cases fit.
    private static readonly Gen<Shape[]> s_shapes =
        from drawn in s_shape.ArrayOf(5)
        from relation in Gen.Choose(0, 5).ArrayOf(5)
        select Related(drawn, relation);

    private static Shape[] Related(Shape[] shapes, int[] relation)
    {
        for (var i = 1; i < shapes.Length; i++)
            shapes[i] = relation[i] switch
            {
                0 => shapes[i - 1],
                1 when shapes[0].Rank >= 2 => new Shape(shapes[0][1]),
                2 when shapes[0].Rank >= 1 => shapes[0].Sample(),
                3 when shapes[1].Rank >= 1 => new Shape(shapes[1][0]),
                _ => shapes[i],
            };
        return shapes;
    }

    [TestCaseSource(nameof(Names))]
    public void Works_or_refuses(string name)
    {
        var (_, inputs, apply) = s_operations.Single(operation => operation.Name == name);
        using var device = new CpuDevice(2);
        using var tape = new Tape(device);
        int refused = 0, empty = 0;
        Law.Holds(
            from shapes in s_shapes
            from numbers in Gen.Frequency((3, Gen.Choose(0, 3)), (1, Gen.Elements(s_numbers))).ArrayOf(7)
            select (shapes[..inputs], numbers), ((Shape[] Shapes, int[] Numbers) c) =>
        {
            tape.Reset();
            var x = c.Shapes.Select((shape, i) => tape.Variable(Law.Numbers(i, shape.Count), shape)).ToArray();
            Tensor? y = null;
            if (Law.Refuses<ShapeException>(() => y = apply(x, c.Numbers)))
            {
                refused++;
                return;
            }
            if (y!.Count == 0) empty++;
            tape.Backward(y);
            Assert.That(y.ToArray(), Has.Length.EqualTo(y.Shape.Count));
        }, 1000, name);
        TestContext.Out.WriteLine($"refused: {refused}, empty results: {empty}");
        tape.Dispose();
        device.Dispose();
        Assert.That(device.LiveBytes, Is.Zero);
    }

    [Test]
    public void Extents_beyond_31_bits_are_refused()
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device);
        var x = tape.AllocateZero(new Shape(1, 1, 2, 2));
        var empty = tape.Allocate(new Shape(int.MaxValue, 0));
        const int Most = int.MaxValue;
        Assert.Multiple(() =>
        {
            Refused(() => x.Pad(0, 0, Most, Most), "Pad: expected at most 2147483647 rows and columns, got 2x4294967296 for x [1, 1, 2, 2].");
            Refused(() => x.Conv2d(x, null, new Conv2dOptions { Padding = (Most, 0) }),
                "Conv2d: expected a padded image of at most 2147483647 elements, got 1x4294967296x2 for x [1, 1, 2, 2] (padding 2147483647x0).");
            Refused(() => x.Conv2d(x, null, new Conv2dOptions { Padding = (1 << 20, 1 << 20), Stride = (1 << 20, 1 << 20) }),
                "Conv2d: expected a padded image of at most 2147483647 elements, got 1x2097154x2097154 for x [1, 1, 2, 2] (padding 1048576x1048576).");
            Refused(() => x.AveragePool2d((65536, 65536), (1, 1), (32768, 32768)),
                "AveragePool2d: expected a padded image of at most 2147483647 elements, got 65538x65538 for x [1, 1, 2, 2] (padding 32768x32768).");
            Refused(() => x.Conv2d(tape.Allocate(new Shape(0, 5, 1, 1)), null, new Conv2dOptions { Groups = 858993460 }),
                "Conv2d: weight [0, 5, 1, 1] expects 4294967300 input channels in 858993460 groups, got 1 in x [1, 1, 2, 2].");
            Refused(() => TensorOps.Concatenate([empty, empty, empty], 0), "Concatenate: expected an extent of at most 2147483647 in dimension 0, got 6442450941.");
        });

        static void Refused(Action code, string message) => Assert.That(code, Throws.TypeOf<ShapeException>().With.Message.EqualTo(message));
    }

    private static IEnumerable<string> Names => s_operations.Select(operation => operation.Name);
}
