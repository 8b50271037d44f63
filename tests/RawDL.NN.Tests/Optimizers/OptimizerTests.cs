using System.Numerics;

namespace RawDL.NN.Tests;

public sealed class OptimizerTests
{
    private static IEnumerable<string> Names => Optimizer.Names;

    private static IEnumerable<TestCaseData> Goldens()
    {
        foreach (var lines in OptimizerProbe.Golden("optimizers.txt", 3))
        {
            var parts = lines[0].Split('|');
            yield return new TestCaseData(parts[0], parts[1], parts[2], OptimizerProbe.Numbers(lines[1]), OptimizerProbe.Numbers(lines[2])).SetArgDisplayNames(lines[0]);
        }
    }

    // PyTorch rounds in another order: a few units in the last place of weights up to 2, more where the divisor of a rule is small.
    [TestCaseSource(nameof(Goldens))]
    public void Agrees_with_PyTorch(string name, string options, string extra, float[] first, float[] last)
    {
        using var probe = OptimizerProbe.Vector(first.Length);
        using var optimizer = Optimizer.Parse(name, OptimizerProbe.Options(options));
        var values = OptimizerProbe.Options(extra);
        optimizer.Regularization = new Regularization
        {
            L1 = values.GetValueOrDefault("l1"),
            L2 = values.GetValueOrDefault("l2"),
            Decay = values.GetValueOrDefault("decay"),
            ClipValue = values.GetValueOrDefault("clip_value", float.PositiveInfinity),
            ClipNorm = values.GetValueOrDefault("clip_norm", float.PositiveInfinity),
        };
        optimizer.Attach(probe.Set);
        probe.Run(optimizer, 1, 1);
        Assert.That(probe.Values, Is.EqualTo(first).Within(5e-7));
        probe.Run(optimizer, 2, 20);
        Assert.That(probe.Values, Is.EqualTo(last).Within(3e-6));
    }

    [TestCaseSource(nameof(Names))]
    public void Same_bits_for_any_threads(string name)
    {
        float[]? expected = null;
        foreach (var threads in (int[])[1, 2])
        {
            using var probe = OptimizerProbe.Vector(100_003, threads);
            using var optimizer = Optimizer.Parse(name);
            optimizer.Regularization = new Regularization { L1 = 0.01f, L2 = 0.1f, Decay = 0.1f, ClipNorm = 10f };
            optimizer.Attach(probe.Set);
            probe.Run(optimizer, 1, 5);
            expected ??= probe.Values;
            Assert.That(Bits(probe.Values), Is.EqualTo(Bits(expected)));
        }
    }

    // A clip that nothing reaches takes the way of all that regularises.
    [TestCaseSource(nameof(Names))]
    public void What_a_segment_leaves_out_changes_no_bit(string name)
    {
        foreach (var regularization in new Regularization[] { new(), new() { L2 = 0.1f, Decay = 0.1f } })
            Assert.That(Bits(After(regularization)), Is.EqualTo(Bits(After(regularization with { ClipValue = 1e30f }))));

        float[] After(Regularization regularization)
        {
            using var probe = OptimizerProbe.Vector(1003);
            using var optimizer = Optimizer.Parse(name);
            optimizer.Regularization = regularization;
            optimizer.Attach(probe.Set);
            probe.Run(optimizer, 1, 5);
            return probe.Values;
        }
    }

    [TestCaseSource(nameof(Names))]
    public void Goes_on_exactly_from_copied_states(string name)
    {
        using var whole = OptimizerProbe.Vector(37);
        using var rest = OptimizerProbe.Vector(37);
        using var optimizer = Optimizer.Parse(name);
        using var resumed = Optimizer.Parse(name, optimizer.Options.ToDictionary(option => option.Name, option => option.Value));
        optimizer.Attach(whole.Set);
        resumed.Attach(rest.Set);
        Assert.That(resumed.States, Has.Count.EqualTo(resumed.StateNames.Count));
        whole.Run(optimizer, 1, 7);
        rest.Set.CopyFrom(whole.Values);
        for (var i = 0; i < optimizer.States.Count; i++) resumed.States[i].CopyFrom(optimizer.States[i].ToArray());
        whole.Run(optimizer, 8, 15);
        rest.Run(resumed, 8, 15);
        Assert.That(Bits(rest.Values), Is.EqualTo(Bits(whole.Values)));
        // And back: the number of the step alone decides.
        rest.Run(resumed, 3, 3);
        whole.Run(optimizer, 3, 3);
        Assert.That(Bits(rest.Values), Is.EqualTo(Bits(whole.Values)));
    }

    [TestCaseSource(nameof(Names))]
    public void Allocates_nothing_from_the_second_step(string name)
    {
        using var probe = new OptimizerProbe(1, ("a.weight", new Shape(300), ParameterKind.Weight), ("a.bias", new Shape(3), ParameterKind.Bias), ("b.weight", new Shape(50), ParameterKind.Weight));
        using var optimizer = Optimizer.Parse(name);
        optimizer.Regularization = new Regularization { L2 = 0.1f, ClipNorm = 1f, ClipNormPerLayer = 0.5f };
        optimizer.Attach(probe.Set);
        probe.Run(optimizer, 1, 2);
        var (buffers, bytes) = (probe.Device.Allocations, GC.GetAllocatedBytesForCurrentThread());
        for (var step = 3; step < 20; step++) optimizer.Step(step, 0.01f);
        Assert.That(probe.Device.Allocations, Is.EqualTo(buffers));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - bytes, Is.LessThan(17 * 256), "managed bytes of 17 steps");
    }

    [TestCase("sgd", 0.2f)]
    [TestCase("momentum", 0.05f)]
    [TestCase("nesterov", 0.05f)]
    [TestCase("adagrad", 0.5f)]
    [TestCase("rmsprop", 0.01f)]
    [TestCase("adadelta", 20f)]
    [TestCase("adam", 0.05f)]
    [TestCase("adamw", 0.05f)]
    [TestCase("adamax", 0.05f)]
    [TestCase("nadam", 0.05f)]
    [TestCase("amsgrad", 0.05f)]
    public void Minimises_a_quadratic(string name, float rate)
    {
        using var probe = OptimizerProbe.Vector(20);
        using var optimizer = Optimizer.Parse(name, new Dictionary<string, float> { ["learning_rate"] = rate });
        optimizer.Attach(probe.Set);
        for (var step = 1; step <= 1000; step++)
        {
            // ½·Σ c·(w − 1)², c from ½ to 2.
            var gradients = probe.Values;
            for (var i = 0; i < gradients.Length; i++) gradients[i] = (gradients[i] - 1) * (0.5f + 1.5f * i / 19);
            probe.Set.Gradients.CopyFrom(gradients);
            optimizer.Step(step, optimizer.LearningRate);
        }
        // AdamW's decay moves the minimum by up to 2 %.
        Assert.That(probe.Values, Is.All.EqualTo(1f).Within(0.03));
    }

    [Test]
    public void Scalar_and_vector_forms_give_the_same_bits()
    {
        Check(new SgdRule(0.1f));
        Check(new MomentumRule(0.1f, 0.9f));
        Check(new NesterovRule(0.1f, 0.9f));
        Check(new AdaGradRule(0.1f, 1e-10f));
        Check(new RmsPropRule(0.1f, 0.99f, 0.01f, 1e-8f));
        Check(new AdaDeltaRule(0.1f, 0.9f, 0.1f, 1e-6f));
        Check(AdamRule.Of(3, 0.1, 0.9, 0.999, 1e-8f));
        Check(AmsGradRule.Of(3, 0.1, 0.9, 0.999, 1e-8f));
        Check(new AdaMaxRule(0.1f, 0.9f, 0.1f, 0.999f, 1e-8f));
        Check(new NadamRule(0.01f, 0.1f, 0.9f, 0.1f, 0.999f, 0.001f, 3f, 1e-8f));

        static void Check<TRule>(TRule rule) where TRule : IUpdateRule
        {
            var random = new Random(1);
            float[] special = [0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, 1e-30f];
            for (var trial = 0; trial < 2000; trial++)
            {
                float Draw() => random.Next(40) < special.Length ? special[random.Next(special.Length)] : random.NextSingle() * 4 - 2;
                var (value, gradient) = (Draw(), Draw());
                float s0 = Draw(), s1 = MathF.Abs(Draw()), s2 = MathF.Abs(Draw());
                Vector<float> v0 = new(s0), v1 = new(s1), v2 = new(s2);
                var vector = rule.Apply(new Vector<float>(value), new Vector<float>(gradient), ref v0, ref v1, ref v2);
                var scalar = rule.Apply(value, gradient, ref s0, ref s1, ref s2);
                Assert.That(Bits([vector[0], v0[0], v1[0], v2[0]]), Is.EqualTo(Bits([scalar, s0, s1, s2])), TRule.Kernel);
            }
        }
    }

    [TestCaseSource(nameof(Names))]
    public void A_diverged_gradient_is_seen(string name)
    {
        foreach (var wrong in (float[])[float.NaN, float.PositiveInfinity])
        {
            using var probe = OptimizerProbe.Vector(5);
            using var optimizer = Optimizer.Parse(name);
            optimizer.Regularization = new Regularization { ClipNorm = 1f };
            optimizer.Attach(probe.Set);
            probe.Set.Gradients.CopyFrom([1f, 1f, wrong, 1f, 1f]);
            Assert.That(double.IsFinite(optimizer.GradientNorm()), Is.False);
            optimizer.Step(1, 0.1f);
            Assert.That(float.IsFinite(probe.Values[2]), Is.False);
        }
    }

    // NaN may carry any sign and payload.
    private static int[] Bits(float[] values) => Array.ConvertAll(values, value => float.IsNaN(value) ? int.MaxValue : BitConverter.SingleToInt32Bits(value));
}
