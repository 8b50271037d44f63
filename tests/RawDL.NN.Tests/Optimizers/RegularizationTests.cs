namespace RawDL.NN.Tests;

public sealed class RegularizationTests
{
    private static OptimizerProbe Layers() => new(1,
        ("block.a.weight", new Shape(2, 3), ParameterKind.Weight), ("block.a.bias", new Shape(2), ParameterKind.Bias),
        ("block.norm.mean", new Shape(4), ParameterKind.Statistic),
        ("block.b.weight", new Shape(4), ParameterKind.Weight), ("block.b.bias", new Shape(1), ParameterKind.Bias));

    // w ← w − 0.5·g is exact here, so that w shows the gradient that the rule saw.
    private static float[] Moved(OptimizerProbe probe, Regularization regularization, float[] gradients)
    {
        using var optimizer = new Sgd(0.5f) { Regularization = regularization };
        optimizer.Attach(probe.Set);
        probe.Set.Gradients.CopyFrom(gradients);
        var before = probe.Values;
        optimizer.Step(1, 0.5f);
        var after = probe.Values;
        Assert.That(after[13..], Is.EqualTo(before[13..]), "statistics");
        return Array.ConvertAll(Enumerable.Range(0, 13).ToArray(), i => (before[i] - after[i]) * 2);
    }

    [Test]
    public void Penalties_and_decay_leave_biases_alone()
    {
        using var probe = Layers();
        var w = probe.Values;
        var expected = new float[13];
        for (var i = 0; i < 13; i++) expected[i] = i is 6 or 7 or 12 ? 0 : 0.25f * MathF.Sign(w[i]) + 0.5f * w[i] * 0.75f + 0.25f * w[i];
        // Decay comes first: the step's rate takes half of it, and the rule sees w before it.
        var moved = Moved(probe, new Regularization { L1 = 0.25f, L2 = 0.375f, Decay = 0.25f }, new float[13]);
        Assert.That(moved, Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void Values_are_clipped_everywhere()
    {
        using var probe = Layers();
        var gradients = Array.ConvertAll(Enumerable.Range(-6, 13).ToArray(), i => (float)i);
        Assert.That(Moved(probe, new Regularization { ClipValue = 2f }, gradients), Is.EqualTo(Array.ConvertAll(gradients, g => Math.Clamp(g, -2, 2))));
    }

    [Test]
    public void The_norm_is_clipped_only_above()
    {
        using var probe = Layers();
        var gradients = new float[13];
        (gradients[0], gradients[7], gradients[11]) = (2f, 3f, 6f);
        Assert.That(Moved(probe, new Regularization { ClipNorm = 7f }, gradients), Is.EqualTo(gradients));
        Assert.That(Moved(probe, new Regularization { ClipNorm = 3.5f }, gradients), Is.EqualTo(Array.ConvertAll(gradients, g => g / 2)));
        using var optimizer = new Sgd();
        optimizer.Attach(probe.Set);
        Assert.That(optimizer.GradientNorm(), Is.EqualTo(7));
    }

    [Test]
    public void Each_layer_is_clipped_then_the_whole()
    {
        using var probe = Layers();
        var gradients = new float[13];
        (gradients[0], gradients[7], gradients[8], gradients[12]) = (6f, 8f, 2f, 1f);
        var perLayer = new float[13];
        (perLayer[0], perLayer[7], perLayer[8], perLayer[12]) = (3f, 4f, 2f, 1f);
        Assert.That(Moved(probe, new Regularization { ClipNormPerLayer = 5f }, gradients), Is.EqualTo(perLayer));
        var norm = MathF.Sqrt(9 + 16 + 4 + 1);
        Assert.That(Moved(probe, new Regularization { ClipNormPerLayer = 5f, ClipNorm = norm / 2 }, gradients),
            Is.EqualTo(Array.ConvertAll(perLayer, g => g / 2)).Within(1e-6));
    }

    [Test]
    public void Ranges_are_checked()
    {
        using var optimizer = new Sgd();
        Assert.That(() => optimizer.Regularization = new Regularization { L1 = -1 }, Throws.ArgumentException.With.Message.EqualTo("regularization: expected l1 >= 0, got -1."));
        Assert.That(new Regularization { L2 = float.PositiveInfinity }.Require, Throws.ArgumentException);
        Assert.That(new Regularization { Decay = float.NaN }.Require, Throws.ArgumentException);
        Assert.That(new Regularization { ClipValue = 0 }.Require, Throws.ArgumentException.With.Message.EqualTo("regularization: expected clip_value > 0, got 0."));
        Assert.That(new Regularization { ClipNorm = float.NaN }.Require, Throws.ArgumentException);
        Assert.That(new Regularization { ClipNormPerLayer = -1 }.Require, Throws.ArgumentException);
        Assert.That(new Regularization().Require, Throws.Nothing);
    }
}
