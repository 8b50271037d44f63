using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace RawDL.NN.Tests;

/// <summary>Random arrays through npy files.</summary>
public sealed class NpyProperties
{
    private static readonly Gen<NpyArray> s_array =
        from kind in Gen.Elements("b1", "i1", "u1", "f2", "i2", "u2", "f4", "i4", "u4", "f8", "i8", "u8")
        from rank in Gen.Frequency((9, Gen.Choose(0, 4)), (1, Gen.Choose(5, 9)))
        from shape in Gen.Choose(0, rank > 4 ? 2 : 5).ArrayOf(rank)
        from seed in Gen.Choose(0, int.MaxValue)
        select Random(kind, shape, seed);

    private static NpyArray Random(string kind, int[] shape, int seed)
    {
        var data = new byte[shape.Aggregate(NpyArray.ElementSize(kind), (x, y) => x * y)];
        new Random(seed).NextBytes(data);
        return new NpyArray(kind, shape, data);
    }

    private static void AssertSame(NpyArray actual, NpyArray expected)
    {
        Assert.That(actual.Kind, Is.EqualTo(expected.Kind));
        Assert.That(actual.Shape.ToArray(), Is.EqualTo(expected.Shape.ToArray()));
        Assert.That(actual.Data.ToArray(), Is.EqualTo(expected.Data.ToArray()));
    }

    [Test]
    public void Arrays_come_back_and_are_written_alike_again() => Law.Holds(s_array, array =>
    {
        var bytes = NpyFile.ToBytes(array);
        var read = NpyFile.Parse(bytes, "x");
        AssertSame(read, array);
        Assert.That(NpyFile.ToBytes(read), Is.EqualTo(bytes));
        Assert.That((bytes.Length - array.Data.Length) % 64, Is.Zero);
    });

    [Test]
    public void Byte_order_and_column_order_do_not_matter() => Law.Holds(s_array, array =>
    {
        var bytes = NpyFile.ToBytes(array);
        var size = NpyArray.ElementSize(array.Kind);
        var start = bytes.Length - array.Data.Length;
        var swapped = Replace(bytes, "'<", "'>");
        for (var i = start; i < swapped.Length; i += size) swapped.AsSpan(i, size).Reverse();
        AssertSame(NpyFile.Parse(swapped, "x"), array);

        var columns = Replace(bytes, "'fortran_order': False", "'fortran_order': True ");
        var shape = array.Shape.ToArray();
        for (var i = 0; i < array.Count; i++)
        {
            // Row-major element i has index [..., i2, i1]; in column-major order the first extent runs fastest.
            int rest = i, position = 0, stride = array.Count;
            for (var d = shape.Length - 1; d >= 0; d--)
            {
                stride /= shape[d];
                position += rest % shape[d] * stride;
                rest /= shape[d];
            }
            array.Data.Span.Slice(i * size, size).CopyTo(columns.AsSpan(start + (position * size)));
        }
        AssertSame(NpyFile.Parse(columns, "x"), array);
    });

    [Test]
    public void Values_fill_their_shape_or_are_refused()
    {
        var refused = 0;
        Law.Holds(
            from rank in Gen.Frequency((9, Gen.Choose(0, 4)), (1, Gen.Choose(30, 35)))
            from shape in Gen.Frequency((12, Gen.Choose(1, 4)), (2, Gen.Constant(0)), (1, Gen.Elements(-1, int.MaxValue, 65536))).ArrayOf(rank)
            from fits in Gen.Frequency((5, Gen.Constant(true)), (1, Gen.Constant(false)))
            select (shape, fits), ((int[] Shape, bool Fits) c) =>
        {
            var count = c.Shape.Aggregate((System.Numerics.BigInteger)1, (x, y) => x * y);
            var values = Law.Numbers(7, c.Fits && count >= 0 && count < 10_000 ? (int)count : 13);
            NpyArray? array = null;
            if (Law.Refuses<ArgumentException>(() => array = NpyArray.Create(c.Shape, values)))
            {
                refused++;
                var hidden = c.Shape.Aggregate((System.Numerics.BigInteger)1, (x, y) => x * Math.Max(y, 1));
                Assert.That(c.Shape.Any(extent => extent < 0) || c.Shape.Length > 32 || count != values.Length || 4 * hidden > Array.MaxLength);
                return;
            }
            Assert.That(count == values.Length);
            var read = NpyFile.Parse(NpyFile.ToBytes(array!), "x");
            Assert.That(read.ToFloats(), Is.EqualTo(values));
            Assert.That(read.Shape.ToArray(), Is.EqualTo(c.Shape));
        }, 1000);
        TestContext.Out.WriteLine($"refused: {refused}");
        Assert.That(refused, Is.InRange(200, 800));
    }

    private static byte[] Replace(byte[] bytes, string old, string with)
    {
        var copy = bytes.ToArray();
        var at = copy.AsSpan().IndexOf(Encoding.ASCII.GetBytes(old));
        if (at >= 0) Encoding.ASCII.GetBytes(with).CopyTo(copy, at);
        return copy;
    }
}
