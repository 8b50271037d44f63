using FsCheck;
using FsCheck.Fluent;

namespace RawDL.Tests;

public sealed class ShapeTests
{
    private static readonly Arbitrary<int[]> Extents = Gen.Choose(0, 9).ArrayOf().Where(extents => extents.Length <= Shape.MaxRank).ToArbitrary();

    [Test]
    public void Extents_come_back() => Prop.ForAll(Extents, extents =>
    {
        var shape = new Shape(extents);
        return shape.Rank == extents.Length && shape.ToArray().SequenceEqual(extents)
            && shape.Count == extents.Aggregate(1, (product, extent) => product * extent)
            && Enumerable.Range(0, shape.Rank).All(i => shape[i] == extents[i] && shape[i - shape.Rank] == extents[i])
            && shape.ToString() == $"[{string.Join(", ", extents)}]";
    }).QuickCheckThrowOnFailure();

    [Test]
    public void Equality_is_that_of_the_extents() => Prop.ForAll(Extents, Extents, (a, b) =>
    {
        var equal = a.SequenceEqual(b);
        return (new Shape(a) == new Shape(b)) == equal && (new Shape(a) != new Shape(b)) == !equal
            && (!equal || new Shape(a).GetHashCode() == new Shape(b).GetHashCode()) && new Shape(a).Equals((object)new Shape([.. a]));
    }).QuickCheckThrowOnFailure();

    [Test]
    public void A_batch_is_its_samples() => Prop.ForAll(Extents, extents =>
    {
        if (extents.Length == Shape.MaxRank) return true;
        var sample = new Shape(extents);
        var batch = sample.Batched(5);
        return batch.Sample() == sample && batch.Count == 5 * sample.Count && batch.WithBatch(2).Count == 2 * sample.Count
            && batch.Product(1, batch.Rank) == sample.Count;
    }).QuickCheckThrowOnFailure();

    [Test]
    public void A_default_shape_is_a_scalar()
    {
        Assert.That((default(Shape).Count, new Shape().Count, new Shape().Rank), Is.EqualTo((1, 1, 0)));
        Assert.That(default(Shape), Is.EqualTo(new Shape(ReadOnlySpan<int>.Empty)));
    }

    [Test]
    public void Impossible_shapes_are_refused()
    {
        Assert.Multiple(() =>
        {
            Refused(() => new Shape(1, 2, 3, 4, 5), "Shape: expected at most 4 extents, got 5.");
            Refused(() => new Shape(2, -1), "Shape: expected extents >= 0, got [2, -1].");
            Refused(() => new Shape(65536, 65536), "Shape: expected at most 2147483647 elements, got [65536, 65536].");
            Refused(() => _ = new Shape(2, 3)[2], "Shape: expected a dimension below 2, got 2 for [2, 3].");
            Refused(() => _ = new Shape(2, 3)[-3], "Shape: expected a dimension below 2, got -3 for [2, 3].");
        });

        static void Refused(Action code, string message) => Assert.That(code, Throws.TypeOf<ShapeException>().With.Message.EqualTo(message));
    }
}
