using FsCheck;
using FsCheck.Fluent;
using RawDL.TestKit;

namespace RawDL.Tests;

/// <summary>
/// Operations at random geometries: each case is a row like those of the operation table, so output, gradients, accumulation and adjoint are
/// held against naive loops in double, and two threads must give the bits of one.
/// </summary>
public sealed partial class OpProperties
{
    private CpuDevice _one = null!, _two = null!;

    [SetUp]
    public void CreateDevices() => (_one, _two) = (new CpuDevice(1), new CpuDevice(2));

    [TearDown]
    public void DisposeDevices()
    {
        _one.Dispose();
        _two.Dispose();
        Assert.That((_one.LiveBytes, _two.LiveBytes), Is.EqualTo((0L, 0L)));
    }

    private void Check(OpCase row)
    {
        Assert.That(OpCheck.Run(row, _one).Failures, Is.Empty, row.Name);
        var (expected, actual) = (OpCheck.Evaluate(row, _one), OpCheck.Evaluate(row, _two));
        Assert.That(Law.Bits(actual.Output), Is.EqualTo(Law.Bits(expected.Output)), row.Name);
        Assert.That(actual.Gradients.Select(Law.Bits), Is.EqualTo(expected.Gradients.Select(Law.Bits)), row.Name);
    }

    // Now and then long enough for several chunks of work.
    private static readonly Gen<int[]> s_extents =
        from rank in Gen.Choose(0, Shape.MaxRank)
        from extents in Gen.Choose(0, 6).ArrayOf(rank)
        from stretch in Gen.Frequency((9, Gen.Constant(0)), (1, Gen.Choose(0, CpuDevice.ChunkLength)))
        select Stretched(extents, stretch);

    private static int[] Stretched(int[] extents, int stretch)
    {
        if (stretch == 0 || extents.Length == 0) return extents;
        var at = stretch % extents.Length;
        extents[at] = 0;
        extents[at] = stretch / Math.Max(1, extents.Where((extent, i) => i != at && extent > 0).Aggregate(1, (x, y) => x * y));
        return extents;
    }

    [Test]
    public void Add_and_Multiply_broadcast_as_the_naive_loops_do() => Law.Holds(
        from extents in s_extents
        from form in Gen.Choose(0, 2)
        from ones in Gen.Choose(0, Shape.MaxRank)
        from multiply in Gen.Elements(false, true)
        select (extents, form, ones, multiply), ((int[] Extents, int Form, int Ones, bool Multiply) c) =>
    {
        var a = new Shape(c.Extents);
        // The same shape, one element, or one per channel.
        var (b, outer, channels, inner) = c.Form switch
        {
            0 => (a, 1, a.Count, 1),
            1 => (new Shape(Enumerable.Repeat(1, c.Ones).ToArray()), 1, 1, a.Count),
            _ when a.Rank >= 2 => (new Shape(a[1]), a[0], a[1], a.Product(2, a.Rank)),
            _ => (a, 1, a.Count, 1),
        };
        Check(new OpCase($"{(c.Multiply ? "multiply" : "add")} {a} {b}", [a, b],
            x => c.Multiply ? x[0].Multiply(x[1]) : x[0].Add(x[1]),
            x => Oracle.Broadcast(x[0], x[1], outer, channels, inner, (p, q) => c.Multiply ? p * q : p + q))
        { Integers = true, Low = -2, High = 2 });
    });

    [Test]
    public void Slice_of_random_ranges() => Law.Holds(
        from extents in s_extents.Where(extents => extents.Length > 0)
        from dimension in Gen.Choose(0, extents.Length - 1)
        from start in Gen.Choose(0, extents[dimension])
        from count in Gen.Choose(0, extents[dimension] - start)
        select (extents, dimension, start, count), ((int[] Extents, int Dimension, int Start, int Count) c) =>
    {
        var x = new Shape(c.Extents);
        Check(new OpCase($"slice {x} {c.Dimension} {c.Start} {c.Count}", [x], t => t[0].Slice(c.Dimension, c.Start, c.Count),
            v => Oracle.Slice(v[0], x.Product(0, c.Dimension), x[c.Dimension], x.Product(c.Dimension + 1, x.Rank), c.Start, c.Count))
        { Integers = true, Linear = true });
    });

    [Test]
    public void Slices_of_a_concatenation_are_its_parts() => Law.Holds(
        from extents in s_extents.Where(extents => extents.Length > 0)
        from dimension in Gen.Choose(0, extents.Length - 1)
        from count in Gen.Choose(1, 5)
        from parts in Gen.Choose(0, 4).ArrayOf(count)
        select (extents, dimension, parts), ((int[] Extents, int Dimension, int[] Parts) c) =>
    {
        var shapes = Array.ConvertAll(c.Parts, part => new Shape([.. c.Extents[..c.Dimension], part, .. c.Extents[(c.Dimension + 1)..]]));
        var outer = shapes[0].Product(0, c.Dimension);
        var inner = shapes[0].Product(c.Dimension + 1, shapes[0].Rank);
        Check(new OpCase($"concatenate {string.Join(' ', shapes)} {c.Dimension}", shapes,
            x => TensorOps.Concatenate(x, c.Dimension), x => Oracle.Concatenate(x, outer, c.Parts, inner))
        { Integers = true });

        using var tape = new Tape(_two);
        var values = shapes.Select((shape, i) => Law.Numbers(i, shape.Count)).ToArray();
        var joined = TensorOps.Concatenate([.. shapes.Select((shape, i) => tape.Input(values[i], shape))], c.Dimension - shapes[0].Rank);
        for (int i = 0, start = 0; i < shapes.Length; start += c.Parts[i++])
            Assert.That(joined.Slice(c.Dimension, start, c.Parts[i]).ToArray(), Is.EqualTo(values[i]));
    });

    [Test]
    public void The_middle_of_a_padded_image_is_the_image() => Law.Holds(
        from extents in Gen.Choose(0, 5).ArrayOf(4)
        from sides in Gen.Choose(0, 4).ArrayOf(4)
        select (extents, sides), ((int[] Extents, int[] Sides) c) =>
    {
        var x = new Shape(c.Extents);
        var (top, bottom, left, right) = (c.Sides[0], c.Sides[1], c.Sides[2], c.Sides[3]);
        Check(new OpCase($"pad {x} {top} {bottom} {left} {right}", [x], t => t[0].Pad(top, bottom, left, right),
            v => Oracle.Pad(v[0], x[0] * x[1], x[2], x[3], top, bottom, left, right))
        { Integers = true, Linear = true });
        Check(new OpCase($"slice of pad {x} {top} {bottom} {left} {right}", [x],
            t => t[0].Pad(top, bottom, left, right).Slice(2, top, x[2]).Slice(-1, left, x[3]), v => v[0])
        { Integers = true, Linear = true });
    });
}
