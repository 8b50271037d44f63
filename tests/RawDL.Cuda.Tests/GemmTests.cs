namespace RawDL.Cuda.Tests;

/// <summary>Every kernel of matrix products on the emulated device: exact on small integers, within the bound of its precision on normal numbers.</summary>
internal sealed class GemmTests
{
    private CudaDevice _device = null!;

    private static IEnumerable<string> Kernels => GemmTable.Rows.Select(row => row.Kernel);

    // Around the tiles of 32, 64, 128 and 256 and the slices of 8 to 64 products.
    private static readonly (int Rows, int Columns, int Inner)[] s_shapes =
        [(1, 1, 1), (7, 5, 3), (64, 64, 16), (65, 63, 17), (127, 129, 70), (129, 130, 33), (1, 200, 40), (200, 1, 9), (132, 260, 36)];

    // Deep enough that the ring of slices goes round (3 to 6 slices of 16 to 64 products), and several tiles for each of the device's 4 multiprocessors.
    private static readonly MatMulGeometry[] s_long = [new(72, 136, 520, Transpose.None), new(260, 516, 100, Transpose.Right)];

    [OneTimeSetUp]
    public void Open()
    {
        try
        {
            _device = CudaDevices.OpenEmulated();
        }
        catch (CudaException e) when (e.Message.StartsWith("expected g++", StringComparison.Ordinal))
        {
            Required.Missing("emulator", e.Message);
        }
    }

    [OneTimeTearDown]
    public void Close()
    {
        if (_device is null) return;
        Order(ThreadOrder.Forward);
        _device.Dispose();
        Assert.That(_device.LiveBytes, Is.Zero);
    }

    [TestCaseSource(nameof(Kernels))]
    public void Is_exact_on_small_integers(string kernel)
    {
        var (random, cases) = (new Random(1), 0);
        var geometries = from shape in s_shapes from transpose in Enum.GetValues<Transpose>() select new MatMulGeometry(shape.Rows, shape.Columns, shape.Inner, transpose);
        foreach (var geometry in geometries.Concat(s_long))
            foreach (var store in geometry.Inner > 99 ? [Store.Overwrite] : Enum.GetValues<Store>())
            {
                if (Run(kernel, geometry, store, 1, () => random.Next(-2, 3)) is not { } run) continue;
                cases++;
                for (var i = 0; i < run.C.Length; i++)
                    if (run.C[i] != run.Exact[i])
                        Assert.Fail($"{kernel} {geometry} {store} at [{i / geometry.Columns}, {i % geometry.Columns}]: expected {run.Exact[i]}, got {run.C[i]}");
            }
        Assert.That(cases, Is.GreaterThanOrEqualTo(10));
    }

    [TestCaseSource(nameof(Kernels))]
    public void Is_within_the_bound_of_its_precision(string kernel)
    {
        // The unit roundoff of a product: of its factors, or of 3xTF32, which drops the product of the low parts.
        var unit = GemmTable.Row(kernel).Precision switch
        {
            GemmPrecision.Tf32 => Math.ScaleB(1, -11),
            GemmPrecision.BFloat16 => Math.ScaleB(1, -8),
            GemmPrecision.Float32By3xTf32 => Math.ScaleB(1, -22),
            _ => Math.ScaleB(1, -24),
        };
        var random = new Random(2);
        foreach (var (rows, columns, inner) in ((int, int, int)[])[(65, 63, 17), (128, 132, 68), (12, 8, 1)])
            foreach (var transpose in Enum.GetValues<Transpose>())
            {
                var geometry = new MatMulGeometry(rows, columns, inner, transpose);
                if (Run(kernel, geometry, Store.Overwrite, 1, () => Normal(random)) is not { } run) continue;
                for (var i = 0; i < run.C.Length; i++)
                    if (Math.Abs(run.C[i] - run.Exact[i]) > (2 + Math.Sqrt(inner)) * unit * run.Magnitude[i])
                        Assert.Fail($"{kernel} {geometry} at [{i / columns}, {i % columns}]: expected {run.Exact[i]} of terms {run.Magnitude[i]}, got {run.C[i]}");
            }
    }

    [TestCaseSource(nameof(Kernels))]
    public void Does_not_depend_on_the_order_of_threads(string kernel)
    {
        foreach (var geometry in (MatMulGeometry[])[new(132, 136, 68, Transpose.None), new(132, 136, 68, Transpose.Both), s_long[0]])
        {
            float[]? first = null;
            foreach (var order in Enum.GetValues<ThreadOrder>())
            {
                Order(order, 7);
                var random = new Random(3);
                var c = Run(kernel, geometry, Store.Add, 1, () => Normal(random))!.Value.C;
                first ??= c;
                Assert.That(c, Is.EqualTo(first), $"{geometry} {order}");
            }
        }
    }

    [Test]
    public void Adds_parts_and_finishes([Values("matmul_vectorized", "matmul_small", "matmul_tma", "matmul_3xtf32")] string kernel, [Values(1, 2, 3, 5)] int parts, [Values] Store store)
    {
        var random = new Random(4);
        foreach (var transpose in Enum.GetValues<Transpose>())
        {
            var geometry = new MatMulGeometry(36, 68, 148, transpose);
            var run = Run(kernel, geometry, store, parts, () => random.Next(-2, 3), finish: true)!.Value;
            Assert.That(run.C, Is.EqualTo(run.Exact.Select(x => (float)x)), transpose.ToString());
        }
    }

    [Test]
    public void The_tensor_cores_finish([Values("matmul_tf32", "matmul_bf16_narrow", "matmul_naive", "matmul_register")] string kernel, [Values] Store store)
    {
        var random = new Random(5);
        var run = Run(kernel, new MatMulGeometry(33, 270, 20, Transpose.Right), store, 1, () => random.Next(-2, 3), finish: true)!.Value;
        Assert.That(run.C, Is.EqualTo(run.Exact.Select(x => (float)x)));
    }

    [Test]
    public void Reads_and_writes_at_any_address([Values("matmul_vectorized", "matmul_small", "matmul_3xtf32", "matmul_tf32", "matmul_bf16")] string kernel, [Values] Transpose transpose)
    {
        // Shapes of multiples of 4, whose rows would be aligned, from the second element of a buffer on.
        var random = new Random(6);
        var run = Run(kernel, new MatMulGeometry(68, 72, 36, transpose), Store.Overwrite, 1, () => random.Next(-2, 3), offset: 1)!.Value;
        Assert.That(run.C, Is.EqualTo(run.Exact.Select(x => (float)x)));
    }

    [Test]
    public void No_products_give_zero_or_change_nothing([Values] Store store, [Values] GemmPrecision precision)
    {
        using var buffer = _device.Allocate(8);
        _device.Upload(stackalloc float[] { 1, 2, 3, 4, 5, 6, 7, 8 }, buffer, 0);
        using var none = _device.Allocate(0);
        var c = new Tensor(buffer, 0, new Shape(2, 4));
        _device.Precision = precision;
        Call(new MatMulGeometry(2, 4, 0, Transpose.None), new Tensor(none, 0, new Shape(2, 0)), new Tensor(none, 0, new Shape(0, 4)), c, store);
        _device.Precision = GemmPrecision.Float32;
        Assert.That(c.ToArray(), Is.EqualTo(store == Store.Add ? new float[] { 1, 2, 3, 4, 5, 6, 7, 8 } : new float[8]));
    }

    [Test]
    public void NaN_and_infinity_go_where_they_belong([Values("matmul_vectorized", "matmul_small", "matmul_tma", "matmul_tf32", "matmul_bf16")] string kernel)
    {
        using var a = Upload(4, 4, [1, 0, 0, 0, float.NaN, 1, 0, 0, float.PositiveInfinity, 0, 1, 0, 0, 0, 0, 1], 0);
        using var b = Upload(4, 4, [1, 1, 2, 3, 1, 1, 1, 1, 1, 1, 1, 1, -1, 1, 1, float.NegativeInfinity], 0);
        using var c = _device.Allocate(16);
        var (left, right, product) = (new Tensor(a, 0, new Shape(4, 4)), new Tensor(b, 0, new Shape(4, 4)), new Tensor(c, 0, new Shape(4, 4)));
        _device.MatMul(kernel, new MatMulGeometry(4, 4, 4, Transpose.None), new GemmOperation(left, right, product, Store.Overwrite, Relu: true));
        Assert.That(product.ToArray(), Is.EqualTo(new[]
        {
            1f, 1, 2, float.NaN, float.NaN, float.NaN, float.NaN, float.NaN,
            float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity, float.NaN, 0, 1, 1, 0,
        }));
    }

    [Test]
    public void Every_precision_runs_through_the_device([Values] GemmPrecision precision, [Values] Transpose transpose)
    {
        var random = new Random(7);
        _device.Precision = precision;
        var run = Run(null, new MatMulGeometry(33, 65, 300, transpose), Store.Add, 1, () => random.Next(-2, 3))!.Value;
        _device.Precision = GemmPrecision.Float32;
        Assert.That(run.C, Is.EqualTo(run.Exact.Select(x => (float)x)));
    }

    // C of a kernel, or of the device's choice; the same in double; and Σ |a|·|b|. Null where the copy engine cannot read the operands.
    private (float[] C, double[] Exact, double[] Magnitude)? Run(string? kernel, MatMulGeometry geometry, Store store, int parts, Func<float> value, bool finish = false, int offset = 0)
    {
        var (rows, columns, inner, transpose) = geometry;
        var (turnedA, turnedB) = ((transpose & Transpose.Left) != 0, (transpose & Transpose.Right) != 0);
        var (a, b) = (Fill(rows * inner, value), Fill(inner * columns, value));
        var (before, bias) = (Fill(rows * columns, () => 3), Fill(columns, value));
        using var bufferA = Upload(rows, inner, a, offset);
        using var bufferB = Upload(inner, columns, b, offset);
        using var bufferC = Upload(rows, columns, before, offset);
        using var bufferBias = Upload(1, columns, bias, offset);
        var c = new Tensor(bufferC, offset, new Shape(rows, columns));
        var operation = new GemmOperation(new Tensor(bufferA, offset, turnedA ? new Shape(inner, rows) : new Shape(rows, inner)),
            new Tensor(bufferB, offset, turnedB ? new Shape(columns, inner) : new Shape(inner, columns)), c, store,
            finish ? new Tensor(bufferBias, offset, new Shape(columns)) : null, finish);
        if (kernel is null) Call(geometry, operation.A, operation.B, c, store);
        else if (GemmTable.Row(kernel).Operands == GemmOperands.Boxes && !CudaDevice.FitsBoxes(geometry, operation)) return null;
        else _device.MatMul(kernel, geometry, operation, GemmTable.Row(kernel).Operands is GemmOperands.ByLayout or GemmOperands.Boxes ? parts : 1);
        var (exact, magnitude) = (new double[rows * columns], new double[rows * columns]);
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
            {
                var (sum, size) = (0.0, 0.0);
                for (var k = 0; k < inner; k++)
                {
                    var product = (double)a[turnedA ? k * rows + i : i * inner + k] * b[turnedB ? j * inner + k : k * columns + j];
                    sum += product;
                    size += Math.Abs(product);
                }
                if (finish) sum = Math.Max(0, sum + bias[j]);
                exact[i * columns + j] = sum + (store == Store.Add ? 3 : 0);
                magnitude[i * columns + j] = size;
            }
        return (c.ToArray(), exact, magnitude);
    }

    // The device's own choice of kernel is reached through the operation, which adds on the way back only.
    private void Call(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store) =>
        _device.MatMul(GemmTable.Select(geometry, _device.Precision, _device.Properties), geometry, new GemmOperation(a, b, c, store));

    private void Order(ThreadOrder order, ulong seed = 0) => ((EmulatedDriver)_device.Driver).Order(order, seed);

    private DeviceBuffer Upload(int rows, int columns, float[] values, int offset)
    {
        var buffer = _device.Allocate(rows * columns + offset);
        _device.Upload(values, buffer, offset);
        return buffer;
    }

    private static float[] Fill(int count, Func<float> value)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = value();
        return values;
    }

    private static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
