namespace RawDL.NN.Tests;

/// <summary>What gradients hold between their beginning and their end.</summary>
public sealed class GradientMemoryTests
{
    [Test]
    public void What_is_begun_is_what_is_zeroed([Values(1, 2)] int passes, [Values] bool reachesAll)
    {
        using var device = new CpuDevice(1);
        using var tape = new Tape(device);
        Layer[] layers = [new Linear(6) { Activation = Activation.Relu() }, new Linear(4)];
        var model = new Sequential(layers);
        model.Bind(new Shape(5));
        using var set = ParameterSet.Allocate(model, device, 1);
        set.Gradients.Fill(float.NaN);
        set.ZeroGradients();
        var expected = Pass();
        set.Gradients.Fill(float.NaN);
        set.BeginGradients();
        Assert.That(Pass(), Is.EqualTo(expected));

        float[] Pass()
        {
            for (var pass = 0; pass < passes; pass++)
            {
                tape.Reset();
                var x = tape.Input([1, 2, 3, 4, 5, -1, -2, -3, -4, 5], new Shape(2, 5));
                tape.Backward((reachesAll ? model.Forward(x) : layers[0].Forward(x)).Sum());
            }
            set.EndGradients();
            return set.Gradients.ToArray();
        }
    }
}
