namespace RawDL.Cuda.Tests;

/// <summary>Dropout has the bits of the CPU: element by element, forward and backward.</summary>
internal sealed class DropoutTests : EmulatedFixture
{
    [Test]
    public void Bits_are_those_of_the_cpu([Values(1, 3, 4, 5, 1003, 20001)] int count, [Values(0, 1, 3, 6)] int firstRow, [Values(0.1f, 0.5f)] float rate)
    {
        using var cpu = new CpuDevice(1);
        var (expected, actual) = (Run(cpu, count, firstRow, rate, 3), Run(Device, count, firstRow, rate, 3));
        Assert.That(Bits(actual.Output), Is.EqualTo(Bits(expected.Output)));
        Assert.That(Bits(actual.Gradient), Is.EqualTo(Bits(expected.Gradient)));
    }

    [Test]
    public void Step_of_the_device_is_added()
    {
        Cuda.WriteState(new StepState(5, 0, 0, 0));
        var moved = Run(Device, 1003, 0, 0.4f, (1UL << 32) - 2);
        Cuda.WriteState(default);
        Assert.That(moved.Output, Is.EqualTo(Run(Device, 1003, 0, 0.4f, 3).Output), "only the low half of the step counts");
    }

    private static (float[] Output, float[] Gradient) Run(Device device, int count, int firstRow, float rate, ulong step)
    {
        using var tape = new Tape(device) { Seed = 7UL << 40 | 9, Step = step, FirstRow = firstRow };
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = i % 17 == 5 ? float.PositiveInfinity : i * 0.37f - 50;
        // Rows of 1 and of count elements.
        var x = tape.Variable(values, firstRow % 2 == 0 ? new Shape(1, count) : new Shape(count));
        var y = x.Dropout(rate, 5UL << 56 | 3);
        tape.Backward(y, 1.3f);
        return (y.ToArray(), x.Gradient!.ToArray());
    }
}
