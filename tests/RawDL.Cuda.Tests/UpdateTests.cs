using System.Numerics;
using RawDL.NN;

namespace RawDL.Cuda.Tests;

/// <summary>The optimizers against the CPU, and the tables of a step that runs without the host.</summary>
internal sealed class UpdateTests : EmulatedFixture
{
    private static IReadOnlyList<string> Names => Optimizer.Names;

    [TestCaseSource(nameof(Names))]
    public void Steps_are_those_of_the_cpu(string name)
    {
        using var cpu = new CpuDevice(1);
        // 40 parameters: more segments than one launch takes. No clipping by norm, and clipping by value that some gradients meet.
        foreach (var regularization in (Regularization[])[new(), new() { L1 = 0.01f, L2 = 0.02f, Decay = 0.03f, ClipValue = 1.5f }])
        {
            var (expected, actual) = (Run(cpu, name, regularization), Run(Device, name, regularization));
            Assert.That(actual, Has.Length.EqualTo(expected.Length));
            for (var i = 0; i < expected.Length; i++) Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-6f * (1 + MathF.Abs(expected[i]))), $"element {i}");
        }
    }

    private static float[] Run(Device device, string name, Regularization regularization)
    {
        var model = new Sequential([.. Enumerable.Range(0, 20).Select(i => (Layer)new Linear(i == 7 ? 101 : 3 + i % 4))]);
        model.Bind(new Shape(5));
        using var set = ParameterSet.Allocate(model, device, 3);
        using var optimizer = Optimizer.Parse(name);
        optimizer.Regularization = regularization;
        optimizer.Attach(set);
        var gradients = new float[set.TrainableCount];
        for (var step = 1; step <= 4; step++)
        {
            for (var i = 0; i < gradients.Length; i++) gradients[i] = (i * 7 + step * 13) % 31 / 8f - 2;
            set.Gradients.CopyFrom(gradients);
            optimizer.Step(step, optimizer.LearningRate);
        }
        return [.. set.Values.ToArray(), .. optimizer.States.SelectMany(state => state.ToArray())];
    }

    [Test]
    public void NaN_and_infinity_reach_the_weights()
    {
        var (values, gradients) = (Tensor(Device, [1f, 2f, 3f, 4f]), Tensor(Device, [float.NaN, float.PositiveInfinity, 1f, float.NegativeInfinity]));
        values.Update(gradients, [new UpdateSegment(0, 4, 1f, float.PositiveInfinity, 0f, 0f, 0f)], new Descent(0.5f), []);
        Assert.That(values.ToArray(), Is.EqualTo(new[] { float.NaN, float.NegativeInfinity, 2.5f, float.PositiveInfinity }));
        values.Buffer.Dispose();
        gradients.Buffer.Dispose();
    }

    [Test]
    public void Rules_and_segments_come_from_the_tables_of_the_step()
    {
        var (values, gradients) = (Tensor(Device, [0f, 0f, 0f, 0f]), Tensor(Device, [1f, 1f, 1f, 1f]));
        var rules = Tensor(Device, [1f, 10f, 100f]);
        UpdateSegment[] segments = [new(0, 1, 1f, 9f, 0f, 0f, 0f), new(2, 2, 2f, 9f, 0f, 0f, 0f)];
        UpdateSegment[] table = [.. segments, segments[0] with { Scale = 3f }, segments[1] with { Count = 1, Scale = 4f }, .. segments];
        var bytes = Tensor(Device, System.Runtime.InteropServices.MemoryMarshal.Cast<UpdateSegment, int>(table));
        (Cuda.RuleTable, Cuda.SegmentTable) = (Address(rules), Address(bytes));
        for (var step = 0; step < 3; step++)
        {
            values.Update(gradients, segments, new Descent(0f), []);
            Cuda.AdvanceStep(32);
        }
        (Cuda.RuleTable, Cuda.SegmentTable) = (0, 0);
        Assert.That(values.ToArray(), Is.EqualTo(new[] { -131f, 0f, -242f, -202f }));
        Assert.That(Cuda.ReadState(), Is.EqualTo(new StepState(3, 3, 96, 0)));
        Cuda.WriteState(default);
        foreach (var tensor in (Tensor[])[values, gradients, rules, bytes]) tensor.Buffer.Dispose();
    }

    [Test]
    public void Losses_are_kept_at_the_index_of_the_step_and_a_failed_step_changes_nothing()
    {
        var (values, losses) = (Tensor(Device, [3f, 4f]), Tensor(Device, new float[3]));
        Cuda.WriteState(new StepState(0, 1, 0, 0));
        Cuda.StoreScalar(values, losses);
        Cuda.CheckSquares(values);
        Assert.That(losses.ToArray(), Is.EqualTo(new[] { 0f, 3f, 0f }));
        Assert.That(Cuda.ReadState(), Is.EqualTo(new StepState(0, 1, 0, 0)));

        var infinite = Tensor(Device, [1f, float.PositiveInfinity]);
        Cuda.CheckSquares(infinite);
        values.Update(values, [new UpdateSegment(0, 2, 1f, float.PositiveInfinity, 0, 0, 0)], new Descent(1f), []);
        Cuda.AdvanceStep(5);
        Assert.That(Cuda.ReadState(), Is.EqualTo(new StepState(0, 1, 0, 0, Failed: 1)));
        Assert.That(values.ToArray(), Is.EqualTo(new[] { 3f, 4f }));
        Cuda.WriteState(default);
        foreach (var tensor in (Tensor[])[values, losses, infinite]) tensor.Buffer.Dispose();
    }

    private static ulong Address(Tensor tensor) => ((CudaBuffer)tensor.Buffer).Address;

    // The rule of Sgd, which is internal to its project.
    private readonly record struct Descent(float Rate) : IUpdateRule
    {
        public static string Kernel => "sgd";
        public static int StateCount => 0;
        public float Apply(float value, float gradient, ref float state0, ref float state1, ref float state2) => value - Rate * gradient;
        public Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> state0, ref Vector<float> state1, ref Vector<float> state2) => value - Rate * gradient;
    }
}
