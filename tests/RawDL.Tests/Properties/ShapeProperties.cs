using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace RawDL.Tests;

/// <summary>The laws of shapes, possible and impossible ones.</summary>
public sealed class ShapeProperties
{
    private static readonly Gen<int[]> s_extents =
        from rank in Gen.Choose(0, Shape.MaxRank)
        from extents in Gen.Choose(0, 9).ArrayOf(rank)
        select extents;

    // The square of 46341 is the first above 2^31 - 1.
    private static readonly Gen<int[]> s_any =
        from rank in Gen.Choose(0, 6)
        from extents in Gen.Elements(0, 0, 1, 2, 3, 7, 255, 46340, 46341, 65536, int.MaxValue, -1, int.MinValue).ArrayOf(rank)
        select extents;

    private static BigInteger Volume(IEnumerable<int> extents) => extents.Aggregate(BigInteger.One, (product, extent) => product * extent);

    private static bool IsPossible(int[] extents) =>
        extents.Length <= Shape.MaxRank && extents.All(extent => extent >= 0) && Volume(extents.Where(extent => extent > 0)) <= int.MaxValue;

    [Test]
    public void Extents_come_back() => Law.Holds(s_extents, extents =>
    {
        var shape = new Shape(extents);
        Assert.That(shape.Rank, Is.EqualTo(extents.Length));
        Assert.That(shape.ToArray(), Is.EqualTo(extents));
        Assert.That((BigInteger)shape.Count, Is.EqualTo(Volume(extents)));
        Assert.That(shape.ToString(), Is.EqualTo($"[{string.Join(", ", extents)}]"));
        for (var i = 0; i < shape.Rank; i++) Assert.That((shape[i], shape[i - shape.Rank]), Is.EqualTo((extents[i], extents[i])));
    });

    [Test]
    public void Equality_is_that_of_the_extents() => Law.Holds(s_extents.Two(), pair =>
    {
        foreach (var (a, b) in ((int[], int[])[])[pair, (pair.Item1, [.. pair.Item1])])
        {
            var equal = a.SequenceEqual(b);
            var (left, right) = (new Shape(a), new Shape(b));
            Assert.That((left == right, left != right, left.Equals((object)right), left.ToString() == right.ToString()), Is.EqualTo((equal, !equal, equal, equal)));
            if (equal) Assert.That(left.GetHashCode(), Is.EqualTo(right.GetHashCode()));
        }
    });

    [Test]
    public void A_shape_exists_unless_its_extents_are_too_many_negative_or_too_large()
    {
        var refused = 0;
        Law.Holds(s_any, extents =>
        {
            var isRefused = Law.Refuses<ShapeException>(() => _ = new Shape(extents));
            Assert.That(isRefused, Is.Not.EqualTo(IsPossible(extents)));
            if (isRefused) refused++;
        }, 2000);
        TestContext.Out.WriteLine($"refused: {refused}");
        Assert.That(refused, Is.InRange(500, 1900));
    }

    [Test]
    public void A_batch_is_its_samples() => Law.Holds(s_any.Where(IsPossible), extents =>
    {
        var shape = new Shape(extents);
        if (Law.Refuses<ShapeException>(() => shape.Sample())) Assert.That(shape.Rank, Is.Zero);
        else Assert.That(shape.Sample().ToArray(), Is.EqualTo(extents[1..]));
        foreach (var batch in (int[])[0, 1, 5, int.MaxValue, -1])
        {
            int[] batched = [batch, .. extents], other = [batch, .. extents.Skip(1)];
            if (!Law.Refuses<ShapeException>(() => shape.Batched(batch))) Assert.That(shape.Batched(batch), Is.EqualTo(new Shape(batched)));
            else Assert.That(IsPossible(batched), Is.False);
            if (!Law.Refuses<ShapeException>(() => shape.WithBatch(batch))) Assert.That(shape.WithBatch(batch), Is.EqualTo(new Shape(other)));
            else Assert.That(IsPossible(other) && shape.Rank > 0, Is.False);
        }
    });

    [Test]
    public void The_product_of_parts_is_the_count() => Law.Holds(s_any.Where(IsPossible), extents =>
    {
        var shape = new Shape(extents);
        for (var first = 0; first <= shape.Rank; first++)
            for (var end = first; end <= shape.Rank; end++) Assert.That((BigInteger)shape.Product(first, end), Is.EqualTo(Volume(extents[first..end])));
        for (var cut = 0; cut <= shape.Rank; cut++) Assert.That(shape.Product(0, cut) * shape.Product(cut, shape.Rank), Is.EqualTo(shape.Count));
    });

    [Test]
    public void A_reshape_is_a_view_of_the_same_elements() => Law.Holds(s_extents.Two(), pair =>
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device);
        var (from, to) = (new Shape(pair.Item1), new Shape(pair.Item2));
        var values = Law.Numbers(1, from.Count);
        var x = tape.Variable(values, from);
        Assert.That(Law.Refuses<ShapeException>(() => x.Reshape(to)), Is.EqualTo(from.Count != to.Count));
        foreach (var shape in (Shape[])[new Shape(from.Count), from.Rank < Shape.MaxRank ? from.Batched(1) : from])
        {
            var y = x.Reshape(shape);
            Assert.That((y.Shape, y.Buffer, y.Gradient!.Buffer, y.Gradient.Shape), Is.EqualTo((shape, x.Buffer, x.Gradient!.Buffer, shape)));
            Assert.That(y.Reshape(from).ToArray(), Is.EqualTo(values));
        }
    });
}
