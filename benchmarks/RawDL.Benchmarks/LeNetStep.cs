using System.Numerics;

namespace RawDL.Benchmarks;

/// <summary>LeNet from operations alone: filters of 5 by 5, ReLU, max-pool, filters of 5 by 5, ReLU, max-pool, hidden units, ReLU, 10 classes; a training step is that,
/// softmax cross-entropy, backward and descent with momentum. Images [Batch, 1, 28, 28], no padding.</summary>
public sealed class LeNetStep : IDisposable
{
    private readonly float[] _images;
    private readonly int[] _labels;
    private Tape? _inference;
    private readonly DeviceBuffer _values, _gradients, _velocity;
    private readonly Tensor _flatValues, _flatGradients;
    // What a step begins with zeros, and what a product overwrites.
    private readonly List<Tensor> _zeros = [];
    private readonly List<(Tensor Parameter, Tensor Gradient)> _matrices = [];
    private readonly Tensor[] _states;
    private readonly Tensor[] _parameters;

    public LeNetStep(Device device, int batch) : this(device, batch, LeNetWidths.Standard) { }

    public LeNetStep(Device device, int batch, LeNetWidths widths)
    {
        Batch = batch;
        Tape = new Tape(device);
        _images = Numbers(1, batch * 784, 0f, 1f);
        _labels = new int[batch];
        for (var i = 0; i < batch; i++) _labels[i] = i % 10;
        var shapes = widths.Shapes;
        var count = 0;
        foreach (var shape in shapes) count += shape.Count;
        (_values, _gradients, _velocity) = (device.Allocate(count), device.Allocate(count), device.Allocate(count));
        (_flatValues, _flatGradients) = (new(_values, 0, new(count)), new(_gradients, 0, new(count)));
        _states = [new(_velocity, 0, new(count))];
        _states[0].Fill(0f);
        _parameters = new Tensor[shapes.Length];
        var offset = 0;
        for (var i = 0; i < shapes.Length; offset += shapes[i++].Count)
        {
            var gradient = new Tensor(_gradients, offset, shapes[i]);
            _parameters[i] = new(_values, offset, shapes[i]) { Gradient = gradient };
            if (shapes[i].Rank == 2) _matrices.Add((_parameters[i], gradient));
            else _zeros.Add(gradient);
            // LeCun's scale: 1 / √fan-in.
            var bound = shapes[i].Rank == 1 ? 0f : MathF.Sqrt(3f * shapes[i][0] / shapes[i].Count);
            _parameters[i].CopyFrom(Numbers(2 + i, shapes[i].Count, -bound, bound));
        }
    }

    public int Batch { get; }

    public Tape Tape { get; }

    /// <summary>The images of the batch, [Batch, 1, 28, 28].</summary>
    public ReadOnlySpan<float> Images => _images;

    /// <summary>All parameters, in the order of the layers, each weight before its bias.</summary>
    public float[] Parameters => _flatValues.ToArray();

    /// <summary>The loss before the update; the device has ended.</summary>
    public float Run()
    {
        // Its weights are about to change.
        _inference?.Dispose();
        _inference = null;
        Tape.Reset();
        foreach (var gradient in _zeros) gradient.Fill(0f);
        foreach (var (parameter, gradient) in _matrices) parameter.BeginGradient(gradient);
        var loss = Forward(Tape).SoftmaxCrossEntropy(Tape.Labels(_labels));
        Tape.Backward(loss);
        UpdateSegment segment = new(0, _flatValues.Count, 1f, float.PositiveInfinity, 0f, 0f, 0f);
        _flatValues.Update(_flatGradients, [segment], new Descent(0.01f, 0.9f), _states);
        return loss.Item();
    }

    /// <summary>The forward pass alone, nothing recorded.</summary>
    /// <param name="logits">[Batch, 10].</param>
    public void Infer(Span<float> logits)
    {
        _inference ??= new Tape(Tape.Device, TapeMode.Inference) { FixedWeights = true };
        _inference.Reset();
        Forward(_inference).CopyTo(logits);
    }

    public void Dispose()
    {
        Tape.Dispose();
        _inference?.Dispose();
        _values.Dispose();
        _gradients.Dispose();
        _velocity.Dispose();
    }

    private Tensor Forward(Tape tape) => tape.Input(_images, new Shape(Batch, 1, 28, 28))
        .Conv2dReluMaxPool2d(_parameters[0], _parameters[1])
        .Conv2dReluMaxPool2d(_parameters[2], _parameters[3])
        .Flatten().Linear(_parameters[4], _parameters[5]).Relu().Linear(_parameters[6], _parameters[7]);

    // Numerical Recipes' linear congruence: any numbers do.
    private static float[] Numbers(int seed, int count, float low, float high)
    {
        var state = (uint)seed;
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
        {
            state = state * 1664525 + 1013904223;
            value = low + (high - low) * (state >> 8) / (1 << 24);
        }
        return values;
    }

    // u ← μ·u + g; w ← w − η·u: the momentum of RawDL.NN and of PyTorch. The fields are those that the kernel of the name expects.
    private readonly record struct Descent(float Rate, float Decay) : IUpdateRule
    {
        public static string Kernel => "momentum";
        public static int StateCount => 1;

        public float Apply(float value, float gradient, ref float velocity, ref float state1, ref float state2)
        {
            velocity = Decay * velocity + gradient;
            return value - Rate * velocity;
        }

        public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> velocity, ref Vector<float> state1, ref Vector<float> state2)
        {
            velocity = Decay * velocity + gradient;
            return value - Rate * velocity;
        }
    }
}
