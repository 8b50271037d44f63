using System.Runtime.Intrinsics.X86;

namespace RawDL.Tests;

/// <summary>Matrix products of the processor at every width of vectors: whole numbers are exact, and bits depend on nothing but the operands.</summary>
public sealed class MatMulTests
{
    private static IEnumerable<int> Widths => Fma.IsSupported ? [128, 256, 512] : [128, 512];

    // Around tiles of 4, 6, 8 rows and 4 to 32 columns.
    private static readonly int[] s_extents = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 24, 31, 32, 33, 34, 47, 65];

    // Around the panels of k, shallow and deep.
    private static readonly int[] s_inner = [0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 255, 256, 257, 330];

    [Test]
    public void Every_remainder_of_a_tile_is_exact([ValueSource(nameof(Widths))] int width, [Values] Transpose transpose)
    {
        using var device = new CpuDevice(2) { MatMulBits = width };
        for (var i = 0; i < s_extents.Length; i++)
            for (var j = 0; j < s_extents.Length; j++)
                Check(device, new(s_extents[i], s_extents[j], s_inner[(i + 3 * j) % s_inner.Length], transpose));
    }

    // Few and many rows, blocks of rows, shallow and deep k, cut along k, operands packed and read where they lie, parallel and serial.
    [TestCase(130, 40, 0)]
    [TestCase(97, 40, 130)]
    [TestCase(131, 300, 33)]
    [TestCase(100, 270, 330)]
    [TestCase(300, 20, 600)]
    [TestCase(12, 1100, 70)]
    [TestCase(40, 1050, 20)]
    [TestCase(7, 530, 520)]
    [TestCase(20, 1100, 300)]
    [TestCase(129, 140, 513)]
    [TestCase(128, 140, 300)]
    [TestCase(500, 10, 64)]
    [TestCase(9, 300, 480)]
    [TestCase(40, 290, 500)]
    [TestCase(540, 140, 300)]
    [TestCase(3, 2, 5000)]
    [TestCase(2, 16500, 300)]
    [TestCase(130, 16420, 3)]
    [TestCase(2, 3, 33000)]
    public void Blocks_are_exact(int rows, int columns, int inner)
    {
        foreach (var width in Widths)
        {
            using var device = new CpuDevice(3) { MatMulBits = width };
            foreach (var transpose in Enum.GetValues<Transpose>()) Check(device, new(rows, columns, inner, transpose));
        }
    }

    [TestCase(1, 500, 800)]
    [TestCase(32, 500, 800)]
    [TestCase(64, 800, 500)]
    [TestCase(500, 800, 32)]
    [TestCase(64, 10, 500)]
    [TestCase(130, 300, 600)]
    [TestCase(20, 1100, 300)]
    [TestCase(10, 300, 768)]
    [TestCase(540, 70, 270)]
    [TestCase(200, 17, 65)]
    public void Bits_depend_on_the_operands_alone(int rows, int columns, int inner)
    {
        foreach (var transpose in Enum.GetValues<Transpose>())
        {
            var geometry = new MatMulGeometry(rows, columns, inner, transpose);
            foreach (var width in Widths)
            {
                using var one = new CpuDevice(1);
                // Without multiply-adds that round once the narrowest vectors, which then are the ones in use, have bits of their own.
                if (!Fma.IsSupported) one.MatMulBits = width;
                var expected = Multiply(one, geometry, Random, true, Store.Overwrite);
                var added = Multiply(one, geometry, Random, false, Store.Add);
                for (var threads = 1; threads <= 3; threads++)
                {
                    using var device = new CpuDevice(threads) { MatMulBits = width };
                    Assert.That(Bits(Multiply(device, geometry, Random, true, Store.Overwrite)), Is.EqualTo(Bits(expected)), $"{geometry}, {width} bits, {threads} threads");
                    Assert.That(Bits(Multiply(device, geometry, Random, false, Store.Add)), Is.EqualTo(Bits(added)), $"{geometry}, {width} bits, {threads} threads, added");
                }
            }
        }
    }

    // The same sample alone and among others.
    [Test]
    public void A_row_does_not_depend_on_its_neighbours([Values(2, 5, 31, 64, 97, 140, 520)] int rows)
    {
        const int Columns = 130, Inner = 300;
        using var device = new CpuDevice(2);
        foreach (var transpose in (Transpose[])[Transpose.None, Transpose.Right])
        {
            var many = Multiply(device, new(rows, Columns, Inner, transpose), Random, true, Store.Overwrite);
            var one = Multiply(device, new(1, Columns, Inner, transpose), Random, true, Store.Overwrite);
            Assert.That(Bits(many[..Columns]), Is.EqualTo(Bits(one)));
        }
    }

    // Rows alone and in blocks; whole strips, some of them, and a last one of every kind; shallow and deep k.
    [Test]
    public void A_packed_operand_gives_the_same_bits([ValueSource(nameof(Widths))] int width, [Values(1, 7, 97)] int rows, [Values(Transpose.None, Transpose.Right)] Transpose transpose)
    {
        foreach (var (columns, inner) in new[] { (10, 500), (33, 7), (128, 255), (129, 256), (140, 300), (170, 520) })
            for (var threads = 1; threads <= 2; threads++)
            {
                using var device = new CpuDevice(threads) { MatMulBits = width };
                using var tape = new Tape(device, TapeMode.Inference);
                MatMulGeometry geometry = new(rows, columns, inner, transpose);
                Tensor a = tape.Input(Values(1, rows * inner, Random), new(rows, inner)), bias = tape.Input(Values(3, columns, Random), new(columns));
                var b = tape.Input(Values(2, inner * columns, Random), transpose == Transpose.None ? new(inner, columns) : new(columns, inner));
                Tensor expected = tape.Allocate(new(rows, columns)), c = tape.Allocate(new(rows, columns));
                using var packed = device.PackRight(geometry, b)!;
                foreach (var (added, relu) in new[] { (bias, true), (bias, false), (null, false) })
                {
                    device.MatMulBias(geometry, a, b, added, expected, relu);
                    c.Fill(float.NaN);
                    device.MatMulPacked(geometry, a, packed, added, c, relu);
                    Assert.That(Bits(c.ToArray()), Is.EqualTo(Bits(expected.ToArray())), $"{geometry}, {width} bits, {threads} threads");
                }
            }
    }

    [Test]
    public void Relu_passes_what_is_not_a_number([Values(1, 5, 150)] int rows, [Values(Transpose.None, Transpose.Right)] Transpose transpose)
    {
        using var device = new CpuDevice(2);
        var y = Multiply(device, new(rows, 70, 20, transpose), WithNaN, true, Store.Overwrite, relu: true);
        var z = Multiply(device, new(rows, 70, 20, transpose), WithNaN, true, Store.Overwrite);
        Assert.That(z, Has.Some.NaN.And.Some.LessThan(0f));
        Assert.That(y, Is.EqualTo(Array.ConvertAll(z, value => value < 0f ? 0f : value)));
    }

    private static void Check(CpuDevice device, MatMulGeometry g)
    {
        var (rows, columns, inner, transpose) = g;
        var (left, right) = (transpose.HasFlag(Transpose.Left), transpose.HasFlag(Transpose.Right));
        float[] a = Values(1, rows * inner, Whole), b = Values(2, inner * columns, Whole), bias = Values(3, columns, Whole), c = Values(4, rows * columns, Whole);
        var expected = new float[rows * columns];
        for (var i = 0; i < rows; i++)
            for (var k = 0; k < inner; k++)
            {
                var factor = a[left ? k * rows + i : i * inner + k];
                for (var j = 0; j < columns; j++) expected[i * columns + j] += factor * b[right ? j * inner + k : k * columns + j];
            }
        var plain = Multiply(device, g, Whole, false, Store.Overwrite);
        var added = Multiply(device, g, Whole, false, Store.Add);
        var biased = Multiply(device, g, Whole, true, Store.Overwrite);
        var rectified = Multiply(device, g, Whole, rows % 2 == 0, Store.Overwrite, relu: true);
        for (var i = 0; i < expected.Length; i++)
            if (plain[i] != expected[i] || added[i] != expected[i] + c[i] || biased[i] != expected[i] + bias[i % columns])
                Assert.Fail($"{g}, {device.MatMulBits} bits: expected {expected[i]} at {i}, got {plain[i]}; {added[i] - c[i]} when added; {biased[i] - bias[i % columns]} with bias.");
            else if (rectified[i] != Math.Max(0f, rows % 2 == 0 ? biased[i] : plain[i]))
                Assert.Fail($"{g}, {device.MatMulBits} bits: expected ReLU of {(rows % 2 == 0 ? biased[i] : plain[i])} at {i}, got {rectified[i]}.");
    }

    // Operands end where a buffer ends, and the bytes beyond C stay as they are.
    private static float[] Multiply(CpuDevice device, MatMulGeometry g, Draw values, bool biased, Store store, bool relu = false)
    {
        using var tape = new Tape(device, TapeMode.Inference);
        Tensor Filled(ulong seed, int count, int more = 0)
        {
            var tensor = tape.Allocate(new Shape(count + more));
            tensor.CopyFrom([.. Values(seed, count, values), .. Enumerable.Repeat(77f, more)]);
            return tensor;
        }
        Tensor a = Filled(1, g.Rows * g.Inner), b = Filled(2, g.Inner * g.Columns), c = Filled(4, g.Rows * g.Columns, 40);
        if (biased || relu) device.MatMulBias(g, a, b, biased ? Filled(3, g.Columns) : null, c, relu);
        else device.MatMul(g, a, b, c, store);
        var result = c.ToArray();
        if (result.AsSpan(^40..).ContainsAnyExcept(77f)) Assert.Fail($"{g}, {device.MatMulBits} bits: written beyond C.");
        return result[..^40];
    }

    private delegate float Draw(ref RandomStream random);

    private static float Whole(ref RandomStream random) => random.NextInt(7) - 3;

    private static float WithNaN(ref RandomStream random) => random.NextInt(300) == 0 ? float.NaN : random.NextFloat(-1f, 1f);

    private static float Random(ref RandomStream random) => random.NextFloat(-1f, 1f);

    private static float[] Values(ulong seed, int count, Draw next)
    {
        var random = new RandomStream(seed, 0);
        var values = new float[count];
        foreach (ref var value in values.AsSpan()) value = next(ref random);
        return values;
    }

    private static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
}
