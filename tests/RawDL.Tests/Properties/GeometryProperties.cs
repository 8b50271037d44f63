using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace RawDL.Tests;

/// <summary>The extents of convolution and pooling, possible and impossible ones, against integers without a limit.</summary>
public sealed class GeometryProperties
{
    private static readonly Gen<int> s_number = Gen.Frequency(
        (30, Gen.Choose(1, 5)), (1, Gen.Constant(0)), (1, Gen.Elements(-1, int.MinValue, int.MaxValue, int.MaxValue - 1, 1 << 30, 858993460, 65536)));

    private static readonly Gen<(int Height, int Width)> s_pair = s_number.Two();

    private static readonly Gen<Shape> s_image =
        from rank in Gen.Frequency((1, Gen.Choose(0, 3)), (12, Gen.Constant(4)))
        from extents in Gen.Frequency((10, Gen.Choose(1, 12)), (1, Gen.Constant(0))).ArrayOf(rank)
        select new Shape(extents);

    private static BigInteger Windows(int extent, int kernel, int stride, int padding, int dilation)
    {
        var room = (BigInteger)extent + 2 * (BigInteger)padding - (BigInteger)dilation * (kernel - 1) - 1;
        return room < 0 ? 0 : room / stride + 1;
    }

    private static bool IsSmall(int channels, Shape x, (int Height, int Width) padding) =>
        channels * (x[2] + 2 * (BigInteger)padding.Height) * (x[3] + 2 * (BigInteger)padding.Width) <= int.MaxValue;

    [Test]
    public void Convolutions_have_their_extents_or_are_refused()
    {
        int refused = 0, cases = 20_000;
        Law.Holds(
            from image in s_image
            from groups in Gen.Frequency((8, Gen.Constant(1)), (4, Gen.Choose(2, 3)), (1, s_number))
            from fits in Gen.Frequency((6, Gen.Constant(true)), (1, Gen.Constant(false)))
            from sizes in Gen.Choose(0, 5).ArrayOf(4)
            from hasBias in Gen.Elements(false, true)
            from moves in s_pair.Three()
            select (image, groups, fits, sizes, hasBias, moves),
            ((Shape Image, int Groups, bool Fits, int[] Sizes, bool HasBias, ((int Height, int Width), (int Height, int Width), (int Height, int Width)) Moves) c) =>
        {
            // A fitting weight has the image's channels, shared out among the groups.
            var x = c.Image;
            if (c.Fits && x.Rank == 4 && c.Groups is > 0 and < 8) x = new Shape(x[0], x[1] * c.Groups, x[2], x[3]);
            var weight = new Shape(c.Fits && c.Groups is > 0 and < 8 ? c.Sizes[0] * c.Groups : c.Sizes[0], c.Fits && x.Rank == 4 ? c.Image[1] : c.Sizes[1], c.Sizes[2], c.Sizes[3]);
            Shape? bias = c.HasBias ? new Shape(c.Fits ? weight[0] : c.Sizes[3]) : null;
            var (stride, padding, dilation) = c.Moves;
            var isPossible = false;
            if (x.Rank == 4 && weight[2] > 0 && weight[3] > 0 && c.Groups > 0 && Math.Min(stride.Height, stride.Width) > 0
                && Math.Min(padding.Height, padding.Width) >= 0 && Math.Min(dilation.Height, dilation.Width) > 0
                && (BigInteger)weight[1] * c.Groups == x[1] && weight[0] % c.Groups == 0 && (bias is null || bias == new Shape(weight[0])))
            {
                var tall = Windows(x[2], weight[2], stride.Height, padding.Height, dilation.Height);
                var wide = Windows(x[3], weight[3], stride.Width, padding.Width, dilation.Width);
                isPossible = tall > 0 && wide > 0 && IsSmall(Math.Max(1, x[1]), x, padding) && BigInteger.Max(x[0], 1) * BigInteger.Max(weight[0], 1) * tall * wide <= int.MaxValue;
                if (isPossible)
                {
                    var g = Conv2dGeometry.Resolve(x, weight, bias, Options());
                    Assert.That((g.OutHeight, g.OutWidth, g.OutChannels, g.Batch), Is.EqualTo(((int)tall, (int)wide, weight[0], x[0])));
                }
            }
            Conv2dOptions Options() => new() { Stride = stride, Padding = padding, Dilation = dilation, Groups = c.Groups };
            Assert.That(Law.Refuses<ShapeException>(() =>
            {
                var g = Conv2dGeometry.Resolve(x, weight, bias, Options());
                _ = new Shape(g.Batch, g.OutChannels, g.OutHeight, g.OutWidth);
            }), Is.Not.EqualTo(isPossible));
            if (!isPossible) refused++;
        }, cases);
        TestContext.Out.WriteLine($"refused: {refused}");
        Assert.That(refused, Is.InRange(cases / 5, cases * 4 / 5));
    }

    [Test]
    public void Poolings_have_their_extents_or_are_refused()
    {
        int refused = 0, cases = 20_000;
        Law.Holds(s_image.SelectMany(image => s_pair.Three(), (image, windows) => (image, windows)),
            ((Shape X, ((int Height, int Width), (int Height, int Width), (int Height, int Width)) Windows) c) =>
        {
            var (kernel, stride, padding) = c.Windows;
            // More padding than half a kernel is refused; three of four cases keep to that.
            if (padding.Width % 4 != 0) padding = (Math.Min(padding.Height, kernel.Height / 2), Math.Min(padding.Width, kernel.Width / 2));
            var isPossible = false;
            if (c.X.Rank == 4 && kernel.Height > 0 && kernel.Width > 0 && stride.Height > 0 && stride.Width > 0 && padding.Height >= 0 && padding.Width >= 0
                && padding.Height <= kernel.Height / 2 && padding.Width <= kernel.Width / 2)
            {
                var tall = Windows(c.X[2], kernel.Height, stride.Height, padding.Height, 1);
                var wide = Windows(c.X[3], kernel.Width, stride.Width, padding.Width, 1);
                isPossible = tall > 0 && wide > 0 && IsSmall(1, c.X, padding);
                if (isPossible)
                {
                    var g = Pool2dGeometry.Resolve("P", c.X, kernel, stride, padding);
                    Assert.That((g.OutHeight, g.OutWidth, g.Planes), Is.EqualTo(((int)tall, (int)wide, c.X[0] * c.X[1])));
                    // No window lies outside the image, where there would be nothing to pool.
                    Assert.That((g.OutHeight - 1) * (long)stride.Height - padding.Height, Is.LessThan(Math.Max(1, c.X[2])));
                }
            }
            Assert.That(Law.Refuses<ShapeException>(() => Pool2dGeometry.Resolve("P", c.X, kernel, stride, padding)), Is.Not.EqualTo(isPossible));
            if (!isPossible) refused++;
        }, cases);
        TestContext.Out.WriteLine($"refused: {refused}");
        Assert.That(refused, Is.InRange(cases / 5, cases * 4 / 5));
    }
}
