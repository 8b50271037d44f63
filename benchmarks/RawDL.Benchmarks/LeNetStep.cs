using System.Numerics;

namespace RawDL.Benchmarks;

/// <summary>One training step of LeNet from operations alone: 20 filters of 5 by 5, max-pool, 50 filters of 5 by 5, max-pool, 500 hidden units, 10 classes,
/// softmax cross-entropy, backward, plain gradient descent. Images [Batch, 1, 28, 28], no padding. 13.2 MFLOP per image.</summary>
public sealed class LeNetStep : IDisposable
{
    private static readonly Shape[] s_shapes =
        [new(20, 1, 5, 5), new(20), new(50, 20, 5, 5), new(50), new(500, 800), new(500), new(10, 500), new(10)];

    private readonly float[] _images;
    private readonly int[] _labels;
    private readonly DeviceBuffer _values, _gradients;
    private readonly Tensor _flatValues, _flatGradients;
    private readonly Tensor[] _parameters = new Tensor[s_shapes.Length];

    public LeNetStep(Device device, int batch)
    {
        Batch = batch;
        Tape = new Tape(device);
        _images = Numbers(1, batch * 784, 0f, 1f);
        _labels = new int[batch];
        for (var i = 0; i < batch; i++) _labels[i] = i % 10;
        var count = 0;
        foreach (var shape in s_shapes) count += shape.Count;
        (_values, _gradients) = (device.Allocate(count), device.Allocate(count));
        (_flatValues, _flatGradients) = (new(_values, 0, new(count)), new(_gradients, 0, new(count)));
        var offset = 0;
        for (var i = 0; i < s_shapes.Length; offset += s_shapes[i++].Count)
        {
            _parameters[i] = new(_values, offset, s_shapes[i]) { Gradient = new(_gradients, offset, s_shapes[i]) };
            // LeCun's scale: 1 / √fan-in.
            var bound = s_shapes[i].Rank == 1 ? 0f : MathF.Sqrt(3f * s_shapes[i][0] / s_shapes[i].Count);
            _parameters[i].CopyFrom(Numbers(2 + i, s_shapes[i].Count, -bound, bound));
        }
    }

    public int Batch { get; }

    public Tape Tape { get; }

    /// <summary>The loss before the update; the device has ended.</summary>
    public float Run()
    {
        Tape.Reset();
        _flatGradients.Fill(0f);
        var x = Tape.Input(_images, new Shape(Batch, 1, 28, 28));
        x = x.Conv2d(_parameters[0], _parameters[1]).MaxPool2d((2, 2), (2, 2));
        x = x.Conv2d(_parameters[2], _parameters[3]).MaxPool2d((2, 2), (2, 2));
        x = x.Flatten().Linear(_parameters[4], _parameters[5]).Relu().Linear(_parameters[6], _parameters[7]);
        var loss = x.SoftmaxCrossEntropy(Tape.Labels(_labels));
        Tape.Backward(loss);
        UpdateSegment segment = new(0, _flatValues.Count, 1f, float.PositiveInfinity, 0f, 0f, 0f);
        _flatValues.Update(_flatGradients, [segment], new Descent(0.01f), []);
        return loss.Item();
    }

    public void Dispose()
    {
        Tape.Dispose();
        _values.Dispose();
        _gradients.Dispose();
    }

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

    private readonly struct Descent(float rate) : IUpdateRule
    {
        public static string Kernel => "sgd";
        public static int StateCount => 0;
        public float Apply(float value, float gradient, ref float state0, ref float state1, ref float state2) => value - rate * gradient;
        public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> state0, ref Vector<float> state1, ref Vector<float> state2) =>
            value - rate * gradient;
    }
}
