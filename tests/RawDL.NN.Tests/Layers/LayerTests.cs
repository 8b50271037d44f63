using System.Buffers;
using System.Text.Json;

namespace RawDL.NN.Tests;

public sealed class LayerTests
{
    private static readonly Shape Image = new(4, 9, 9);

    // One layer of each type for [4, 9, 9], the output shape, and the number of its values.
    private static readonly (Func<Layer> Make, Shape Output, int Parameters)[] All =
    [
        (() => new Linear(7) { Activation = Activation.Tanh() }, new(7), 7 * 324 + 7),
        (() => new Linear(7) { Bias = false, Initializer = Initializer.Normal(0.02f) }, new(7), 7 * 324),
        (() => new Conv2d(6, (3, 2)) { Stride = (2, 1), Padding = (1, 0), Dilation = (1, 2), Groups = 2, Activation = Activation.LeakyRelu(0.2f) }, new(6, 5, 7), 6 * 2 * 6 + 6),
        (() => new Conv2d(3, 5) { Bias = false, Initializer = Initializer.Orthogonal(2) }, new(3, 5, 5), 3 * 4 * 25),
        (() => new MaxPool2d(2), new(4, 4, 4), 0),
        (() => new MaxPool2d((3, 2)) { Stride = (2, 2), Padding = (1, 0) }, new(4, 5, 4), 0),
        (() => new AveragePool2d(3) { Stride = (1, 1) }, new(4, 7, 7), 0),
        (() => new GlobalAveragePool(), new(4), 0),
        (() => new BatchNorm { Momentum = 0.2f, Activation = Activation.Relu() }, Image, 16),
        (() => new LayerNorm { Epsilon = 1e-3f }, Image, 2 * 324),
        (() => new LocalResponseNorm { Size = 3, Alpha = 1, Beta = 0.5f, Bias = 2 }, Image, 0),
        (() => new Dropout(0.25f), Image, 0),
        (() => new Flatten(), new(324), 0),
        (() => new ZeroPad(1, 2, 3, 4), new(4, 12, 16), 0),
        (() => new Residual(new Conv2d(4, 3) { Padding = (1, 1) }) { Activation = Activation.Elu(0.5f) }, Image, 4 * 4 * 9 + 4),
        (() => new Residual(new Conv2d(8, 1)) { Shortcut = [new Conv2d(8, 1)] }, new(8, 9, 9), 2 * (8 * 4 + 8)),
        (() => new Sequential(new Flatten(), new Linear(3)), new(3), 3 * 324 + 3),
        .. Activation.Names.Select(name => ((Func<Layer>)(() => Activation.Parse("test", name, new Dictionary<string, float>())), Image, 0)),
    ];

    private static IEnumerable<TestCaseData> Cases() => All.Select((row, i) => new TestCaseData(row.Make, row.Output, row.Parameters).SetArgDisplayNames($"{i} {row.Make().Type}"));

    [TestCaseSource(nameof(Cases))]
    public void Each_layer_has_the_shape_and_the_parameters_it_promises_and_survives_its_own_JSON(Func<Layer> make, Shape output, int parameters)
    {
        var device = new CpuDevice(1);
        var layer = new Sequential(make());
        Assert.That(layer.Bind(Image), Is.EqualTo(output));
        Assert.That(layer.AllParameters().Sum(p => p.Shape.Count), Is.EqualTo(parameters));
        Assert.That(layer.Flops, Is.GreaterThanOrEqualTo(0));

        var text = Json(layer);
        using var document = JsonDocument.Parse(text);
        var again = new Sequential(LayerReader.ReadAll(new ConfigurationObject("", document.RootElement), "layers")!);
        again.Bind(Image);
        Assert.That(Json(again), Is.EqualTo(text));

        var x = new float[2 * Image.Count];
        for (var i = 0; i < x.Length; i++) x[i] = MathF.Sin(i);
        using (var values = ParameterSet.Allocate(layer, device, 3))
        using (var sameValues = ParameterSet.Allocate(again, device, 3))
        using (var tape = new Tape(device) { Seed = 1, Step = 2 })
        {
            var y = layer.Forward(tape.Variable(x, Image.Batched(2)));
            Assert.That(y.Shape, Is.EqualTo(output.Batched(2)));
            Assert.That(again.Forward(tape.Variable(x, Image.Batched(2))).ToArray(), Is.EqualTo(y.ToArray()));
            tape.Backward(y);
            foreach (var parameter in values.Parameters.Where(p => p.Kind == ParameterKind.Weight))
                Assert.That(parameter.Value.Gradient!.ToArray(), Has.Some.Not.Zero, parameter.Name);
        }
        device.Dispose();
        Assert.That(device.LiveBytes, Is.Zero);
    }

    [Test]
    public void LeNet_has_the_parameters_and_operations_of_hand_counting()
    {
        var network = Recipes.Read("lenet").CreateNetwork();
        network.Bind(new Shape(1, 28, 28));
        Assert.That(network.AllParameters().Sum(p => p.Shape.Count), Is.EqualTo(520 + 25_050 + 400_500 + 5_010));
        // Convolutions and products as 2·multiplications + bias, a pooling as its window, an activation as one.
        long conv1 = (2 * 25 + 1) * 20 * 576 + 20 * 576, pool1 = 4 * 20 * 144, conv2 = (2 * 500 + 1) * 50 * 64 + 50 * 64, pool2 = 4 * 50 * 16;
        long linear1 = (2 * 800 + 1) * 500 + 500, dropout = 500, linear2 = (2 * 500 + 1) * 10;
        Assert.That(network.Flops, Is.EqualTo(conv1 + pool1 + conv2 + pool2 + linear1 + dropout + linear2));
    }

    [Test]
    public void Layers_are_named_by_type_and_order_and_inside_each_other()
    {
        var network = new Sequential(
            new Conv2d(4, 1), new Conv2d(4, 1) { Name = "stem" }, new Residual(new Conv2d(4, 1), new Conv2d(4, 1)) { Shortcut = [new Conv2d(4, 1)], Name = "block" });
        network.Bind(Image);
        Assert.That(network.AllParameters().Select(p => p.Name).Where(n => n.EndsWith("weight", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "conv2d1.weight", "stem.weight", "block.conv2d1.weight", "block.conv2d2.weight", "block.shortcut.conv2d1.weight",
        }));
    }

    [Test]
    public void Two_dropouts_of_one_network_draw_other_masks_and_a_step_draws_its_own_again()
    {
        using var device = new CpuDevice(1);
        Dropout first = new(0.5f), second = new(0.5f);
        new Sequential(first, second).Bind(new Shape(512));
        using var tape = new Tape(device) { Seed = 1, Step = 1 };
        var x = tape.Input(Enumerable.Repeat(1f, 512).ToArray(), new Shape(1, 512));
        var mask = first.Forward(x).ToArray();
        Assert.That(second.Forward(x).ToArray(), Is.Not.EqualTo(mask));
        Assert.That(first.Forward(x).ToArray(), Is.EqualTo(mask));
        tape.Step = 2;
        Assert.That(first.Forward(x).ToArray(), Is.Not.EqualTo(mask));
    }

    [Test]
    public void A_convolution_with_ReLU_and_a_maximum_behind_it_is_one_operation_whose_result_stands_for_all_of_them()
    {
        using var device = new CpuDevice(1);
        var network = new Sequential(new Conv2d(3, 2), Activation.Relu(), new MaxPool2d(2), new Conv2d(5, 1) { Activation = Activation.Relu() }, new MaxPool2d(2),
            new Conv2d(2, 1) { Activation = Activation.Tanh() }, new MaxPool2d(2));
        network.Bind(new Shape(4, 17, 17));
        using var values = ParameterSet.Allocate(network, device, 3);
        using var tape = new Tape(device);
        var data = new float[2 * 4 * 17 * 17];
        for (var i = 0; i < data.Length; i++) data[i] = MathF.Sin(i);
        var x = tape.Input(data, new Shape(2, 4, 17, 17));
        var y = network.Forward(x).ToArray();
        var layers = network.Children;
        var outputs = layers.Select(layer => layer.Output).ToArray();
        Assert.That(outputs[..2], Is.All.SameAs(outputs[2]));
        Assert.That(new[] { outputs[3], layers[3].Children[0].Output }, Is.All.SameAs(outputs[4]));
        Assert.That(outputs[5], Is.Not.SameAs(outputs[6]));

        var passed = new List<object>();
        tape.Reset();
        tape.Passed = passed.Add;
        x = tape.Input(data, new Shape(2, 4, 17, 17));
        tape.Backward(network.Forward(x));
        Assert.That(passed, Is.EqualTo(new[] { layers[5], layers[3], layers[0] }));

        foreach (var layer in layers) x = layer.Forward(x);
        Assert.That(x.ToArray(), Is.EqualTo(y));
    }

    private static IEnumerable<TestCaseData> Misfits()
    {
        yield return Case(new Conv2d(4, 3) { InChannels = 3, Name = "conv2" }, Image, "conv2 (conv2d): expected samples [3, H, W], got [4, 9, 9].");
        yield return Case(new Conv2d(4, 11) { Name = "big" }, Image, "big (conv2d): Conv2d: expected an image of at least the kernel");
        yield return Case(new Conv2d(4, 3) { Groups = 3 }, Image, "conv2d1 (conv2d): expected input channels that are a multiple of 3 groups, got [4, 9, 9].");
        yield return Case(new Conv2d(5, 3) { Groups = 2 }, Image, "multiple of 2 groups, got 5");
        yield return Case(new Conv2d(4, 3), new Shape(7), "conv2d1 (conv2d): expected samples [C, H, W], got [7].");
        yield return Case(new MaxPool2d(10), Image, "max_pool2d1 (max_pool2d): MaxPool2d: expected an image of at least the kernel 10x10");
        yield return Case(new AveragePool2d(2) { Padding = (2, 2) }, Image, "at most half the kernel 2x2, got 2x2");
        yield return Case(new GlobalAveragePool(), new Shape(7), "global_average_pool1 (global_average_pool): expected samples [C, H, W], got [7].");
        yield return Case(new Linear(3) { InChannels = 10 }, Image, "linear1 (linear): expected a sample of 10 values, got [4, 9, 9] with 324.");
        yield return Case(new Residual(new Conv2d(8, 1)), Image, "residual1 (residual): expected the body's shape [8, 9, 9] from the identity beside it; give a shortcut, got [4, 9, 9].");
        yield return Case(new ZeroPad(1), new Shape(7), "zero_pad1 (zero_pad): expected samples [C, H, W], got [7].");

        static TestCaseData Case(Layer layer, Shape input, string message) => new TestCaseData(layer, input, message).SetArgDisplayNames(message);
    }

    [TestCaseSource(nameof(Misfits))]
    public void A_layer_that_does_not_fit_names_itself_and_both_shapes(Layer layer, Shape input, string message) =>
        Assert.That(() => new Sequential(layer).Bind(input), Throws.TypeOf<ShapeException>().With.Message.Contains(message));

    [Test]
    public void A_batch_of_other_samples_and_a_layer_without_shapes_are_refused()
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device);
        var x = tape.Input(new float[12], new Shape(2, 6));
        Assert.That(() => new Flatten().Forward(x), Throws.InvalidOperationException);
        var layer = new Flatten();
        layer.Bind(new Shape(5));
        Assert.That(() => layer.Forward(x), Throws.TypeOf<ShapeException>().With.Message.EqualTo("flatten: expected a batch of samples [5], got [2, 6]."));
    }

    private static string Json(Sequential network)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            network.WriteOptions(json);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
