namespace RawDL.Tests;

public sealed class ShapeTests
{
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
