namespace RawDL.Cuda.Tests;

/// <summary>Convolutions on the emulated device against those of the CPU, on whole numbers: every sum is exact, so any order gives the same bits.</summary>
internal sealed class Conv2dTests : EmulatedFixture
{
    private static readonly (int, int) Two = (2, 2);

    private CpuDevice _cpu = null!;

    public enum Work { Convolution, Fused }

    [OneTimeSetUp]
    public void OpenProcessor() => _cpu = new CpuDevice();

    [OneTimeTearDown]
    public void CloseProcessor() => _cpu?.Dispose();

    // x, weight, stride, padding, dilation, groups.
    private static readonly object[][] Shapes =
    [
        [new Shape(3, 1, 28, 28), new Shape(20, 1, 5, 5), 1, 0, 1, 1],
        [new Shape(33, 20, 12, 12), new Shape(50, 20, 5, 5), 1, 0, 1, 1],
        [new Shape(2, 3, 32, 32), new Shape(32, 3, 3, 3), 1, 1, 1, 1],
        [new Shape(1, 32, 16, 16), new Shape(64, 32, 3, 3), 1, 1, 1, 1],
        [new Shape(2, 64, 8, 8), new Shape(128, 64, 3, 3), 2, 1, 1, 1],
        [new Shape(1, 140, 24, 24), new Shape(128, 140, 1, 1), 1, 0, 1, 1],
        [new Shape(2, 40, 9, 9), new Shape(66, 20, 3, 3), 1, 2, 2, 2],
        [new Shape(2, 6, 11, 7), new Shape(12, 1, 3, 3), 1, 1, 1, 6],
        [new Shape(2, 6, 11, 7), new Shape(6, 1, 5, 5), 3, 2, 1, 6],
        [new Shape(40, 40, 6, 5), new Shape(18, 40, 2, 2), 1, 0, 1, 1],
        [new Shape(1, 2, 70, 5), new Shape(3, 2, 3, 2), 1, 0, 3, 1],
        [new Shape(2, 70, 5, 5), new Shape(10, 35, 2, 2), 2, 1, 1, 2],
    ];

    [TestCaseSource(nameof(Shapes))]
    public void A_convolution_is_that_of_the_CPU_bit_for_bit(Shape x, Shape weight, int stride, int padding, int dilation, int groups)
    {
        var options = new Conv2dOptions { Stride = (stride, stride), Padding = (padding, padding), Dilation = (dilation, dilation), Groups = groups };
        Compare((a, w, b) => a.Conv2d(w, b, options), x, weight);
    }

    [Test]
    public void Pooled_convolutions_are_those_of_the_CPU_bit_for_bit(
        [Values(1, 3, 33)] int batch, [Values("lenet1", "lenet2", "first3", "recipe2", "odd", "narrow", "deep", "many")] string net)
    {
        var (x, weight) = net switch
        {
            "lenet1" => (new Shape(batch, 1, 28, 28), new Shape(20, 1, 5, 5)),
            "lenet2" => (new Shape(batch, 20, 12, 12), new Shape(50, 20, 5, 5)),
            "first3" => (new Shape(batch, 1, 17, 12), new Shape(9, 1, 3, 3)),
            "recipe2" => (new Shape(batch, 24, 12, 12), new Shape(32, 24, 3, 3)),
            "odd" => (new Shape(batch, 5, 13, 9), new Shape(7, 5, 5, 5)),
            "narrow" => (new Shape(batch, 9, 13, 6), new Shape(35, 9, 5, 5)),
            "deep" => (new Shape(batch, 40, 9, 12), new Shape(5, 40, 3, 3)),
            _ => (new Shape(batch, 3, 7, 6), new Shape(131, 3, 3, 3)),
        };
        Assert.That(Fuses(x, weight, new Conv2dOptions()), Is.True);
        Compare((a, w, b) => a.Conv2dReluMaxPool2d(w, b), x, weight);
    }

    [Test]
    public void Fused_equals_composed_without_a_bias_and_without_a_gradient_of_the_input()
    {
        foreach (var device in new Device[] { _cpu, Cuda })
        {
            var results = new List<float[]>();
            foreach (var fused in new[] { true, false })
            {
                using var tape = new Tape(device);
                var x = tape.Input(Whole(1, 3 * 2 * 10 * 10, -2, 2), new Shape(3, 2, 10, 10));
                var weight = tape.Variable(Whole(2, 4 * 2 * 25, -2, 2), new Shape(4, 2, 5, 5));
                var y = fused ? x.Conv2dReluMaxPool2d(weight) : x.Conv2d(weight).Relu().MaxPool2d(Two, Two);
                tape.Backward(y);
                results.Add([.. y.ToArray(), .. weight.Gradient!.ToArray()]);
            }
            Assert.That(results[0], Is.EqualTo(results[1]));
        }
    }

    [Test]
    public void Options_that_no_kernel_fuses_are_composed()
    {
        Conv2dOptions[] options = [new() { Stride = (2, 1) }, new() { Padding = (0, 1) }, new() { Dilation = (1, 2) }, new() { Groups = 2 }];
        foreach (var option in options)
        {
            var weight = new Shape(4, 4 / option.Groups, 3, 3);
            Assert.That(Fuses(new Shape(2, 4, 9, 10), weight, option), Is.False);
            Compare((a, w, b) => a.Conv2dReluMaxPool2d(w, b, option), new Shape(2, 4, 9, 10), weight);
        }
        Assert.That(Fuses(new Shape(0, 1, 8, 8), new Shape(2, 1, 3, 3), new Conv2dOptions()), Is.False);
    }

    [Test]
    public void An_empty_batch_gives_nothing([Values] Work work)
    {
        foreach (var device in new Device[] { _cpu, Cuda })
        {
            var values = Run(device, Of(work), new Shape(0, 2, 8, 8), new Shape(3, 2, 3, 3));
            Assert.That(values[0], Is.Empty);
            Assert.That(values[2], Is.All.Zero);
            Assert.That(values[3], Is.All.Zero);
        }
    }

    // NaN reaches its windows and no other; where ReLU is off a gradient that is not finite still goes on, as by the composition.
    [Test]
    public void What_is_not_a_number_survives()
    {
        var image = Whole(3, 2 * 3 * 12 * 12, -2, 2);
        image[5 * 12 + 7] = float.NaN;
        image[3 * 144 + 40] = float.PositiveInfinity;
        var results = new List<float[]>();
        foreach (var device in new Device[] { _cpu, Cuda })
        {
            using var tape = new Tape(device);
            var x = tape.Input(image, new Shape(2, 3, 12, 12));
            var weight = tape.Variable(Whole(4, 5 * 3 * 25, -2, 2), new Shape(5, 3, 5, 5));
            var y = x.Conv2dReluMaxPool2d(weight);
            results.Add(y.ToArray());
        }
        Assert.That(results[1], Is.EqualTo(results[0]));
        Assert.That(results[0], Has.Some.NaN);

        var gradients = new List<float[]>();
        foreach (var device in new Device[] { _cpu, Cuda })
        {
            using var tape = new Tape(device);
            var x = tape.Input(Whole(5, 144, -2, 2), new Shape(1, 1, 12, 12));
            var weight = tape.Variable(Whole(6, 2 * 9, -3, 1), new Shape(2, 1, 3, 3));
            var y = x.Conv2dReluMaxPool2d(weight);
            var off = Array.IndexOf(y.ToArray(), 0f);
            Assert.That(off, Is.GreaterThanOrEqualTo(0));
            var loss = tape.Allocate(new Shape());
            tape.Record(loss, (y, off), static step =>
            {
                var dy = new float[step.y.Count];
                dy[step.off] = float.NaN;
                step.y.Gradient!.CopyFrom(dy);
            });
            tape.Backward(loss);
            gradients.Add(weight.Gradient!.ToArray());
        }
        Assert.That(gradients[1], Is.EqualTo(gradients[0]));
        Assert.That(gradients[0], Has.Some.NaN);
    }

    [Test]
    public void The_order_of_threads_does_not_matter([Values] Work work, [Values(1, 20)] int channels)
    {
        Shape x = new(5, channels, 12, 12), weight = new(11, channels, 5, 5);
        var expected = Random(Cuda, Of(work), x, weight);
        foreach (var order in Enum.GetValues<ThreadOrder>())
        {
            Order(order, 17);
            Assert.That(Random(Cuda, Of(work), x, weight), Is.EqualTo(expected), $"{order}");
        }
        Order(ThreadOrder.Forward);
    }

    // ⟨x ⋆ w, v⟩ = ⟨x, gradient by x⟩ = ⟨w, gradient by w⟩, exactly: the sums of whole numbers stay below 2²⁴.
    [Test]
    public void A_convolution_is_adjoint_to_its_gradients([Values(1, 2)] int stride, [Values(0, 1)] int padding, [Values(1, 2)] int groups)
    {
        var options = new Conv2dOptions { Stride = (stride, stride), Padding = (padding, padding), Groups = groups };
        Shape x = new(3, 10, 9, 8), weight = new(34, 10 / groups, 3, 3);
        var values = Run(Cuda, (a, w, b) => a.Conv2d(w, b, options), x, weight, biased: false);
        var dy = Whole(4, values[0].Length, -2, 2);
        Assert.That(Dot(values[1], Whole(1, x.Count, -2, 2)), Is.EqualTo(Dot(values[0], dy)));
        Assert.That(Dot(values[2], Whole(2, weight.Count, -2, 2)), Is.EqualTo(Dot(values[0], dy)));
    }

    // Every kernel of kernels/conv2d.cu is chosen by some geometry, and no part of a gradient is empty.
    [Test]
    public void Plans_choose_every_kernel_and_cover_every_place([Values(4, 132)] int multiprocessors)
    {
        var kernels = new HashSet<string>();
        foreach (var shape in Shapes)
        {
            var (stride, padding, dilation) = ((int)shape[2], (int)shape[3], (int)shape[4]);
            var options = new Conv2dOptions { Stride = (stride, stride), Padding = (padding, padding), Dilation = (dilation, dilation), Groups = (int)shape[5] };
            foreach (var batch in new[] { 1, 3, 256 })
            {
                var x = (Shape)shape[0];
                var geometry = Conv2dGeometry.Resolve(new Shape(batch, x[1], x[2], x[3]), (Shape)shape[1], null, options);
                var (forward, backward) = (Conv2dProduct.Forward(geometry), Conv2dProduct.BackwardInput(geometry));
                kernels.Add(Conv2dPlan.Of(forward, multiprocessors).Kernel);
                kernels.Add(Conv2dPlan.Of(backward, multiprocessors).Kernel);
                var plan = Conv2dPlan.OfGradient(forward, multiprocessors);
                kernels.Add(plan.Kernel);
                Assert.That((long)plan.Grid.Z * plan.Length, Is.GreaterThanOrEqualTo(forward.Places));
                Assert.That((plan.Grid.Z - 1L) * plan.Length, Is.LessThan(forward.Places));
            }
        }
        Assert.That(kernels, Is.EquivalentTo(new[]
        {
            "conv2d_product_1", "conv2d_product_8", "conv2d_product_32", "conv2d_product_64", "conv2d_product_128", "conv2d_strided_product_8",
            "conv2d_strided_product_64", "conv2d_backward_weight_1", "conv2d_backward_weight_32", "conv2d_backward_weight_64",
        }));
    }

    private void Compare(Func<Tensor, Tensor, Tensor, Tensor> apply, Shape x, Shape weight)
    {
        var (expected, actual) = (Run(_cpu, apply, x, weight), Run(Cuda, apply, x, weight));
        string[] names = ["output", "gradient by x", "gradient by the weight", "gradient by the bias"];
        for (var i = 0; i < names.Length; i++) Assert.That(actual[i], Is.EqualTo(expected[i]), names[i]);
    }

    private bool Fuses(Shape x, Shape weight, Conv2dOptions options)
    {
        var geometry = Conv2dGeometry.Resolve(x, weight, null, options);
        return Cuda.FusesConv2dReluMaxPool2d(geometry, Pool2dGeometry.Resolve("MaxPool2d", new(x[0], weight[0], geometry.OutHeight, geometry.OutWidth), Two, Two, (0, 0)));
    }

    private static Func<Tensor, Tensor, Tensor, Tensor> Of(Work work) => work == Work.Fused
        ? (x, weight, bias) => x.Conv2dReluMaxPool2d(weight, bias)
        : (x, weight, bias) => x.Conv2d(weight, bias);

    // Output, and the gradients by x, weight and bias, which start at 1.
    private static float[][] Run(Device device, Func<Tensor, Tensor, Tensor, Tensor> apply, Shape x, Shape weight, bool biased = true) =>
        Run(device, apply, x, weight, Whole(1, x.Count, -2, 2), Whole(2, weight.Count, -2, 2), biased ? Whole(3, weight[0], -9, 9) : new float[weight[0]],
            count => Whole(4, count, -2, 2), biased ? 1f : 0f);

    private static float[][] Random(Device device, Func<Tensor, Tensor, Tensor, Tensor> apply, Shape x, Shape weight) =>
        Run(device, apply, x, weight, Uniform(1, x.Count), Uniform(2, weight.Count), Uniform(3, weight[0]), count => Uniform(4, count), 0f);

    private static float[][] Run(Device device, Func<Tensor, Tensor, Tensor, Tensor> apply, Shape x, Shape weight,
        float[] image, float[] weights, float[] bias, Func<int, float[]> gradient, float start)
    {
        using var tape = new Tape(device);
        Tensor[] inputs = [tape.Variable(image, x), tape.Variable(weights, weight), tape.Variable(bias, new Shape(weight[0]))];
        foreach (var input in inputs) input.Gradient!.Fill(start);
        var y = apply(inputs[0], inputs[1], inputs[2]);
        var loss = tape.Allocate(new Shape());
        tape.Record(loss, (y, gradient), static step => step.y.Gradient!.CopyFrom(step.gradient(step.y.Count)));
        tape.Backward(loss);
        float[][] values = [y.ToArray(), .. inputs.Select(input => input.Gradient!.ToArray())];
        if (y.Count == 0)
            foreach (var value in values[2..]) for (var i = 0; i < value.Length; i++) value[i] -= start;
        return values;
    }

    private static float[] Whole(ulong seed, int count, int low, int high)
    {
        var random = new RandomStream(seed, 0);
        return Array.ConvertAll(new float[count], _ => (float)(random.NextInt(high - low + 1) + low));
    }

    private static float[] Uniform(ulong seed, int count)
    {
        var random = new RandomStream(seed, 0);
        return Array.ConvertAll(new float[count], _ => random.NextFloat(-1f, 1f));
    }

    private static double Dot(float[] a, float[] b)
    {
        double sum = 0;
        for (var i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
